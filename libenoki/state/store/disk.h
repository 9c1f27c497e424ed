/*
 * disk.h - is there room?
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_DISK_H
#define EN_DISK_H

#include <stdbool.h>

/* True if the folder's file system, or the process's limit on file sizes, has next to no room for
 * LMDB's data file in it. */
bool en_disk_is_full(const char *folder);

#endif
