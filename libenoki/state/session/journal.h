/*
 * journal.h - the session on disk: a file of records that is written through a memory map, so that
 * a record survives kill -9 as soon as it is copied, without a system call.
 *
 * The file has its full length from the start: a disk that gets full is noticed when it is made,
 * not by a signal later. When it is full, a new one with what is still of use takes its place.
 *
 * Power     With durable a thread brings what was written to the disk, ten times a second. After a
 *           power loss the last moment may be missing: the file says which boot wrote it and
 * whether it was closed, so that is known. Threads   one thread at a time, but for the one of its
 * own.    Fork  after.
 */
#ifndef EN_SESSION_JOURNAL_H
#define EN_SESSION_JOURNAL_H

#include "state/session/table.h"

struct en_journal;

struct en_journal_options {
    const char *folder; /* DIR/KEYGROUP.session */
    bool durable;
    const char *boot_id; /* NULL: this machine's */
};

/* What was found. */
struct en_journal_news {
    bool is_in_doubt; /* something may be missing */
    bool was_damaged; /* the file was of no use: nothing of it was taken */
    bool was_cut;     /* its end was */
};

/*
 * Opens the folder, made if missing and locked as long as the journal is open, and calls load with
 * every record of the last one. Nothing can be written before the first en_journal_renew().
 *
 * ENOKI_ECLOSED  another process has it; ENOKI_ENOSPACE, ENOKI_EIO, ENOKI_ENOMEM, or load's status
 */
ENOKI_MUST_CHECK int
en_journal_open(struct en_journal **out, const struct en_journal_options *options,
                int (*load)(void *context, const struct en_table_content *content), void *context,
                struct en_journal_news *news, struct enoki_error *err);
/* Says in the file that nothing is missing. NULL is allowed. */
void en_journal_close(struct en_journal *journal);

/* Adds a record. ENOKI_ELIMIT: it is full, renew it. */
ENOKI_MUST_CHECK int en_journal_add(struct en_journal *journal,
                                    const struct en_table_content *content);

/* Puts a new file with the table's entries in the place of the old one. is_in_doubt is kept in it.
 * On failure the old one stays. ENOKI_ENOSPACE, ENOKI_EIO */
ENOKI_MUST_CHECK int en_journal_renew(struct en_journal *journal, struct en_table *table,
                                      bool is_in_doubt, struct enoki_error *err);

#endif
