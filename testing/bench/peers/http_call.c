#include "http_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Splits the head off; returns false for an answer that is not a 200 with a Content-Length. */
static bool take_head(struct http_call *call, const char *end)
{
    size_t head_bytes = (size_t)(end - call->head) + 4;
    size_t body_here = call->head_len - head_bytes;
    const char *length;
    unsigned long long body;

    if (strncmp(call->head, "HTTP/1.1 200", 12) != 0)
        return false;
    length = strcasestr(call->head, "\r\nContent-Length:");
    if (length == NULL || length > end)
        return false;
    body = strtoull(length + strlen("\r\nContent-Length:"), NULL, 10);
    if (body < body_here)
        return false;
    call->in_body = true;
    call->body_left = (size_t)body - body_here;
    return true;
}

static void take(struct http_call *call, size_t len)
{
    const char *end;

    if (call->in_body) {
        call->body_left -= len;
    } else {
        call->head_len += len;
        call->head[call->head_len] = '\0';
        end = strstr(call->head, "\r\n\r\n");
        if ((end != NULL && !take_head(call, end)) ||
            (end == NULL && call->head_len == HTTP_CALL_HEAD_BYTES)) {
            call->state = HTTP_CALL_FAILED;
            return;
        }
    }
    if (call->in_body && call->body_left == 0)
        call->state = HTTP_CALL_DONE;
}

static void receive(struct http_call *call)
{
    char body[65536];

    while (call->state == HTTP_CALL_READING) {
        char *to = call->in_body ? body : call->head + call->head_len;
        size_t room = call->in_body ? sizeof(body) : HTTP_CALL_HEAD_BYTES - call->head_len;
        ssize_t len;

        if (call->in_body && room > call->body_left)
            room = call->body_left;
        len = recv(call->fd, to, room, 0);
        if (len > 0)
            take(call, (size_t)len);
        else if (len < 0 && errno == EINTR)
            continue;
        else if (len < 0 && errno == EAGAIN)
            return;
        else
            call->state = HTTP_CALL_FAILED;
    }
}

void http_call_advance(struct http_call *call)
{
    while (call->state == HTTP_CALL_SENDING) {
        ssize_t len = send(call->fd, call->request + call->request_sent,
                           call->request_len - call->request_sent, MSG_NOSIGNAL);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            return;
        if (len < 0) {
            call->state = HTTP_CALL_FAILED;
            return;
        }
        call->request_sent += (size_t)len;
        if (call->request_sent == call->request_len)
            call->state = HTTP_CALL_READING;
    }
    receive(call);
}

void http_call_begin(struct http_call *call, const char *path, const char *body)
{
    int len = snprintf(call->request, sizeof(call->request),
                       "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       path, strlen(body), body);

    call->head_len = 0;
    call->in_body = false;
    call->request_sent = 0;
    if (len < 0 || (size_t)len >= sizeof(call->request)) {
        call->state = HTTP_CALL_FAILED;
        return;
    }
    call->request_len = (size_t)len;
    call->state = HTTP_CALL_SENDING;
    http_call_advance(call);
}
