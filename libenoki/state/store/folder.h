/*
 * folder.h - a keygroup's folder: who has it open, and what the disk may not have of it.
 *
 *   users    empty; locks on it say who opens and who has it open (they end with their process)
 *   boot     there while commits may be on no disk yet: the boot id they were made in
 *   data.mdb, lock.mdb   LMDB's
 *   queue    who writes, and group commit, see board.h
 *
 * Threads  one thread at a time.    Fork  after.
 */
#ifndef EN_FOLDER_H
#define EN_FOLDER_H

#include <enoki/error.h>

#include <stdbool.h>
#include <sys/types.h>

struct en_folder {
    char *path;
    int users_fd;
    bool first; /* nobody else has it open; until en_folder_settle() */
    dev_t device;
    ino_t inode;
};

/* Makes DIR, its parents and DIR/NAME, for their owner only, unless it must exist, and opens it.
 * On success: en_folder_fini().
 *
 * ENOKI_ENOTFOUND, ENOKI_EIO, ENOKI_ENOMEM, ENOKI_ENOSPACE */
ENOKI_MUST_CHECK int en_folder_init(struct en_folder *folder, const char *dir, const char *name,
                                    bool must_exist, struct enoki_error *err);
/* Drops all locks. */
void en_folder_fini(struct en_folder *folder);

/* Keeps others from opening until en_folder_settle(), and finds out whether this is the first. */
ENOKI_MUST_CHECK int en_folder_lock(struct en_folder *folder, struct enoki_error *err);
/* From now on the folder is in use, and others may open it too. */
ENOKI_MUST_CHECK int en_folder_settle(struct en_folder *folder, struct enoki_error *err);

/* Before closing: waits for those who open, and says whether nobody else is left. */
bool en_folder_is_last(struct en_folder *folder);

/* Gives a file at least so many bytes that are really there: writing to a mapped file on a full
 * disk would kill the process. */
ENOKI_MUST_CHECK int en_folder_reserve(const struct en_folder *folder, const char *file,
                                       size_t bytes, struct enoki_error *err);

/* What the file boot says. */
enum en_folder_boot {
    EN_BOOT_CLEAN,   /* everything is on disk */
    EN_BOOT_CURRENT, /* commits of this boot may not be on disk: nothing to do while it lasts */
    EN_BOOT_LOST,    /* the machine stopped before they were: verify before use */
};

ENOKI_MUST_CHECK int en_folder_boot(const struct en_folder *folder, enum en_folder_boot *out,
                                    struct enoki_error *err);
/* Before the first commit that need not reach the disk; durable itself. */
ENOKI_MUST_CHECK int en_folder_mark_boot(const struct en_folder *folder, struct enoki_error *err);
/* After everything reached the disk. */
void en_folder_clear_boot(const struct en_folder *folder);

#endif
