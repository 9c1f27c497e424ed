/*
 * faults.h - what shall go wrong, per node and call.
 *
 * A fault is a line of words, as `fred-double control SOCKET fault ...` sends them:
 *
 *   NODE CALL KIND [ARGUMENT] [p PERCENT] [x COUNT]      "*" is any node, any call
 *
 *   error CODE[:TEXT]  answers with that gRPC status; nothing is done
 *   delay MS           answers so much later
 *   hang               does not answer; nothing is done
 *   lost               does what is asked, then resets the connection
 *   reset              resets the connection; nothing is done
 *   drop               the connection is a black hole from now on: nothing that the client sends on
 *                      it is heard, acknowledged or answered, until the faults are cleared
 *   oversized [BYTES]  an answer of so many zeroes (70 MiB)
 *   malformed [HEX]    an answer of these bytes (ffffff, which is no message)
 *
 * lost, reset and drop take all other calls on the connection along. With PERCENT a fault happens
 * to that many of a hundred calls, by chance; `seed N` makes chance repeat. Without a count it
 * stays until `fault clear`. The first fault that fits happens.
 *
 * Threads  any thread.
 */
#ifndef DOUBLE_FAULTS_H
#define DOUBLE_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

enum fault_kind {
    FAULT_NONE = 0,
    FAULT_ERROR,
    FAULT_DELAY,
    FAULT_HANG,
    FAULT_LOST,
    FAULT_RESET,
    FAULT_DROP,
    FAULT_OVERSIZED,
    FAULT_MALFORMED,
};

struct fault {
    enum fault_kind kind;
    size_t number; /* the code, milliseconds, or bytes */
    char text[120];
};

struct faults;

struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* A fault's line, or "seed N". NULL, or what is wrong with it. */
const char *faults_add(struct faults *faults, const char *line);
void faults_clear(struct faults *faults);

/* What happens to a call now; a counted fault is used up by it. */
struct fault faults_take(struct faults *faults, const char *node, const char *call);

#endif
