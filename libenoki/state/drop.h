/*
 * drop.h - what this machine keeps of a keygroup, removed.
 *
 * Threads  any thread; blocks.    Fork  after.
 */
#ifndef EN_DROP_H
#define EN_DROP_H

#include <enoki/error.h>

/* The embedded store's folder DIR/KEYGROUP. Killed half way it is an empty keygroup.
 * ENOKI_ENOTFOUND: there is none; ENOKI_ECLOSED: some process has it open; ENOKI_EIO,
 * ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_drop_store(const char *dir, const char *keygroup, struct enoki_error *err);

/* The session DIR/KEYGROUP.session, as far as it is there: what was seen of a keygroup that is no
 * more would make its successor look stale. */
void en_drop_session(const char *dir, const char *keygroup);

#endif
