/*
 * channel.h - one process's gRPC client, and one unary call on a connection of it.
 *
 * Callers wait in their own thread; one thread of the client's takes completions from gRPC's queue
 * and wakes them (many threads that pluck from a queue cost a third of the throughput).
 *
 * Threads  any thread.    Fork  after.
 */
#ifndef EN_RPC_CHANNEL_H
#define EN_RPC_CHANNEL_H

#include "rpc/errors.h"

/* FReD's calls, as rows of the table in channel.c. */
enum en_rpc_method {
    EN_RPC_CREATE_KEYGROUP = 0,
    EN_RPC_DELETE_KEYGROUP,
    EN_RPC_READ,
    EN_RPC_SCAN,
    EN_RPC_KEYS,
    EN_RPC_UPDATE,
    EN_RPC_DELETE,
    EN_RPC_APPEND,
    EN_RPC_ADD_REPLICA,
    EN_RPC_REMOVE_REPLICA,
    EN_RPC_GET_KEYGROUP_INFO,
    EN_RPC_GET_ALL_REPLICA,
    EN_RPC_ADD_USER,
    EN_RPC_REMOVE_USER,
    EN_RPC_METHODS,
};

/* Longest answer that is taken: a page of a scan can be long. */
#define EN_RPC_ANSWER_MAX_BYTES (64 << 20)

int en_rpc_client_new(struct en_fred_client **out, const struct en_log *log,
                      struct enoki_error *err);
void en_rpc_client_free(struct en_fred_client *client);

int en_rpc_link_new(struct en_fred_link **out, struct en_fred_client *client, const char *address,
                    const struct en_fred_identity *identity, struct enoki_error *err);
void en_rpc_link_free(struct en_fred_link *link);
const char *en_rpc_link_address(const struct en_fred_link *link);

/* What a call brought: contiguous bytes. */
struct en_rpc_answer {
    const void *bytes;
    size_t len;
    void *memory; /* NULL: there is none */
};

/* Sends the request, which is consumed, and waits. On EN_FRED_OK the answer is to be freed. */
enum en_fred_result en_rpc_call(struct en_fred_link *link, enum en_rpc_method method,
                                uint64_t deadline_ms, struct en_buffer *request,
                                struct en_rpc_answer *out, struct enoki_error *err);
void en_rpc_answer_free(struct en_rpc_answer *answer);

#endif
