/*
 * error.h - what a call that can fail returns, and the sentence that goes with it.
 *
 *   struct enoki_error err = ENOKI_ERROR_INIT;
 *   if (enoki_state_read(state, "x", &items, &err) != 0)
 *       fprintf(stderr, "%s\n", err.message);
 *
 * Calls return 0 or one negative code of the list below. Those that touch disk, network,
 * configuration or a plugin take a struct enoki_error as their last argument; NULL is
 * allowed there. A failed call changes nothing and writes no output except this.
 *
 * Memory   no allocation; the struct is the caller's.
 * Threads  any thread.    Fork  safe.
 */
#ifndef ENOKI_ERROR_H
#define ENOKI_ERROR_H

#include <enoki/base.h>

/* One code per thing that a caller would do differently. The numbers are ABI: append only. */
#define ENOKI_ERRORS(X)                                                                            \
    X(EINVAL, -1, "an argument is outside its documented range")                                   \
    X(ENOMEM, -2, "out of memory")                                                                 \
    X(ENOTFOUND, -3, "no such item, keygroup or function")                                         \
    X(EIO, -4, "the operating system reported an error")                                           \
    X(ETIMEOUT, -5, "the deadline passed")                                                         \
    X(EPROTO, -6, "the other side broke the protocol")                                             \
    X(ETLS, -7, "TLS material or handshake is not acceptable")                                     \
    X(ECONFIG, -8, "the configuration is wrong")                                                   \
    X(EPLUGIN, -9, "the function's library cannot be loaded")                                      \
    X(EFUNCTION, -10, "the function reported a failure")                                           \
    X(ELIMIT, -11, "a configured limit is reached")                                                \
    X(ECLOSED, -12, "closed or shutting down")                                                     \
    X(EKIND, -13, "the keygroup is of the other kind")                                             \
    X(ECONFLICT, -14, "somebody else changed the item")                                            \
    X(EUNCERTAIN, -15, "the write may or may not have happened")                                   \
    X(ESTALE, -16, "the replica is behind what this session has seen")                             \
    X(ENOSPACE, -17, "the disk is full")                                                           \
    X(EFORMAT, -18, "stored data is of another format version or damaged")                         \
    X(EDENIED, -19, "this user may not do that")                                                   \
    X(EUNAVAILABLE, -20, "no node that could answer is reachable")

enum enoki_status {
    ENOKI_OK = 0,
#define ENOKI_ERROR_ENUM(name, code, text) ENOKI_##name = code,
    ENOKI_ERRORS(ENOKI_ERROR_ENUM)
#undef ENOKI_ERROR_ENUM
};

#define ENOKI_ERROR_MESSAGE_BYTES 512

struct enoki_error {
    int status;                              /* 0 or a code of the list */
    char message[ENOKI_ERROR_MESSAGE_BYTES]; /* one line: what is wrong, what to do */
};

#define ENOKI_ERROR_INIT                                                                           \
    {                                                                                              \
        0, ""                                                                                      \
    }

/* The name of a code, such as "ENOTFOUND", and its text; both borrowed for ever.
 * A number that is not in the list gives "EUNKNOWN" and "unknown error". */
ENOKI_API const char *enoki_error_name(int status);
ENOKI_API const char *enoki_error_text(int status);

/* Sets *err, if it is not NULL, and returns status, so that a failing call ends in
 * `return enoki_error_set(err, ENOKI_EINVAL, "...", ...)`. Longer messages are cut. */
ENOKI_API int enoki_error_set(struct enoki_error *err, int status, const char *format, ...)
    ENOKI_PRINTF(3, 4);

#endif
