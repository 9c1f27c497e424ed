#include "invoke/access.h"

#include "base/clock.h"
#include "net/listen.h"

#define REMOTE_BYTES 64u

void en_access_log(const struct en_log *log, const struct en_access *access)
{
    const struct en_request *request = access->request;
    const struct en_text *id = en_request_header(request, "X-Request-Id");
    uint64_t now_us = en_clock_ns() / 1000;
    struct en_log own = *log;
    char remote[REMOTE_BYTES];
    bool has_remote =
        access->fd > 0 && en_listen_peer_name(access->fd, remote, sizeof(remote)) == 0;
    const struct en_log_number numbers[] = {
        {"status", (uint64_t)access->status},
        {"in", request->body.len},
        {"out", access->reply_bytes},
        {"us", now_us > access->started_us ? now_us - access->started_us : 0},
    };
    const struct en_log_field fields[] = {
        {"method", request->method.data},
        {"path", request->path.len == 0 ? NULL : request->path.data},
        {"function", access->function},
        {"protocol", access->protocol},
        {"remote", has_remote ? remote : NULL},
        {"request", id == NULL ? NULL : id->data},
        {"async", access->is_async ? "true" : NULL},
    };

    if (own.level < ENOKI_LOG_INFO)
        own.level = ENOKI_LOG_INFO;
    en_log_record(&own, ENOKI_LOG_INFO, "call", fields, sizeof(fields) / sizeof(fields[0]), numbers,
                  sizeof(numbers) / sizeof(numbers[0]));
}
