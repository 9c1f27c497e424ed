/*
 * external.h - the inside of <enoki/external.h>: one program of a process, and the calls it has.
 *
 * Threads  any thread of the process; what is protected by what stands at each member.
 * Fork     after.
 */
#ifndef EN_EXTERNAL_H
#define EN_EXTERNAL_H

#include "base/buffer.h"
#include "invoke/instance.h"
#include "state/relay/relay.h"
#include "wire/frame.h"

#include <enoki/external.h>

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* What a program is started with; made once, before any thread. */
struct en_external_words {
    char *path;         /* of the interpreter, or the script */
    char *arguments[3]; /* ends with NULL */
    char **environment; /* ends with NULL */
};

/* Who reads looks up so often: well within what is left of a call's time for its last words. */
#define EN_EXTERNAL_LOOK_MS 20
/* Calls of other functions that run at the same time. */
#define EN_EXTERNAL_ASKERS_MAX 16

enum en_external_phase {
    EN_EXTERNAL_ENDED = 0,
    EN_EXTERNAL_STARTING,
    EN_EXTERNAL_RUNNING,
};

/* A call that waits for its answer; what may change is protected by the program's lock. */
struct en_external_call {
    struct en_external_call *next;
    struct enoki_call *call;
    uint64_t id;
    uint64_t until_ms;
    pthread_cond_t changed; /* its thread waits there, if another one reads */
    bool is_waiting;
    bool is_done;
    uint32_t asking;         /* calls of other functions that run in its name */
    size_t too_long;         /* bytes of an answer that was not taken; 0: it is in answer */
    struct en_buffer answer; /* the payload of an ANSWER */
};

struct en_external {
    struct en_instance_options settings;
    const struct enoki_external *external;
    const char *directory;
    struct en_external_words words;
    size_t users; /* instances; by the lock of all of them */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    /* Protected by lock: */
    enum en_external_phase phase;
    bool is_wanted;    /* the keeper is to start one */
    bool is_stopping;  /* the keeper is to end */
    bool is_hung;      /* it was killed for a call that took too long */
    bool is_used_up;   /* it was killed for a call that computed too long */
    uint64_t doubt_ms; /* when it is, if it says nothing until then; 0: it is not in doubt */
    pid_t pid;        /* 0: there is none to be killed */
    int status;       /* of the last one's end, as waitpid() gives it */
    uint64_t failures;          /* starts that failed */
    struct enoki_error failure; /* of the last of them */
    uint64_t next_call;
    uint32_t in_flight; /* threads that use calls_fd */
    struct en_external_call *waiting;
    bool has_reader; /* one of them reads for all */
    uint64_t rounds; /* answers, and calls that found no other */
    uint64_t cpu_round, cpu_ns; /* the last round that was looked at, and the first look in it */
    struct en_external_asked *asked, **asked_end; /* for askers */
    size_t asked_count, asked_bytes; /* that wait; that wait or run */
    pthread_cond_t to_ask;
    pthread_t askers[EN_EXTERNAL_ASKERS_MAX];
    uint32_t asker_count, askers_free;
    bool askers_end;

    int calls_fd;            /* the keeper's to replace while nobody is in flight */
    pthread_mutex_t writing; /* of whole frames */
    struct en_buffer input;  /* the reader's; the keeper's until READY */
    size_t skip;             /* the same: bytes of an answer that is too long */

    /* The keeper's. */
    pthread_t keeper;
    bool has_keeper;
    bool is_greeted;
    int state_fd; /* ours until the first bytes arrive; -1: passed on */
    int far_ends[2];
    int door[2]; /* of relay; [0] is its end */
    struct en_relay *relay;
};

/* --- words.c ---------------------------------------------------------------------------------- */

/* ENOKI_EPLUGIN, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_external_words_init(struct en_external_words *words,
                                            const struct enoki_external *external,
                                            const struct enoki_env *env, struct enoki_error *err);
void en_external_words_fini(struct en_external_words *words);

/* --- program.c: the process, and the thread that keeps it ------------------------------------- */

/* Starts the keeper, who starts a program whenever one is wanted, and at once when one has ended.
 * ENOKI_EIO */
ENOKI_MUST_CHECK int en_external_keep(struct en_external *self, struct enoki_error *err);
/* Program and keeper are gone when this returns; the end is asked for in peace first. */
void en_external_end(struct en_external *self);
/* With the lock. Takes effect soon. */
void en_external_kill(struct en_external *self);
/* With the lock: kills it if it has been silent for too long. */
void en_external_judge(struct en_external *self);
/* Waits for the end, which has begun, and says how it was. */
void en_external_await_end(struct en_external *self, char *how, size_t size);

/* --- state.c: what it asks of the state ------------------------------------------------------- */

/* Its first bytes are there: passes the socket on to who serves it. False: it stays ours, and the
 * program was told why. */
bool en_external_serve_state(struct en_external *self);
void en_external_end_state(struct en_external *self);

/* --- talk.c: frames on the calls' socket ------------------------------------------------------ */

/* What has come of HELLO and READY. 1: it is ready; 0: not yet. ENOKI_EFUNCTION: it says why not;
 * ENOKI_EPLUGIN: nonsense; ENOKI_ECLOSED, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_external_greet(struct en_external *self, struct enoki_error *err);
/* Sends the frames of out whole. ENOKI_ETIMEOUT, ENOKI_ECLOSED */
ENOKI_MUST_CHECK int en_external_send(struct en_external *self, const struct en_buffer *out,
                                      uint64_t until_ms);
/* Until the call is done, and what runs in its name too. ENOKI_ETIMEOUT, ENOKI_ECLOSED: the
 * program is gone */
ENOKI_MUST_CHECK int en_external_await(struct en_external *self, struct en_external_call *wait);
/* With the lock: the call of that number; NULL: nobody waits for it. */
struct en_external_call *en_external_find(const struct en_external *self, uint64_t id);
/* With the lock: those who wait look again. */
void en_external_wake_all(struct en_external *self);

/* --- ask.c: calls of other functions ---------------------------------------------------------- */

/* Runs what an INVOKE frame asks for, and answers it; soon, on a thread that is there for that.
 * ENOKI_EPROTO, ENOKI_ENOMEM, ENOKI_ELIMIT: too much is asked for at once */
ENOKI_MUST_CHECK int en_external_ask(struct en_external *self, const struct en_frame_head *head,
                                     const void *payload);
/* Nobody waits for a call any more. */
void en_external_end_asking(struct en_external *self);

/* --- limits.c: what a program computes -------------------------------------------------------- */

/* When to look next; UINT64_MAX: no need to. */
uint64_t en_external_next_look(const struct en_external *self);
/* With the lock: kills it if a call has computed for too long. */
void en_external_look(struct en_external *self);

/* With the lock: until something changes, or then. */
void en_external_wait(struct en_external *self, uint64_t until_ms);

#endif
