/*
 * calls.h - FReD's client API: a request's bytes in, an answer's bytes or an error out.
 *
 * Threads  any thread; takes the cluster's lock itself.
 */
#ifndef DOUBLE_CALLS_H
#define DOUBLE_CALLS_H

#include "cluster.h"

/* What is asked of which node by whom. */
struct request {
    struct cluster *cluster;
    struct node *node;
    const char *user;
    struct text bytes;
};

/* Both texts are allocated. */
struct answer {
    int code; /* gRPC's; 0: bytes is the answer */
    struct text message;
    struct text bytes;
};

void answer_fini(struct answer *answer);
void answer_error(struct answer *answer, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The number of a method by its name ("Read"); -1 for one that there is not. */
int call_find(const char *name);
#define CALL_COUNT 18
const char *call_name(int method);

/* Runs the call. False: messages to other nodes are on their way, waiter->done is called when they
 * have arrived. */
bool call_run(const struct request *request, int method, struct answer *answer,
              struct waiter *waiter);

#endif
