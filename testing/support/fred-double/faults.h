/*
 * faults.h - what shall go wrong, per node and call.
 *
 * A fault is a line of words, as `fred-double control SOCKET fault ...` sends them:
 *
 *   NODE CALL KIND [ARGUMENT] [x COUNT]      "*" is any node, any call
 *
 *   error CODE[:TEXT]  answers with that gRPC status; nothing is done
 *   delay MS           answers so much later
 *   hang               does not answer; nothing is done
 *   lost               does what is asked, then the stream ends without an answer
 *   reset              the stream ends without an answer; nothing is done
 *   oversized          an answer of 70 MiB
 *   malformed          an answer that is no message
 *
 * Without a count a fault stays until `fault clear`.
 *
 * Threads  any thread.
 */
#ifndef DOUBLE_FAULTS_H
#define DOUBLE_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE = 0,
    FAULT_ERROR,
    FAULT_DELAY,
    FAULT_HANG,
    FAULT_LOST,
    FAULT_RESET,
    FAULT_OVERSIZED,
    FAULT_MALFORMED,
};

struct fault {
    enum fault_kind kind;
    int code;
    uint64_t delay_ms;
    char text[120];
};

struct faults;

struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* NULL, or what is wrong with the line. */
const char *faults_add(struct faults *faults, const char *line);
void faults_clear(struct faults *faults);

/* What happens to a call now; a counted fault is used up by it. */
struct fault faults_take(struct faults *faults, const char *node, const char *call);

#endif
