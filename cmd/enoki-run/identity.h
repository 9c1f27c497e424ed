/*
 * identity.h - as which user a function runs, and what must belong to that user.
 *
 * Started as root, each keygroup has a user: functions that share one share a user, others cannot
 * reach its folder. No accounts are made: the owner of the folder of its state, made here, is the
 * record of which number a keygroup has.
 *
 * Threads  any thread; blocks on the disk.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "settings.h"

#include <limits.h>
#include <sys/types.h>

struct identity {
    bool is_other; /* than the node's own user */
    uid_t user;
    gid_t group;
    char folder[PATH_MAX]; /* of its state or sessions, its own; "": it runs as the node's user */
};

/* Finds the user of a function, and makes the folder of its state for it: 0700, and the way there
 * open to others. Settings as settings_copy() made them.
 * ENOKI_EINVAL: no such user, or this process is not root; ENOKI_ELIMIT: no number is free;
 * ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int identity_find(struct identity *out, const struct enoki_node_settings *node,
                                   const struct settings *settings, struct enoki_error *err);

/* Gives a folder and all in it to the user, for as long as a build runs. ENOKI_EIO */
ENOKI_MUST_CHECK int identity_give(const struct identity *identity, const char *folder,
                                   struct enoki_error *err);
/* Takes it back: the user's group may read all in it, and change nothing. ENOKI_EIO */
ENOKI_MUST_CHECK int identity_take(const struct identity *identity, const char *folder,
                                   struct enoki_error *err);

/* A keygroup that nothing was ever kept in: its folder, and so its user, is given up. state is a
 * URI. */
void identity_forget(const char *state, const char *keygroup);

#endif
