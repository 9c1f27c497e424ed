/*
 * connection_state.h - the inside of struct en_connection, for the files that make it up:
 * connection.c, connection_stream.c (answers that are sent as they come).
 *
 * Threads  one thread at a time.    Fork  belongs to one process.
 */
#ifndef EN_CONNECTION_STATE_H
#define EN_CONNECTION_STATE_H

#include "invoke/connection.h"
#include "invoke/date.h"
#include "invoke/input.h"
#include "invoke/output.h"
#include "wire/http_reader.h"

struct en_connection {
    int fd;
    const struct enoki_limits *limits;
    struct en_input input;
    struct en_output output;
    uint64_t now_ms;
    uint64_t idle_since_ms;    /* the last answer, or the beginning */
    uint64_t request_since_ms; /* the first byte of the request that is half here */
    uint64_t write_since_ms;   /* when something was sent last */
    uint64_t linger_since_ms;
    size_t linger_bytes;
    struct en_date date;
    bool may_read;    /* the last read was not short */
    bool in_call;     /* EN_WANT_CALL was returned, the reply is not here */
    bool close_after; /* after the next answer */
    bool closing;     /* after what is in output */
    bool linger;      /* the client may still be sending when we close */
    bool lingering;
    bool is_chunked; /* an answer that is sent as it comes */
    bool continued; /* 100 was sent for the request in progress */
    struct en_http_reader reader;
};

#endif
