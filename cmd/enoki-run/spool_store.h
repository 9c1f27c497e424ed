/*
 * spool_store.h - the records of a spool on disk, in LMDB, whose pages are never changed in place:
 * a commit that was torn has not happened, and room of records that are gone is used again.
 *
 * Threads  commit: one thread at a time; next: any thread.    Fork  none.
 */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include "base/buffer.h"
#include "base/log.h"

#include <stdbool.h>

struct spool_store;

enum spool_kind { SPOOL_PUT, SPOOL_MARK, SPOOL_DROP };

/* A change; a PUT's number is above all others'. */
struct spool_change {
    struct spool_change *next;
    enum spool_kind kind;
    uint64_t number;
    uint32_t attempts;      /* MARK */
    struct en_buffer bytes; /* PUT */
    size_t freed;           /* DROP, after the commit: bytes of the record; 0: there was none */
};

/* What was there when it was opened. */
struct spool_content {
    uint64_t last_number; /* 0: nothing */
    uint64_t count, bytes;
};

/* What cannot be read as a whole is put aside, which the log says; path and log are borrowed.
 * ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int spool_store_open(struct spool_store **out, const char *path,
                                      uint64_t max_bytes, const struct en_log *log,
                                      struct spool_content *content, struct enoki_error *err);
void spool_store_close(struct spool_store *store);

/* All changes of a list, or none, with one fsync. Without with_puts the records are left out.
 * ENOKI_ELIMIT, ENOKI_EIO, with the reason in the log */
ENOKI_MUST_CHECK int spool_store_commit(struct spool_store *store, struct spool_change *first,
                                        bool with_puts);

/* The first record above a number and below another, copied to bytes, which is cleared. 1; 0: there
 * is none. ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int spool_store_next(struct spool_store *store, uint64_t above, uint64_t below,
                                      uint64_t *number_out, uint32_t *attempts_out,
                                      struct en_buffer *bytes);

#endif
