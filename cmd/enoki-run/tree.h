/*
 * tree.h - whole folders that others may write to: what changes under our hands leads nowhere else,
 * because no path is ever looked up twice and no link is followed.
 *
 * Threads  any thread; blocks on the disk.
 */
#ifndef TREE_H
#define TREE_H

#include <enoki/error.h>

#include <sys/types.h>

/* Who the folder and all in it belong to, and who may read it: its owner alone, or its group too.
 * Files with several names keep what they have: one of them may be somewhere else. ENOKI_EIO */
ENOKI_MUST_CHECK int tree_own(const char *folder, uid_t user, gid_t group, int group_reads,
                              struct enoki_error *err);

/* Removes it. What is not there is no failure; what cannot be removed stays. */
void tree_remove(const char *folder);

#endif
