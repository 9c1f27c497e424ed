#include "invoke/route.h"

#include "wire/http_chars.h"

#include <string.h>

/* The next character of a path, percent-decoded; *at moves behind it. */
static char decode_next(const struct en_text *path, size_t *at)
{
    const char *c = path->data + *at;

    if (*c == '%' && path->len - *at >= 3) {
        int high = en_http_hex_value(c[1]), low = en_http_hex_value(c[2]);

        if (high >= 0 && low >= 0) {
            *at += 3;
            return (char)(high << 4 | low);
        }
    }
    *at += 1;
    return *c;
}

/* True if the path is "/NAME" or goes on with a '/' behind it; *end_out is where NAME ends. */
static bool is_under(const struct en_text *path, const char *name, size_t *end_out)
{
    size_t at = 1;

    if (path->len == 0 || path->data[0] != '/')
        return false;
    for (; *name != '\0'; name++)
        if (at >= path->len || decode_next(path, &at) != *name)
            return false;
    *end_out = at;
    return at == path->len || path->data[at] == '/';
}

enum en_route en_route_find(const struct en_request *request, const char *name,
                            struct en_text *subpath_out)
{
    const struct en_text *async;
    size_t end;

    *subpath_out = (struct en_text){"", 0};
    if (is_under(&request->path, name, &end)) {
        *subpath_out = (struct en_text){request->path.data + end, request->path.len - end};
        async = en_request_header(request, "X-tinyFaaS-Async");
        return async != NULL && async->len > 0 ? EN_ROUTE_ASYNC : EN_ROUTE_CALL;
    }
    if (strcmp(request->path.data, "/health") == 0 &&
        (en_request_method_is(request, "GET") || en_request_method_is(request, "HEAD")))
        return EN_ROUTE_HEALTH;
    /* "OPTIONS *" asks whether the server as a whole is there. */
    if (strcmp(request->path.data, "*") == 0)
        return EN_ROUTE_HEALTH;
    return EN_ROUTE_NONE;
}

void en_route_answer(enum en_route route, struct en_reply *reply)
{
    switch (route) {
    case EN_ROUTE_CALL:
        return;
    case EN_ROUTE_ASYNC:
        en_reply_text(reply, 202, "");
        return;
    case EN_ROUTE_HEALTH:
        en_reply_text(reply, 200, "OK");
        return;
    case EN_ROUTE_NONE:
        en_reply_text(reply, 404, "no such function\n");
        return;
    }
}
