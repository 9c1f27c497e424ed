/*
 * access.h - the line that log.access asks for, one for each call:
 *
 *   time=... level=info msg=call status=200 in=5 out=5 us=812 method=POST path=/echo function=echo
 *   protocol=http remote=127.0.0.1:40102 request=ID async=true
 *
 * in and out are bytes of the bodies, us the time from the whole request to the answer; what is not
 * known is left out. The query is not logged: it may hold secrets.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_ACCESS_H
#define EN_ACCESS_H

#include "base/log.h"
#include "invoke/request.h"

struct en_access {
    const struct en_request *request;
    const char *function; /* NULL: there is none of that name */
    const char *protocol; /* NULL: not known */
    int fd;               /* the client's socket; 0: not known */
    uint64_t started_us;  /* monotonic */
    int status;
    size_t reply_bytes;
    bool is_async;
};

/* Whatever the log's level is. */
void en_access_log(const struct en_log *log, const struct en_access *access);

#endif
