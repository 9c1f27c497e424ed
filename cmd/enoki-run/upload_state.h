/*
 * upload_state.h - the inside of struct uploads, for the files that make it up: upload.c (uploads,
 * rollbacks, the builder's thread), removal.c (what is deleted).
 *
 * Threads  as its fields say.
 */
#ifndef UPLOAD_STATE_H
#define UPLOAD_STATE_H

#include "upload.h"

#include <pthread.h>

enum job_kind {
    JOB_UPLOAD,
    JOB_UPLOAD_BY_URL,
    JOB_SWITCH, /* to a version that is in the store */
    JOB_REMOVE,
};

/* One thing to do, from its request to its answer. */
struct job {
    struct job *next;
    struct uploads *uploads;
    struct enoki_invocation *inv; /* NULL: nobody waits */
    enum job_kind kind;
    char name[ENOKI_NAME_MAX + 1];
    char version[65];
    bool keep; /* the version was there before: it stays if it does not start */
    int rc;
    struct enoki_error err;
    struct en_buffer output; /* of a build that failed */
    /* Of a removal: */
    const struct function *function; /* to wait for: its last runtime */
    char *code;                      /* a folder in .staging; NULL: none */
    char *state, *keygroup;          /* of the data that goes too; NULL: it stays */
};

struct uploads {
    struct node *node;
    char *root;
    const char *urls; /* that packages may be fetched from */
    struct en_wake *wake;
    pthread_t builder;
    bool has_builder;
    struct metrics_uploads done;
    struct job *removals; /* whose functions are not gone yet; loop thread */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Protected by mutex: */
    struct job *waiting, *built;
    bool ending;
};

/* upload.c. NULL after an answer: no memory. */
struct job *job_new(struct uploads *uploads, struct enoki_invocation *inv, enum job_kind kind);
void job_free(struct job *job);
/* Has the builder do it. */
void job_queue(struct job *job);

/* removal.c: in the builder's thread. */
void removal_run(struct job *job);
/* removal.c: takes away what an upload has left that does not become a version. */
void removal_of_version(const struct job *job);

#endif
