/*
 * door.h - the front door as a runtime that it started sees it, before the runtime serves.
 *
 * Threads  one thread, before others exist.    Fork  before it.
 */
#ifndef EN_DOOR_H
#define EN_DOOR_H

#include "config/arena.h"

#include <enoki/config.h>

/* The front door's sockets, proto/frame.md's ENOKI_FD, ENOKI_PEERS_FD (connections of other
 * functions arrive there) and ENOKI_ROUTES_FD (by which this one asks for its own); -1: none. */
struct en_door {
    int fd;
    int peers;
    int routes;
};
#define EN_DOOR_NONE                                                                               \
    {                                                                                              \
        -1, -1, -1                                                                                 \
    }

/* Takes the three out of the environment. With a front door this process ends
 * when that one does. ENOKI_EINVAL: they are no sockets */
ENOKI_MUST_CHECK int en_door_find(struct en_door *out, struct enoki_error *err);

/* Says HELLO and waits for START: the variables that it names become the function's, in arena.
 * ENOKI_ECLOSED, ENOKI_EPROTO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_door_greet(const struct en_door *door, struct en_arena *arena,
                                   struct enoki_function_settings *function,
                                   struct enoki_error *err);

/* Tells why this runtime cannot start, as far as the socket takes it at once. */
void en_door_fail(const struct en_door *door, const struct enoki_error *err);

#endif
