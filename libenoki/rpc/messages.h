/*
 * messages.h - FReD's messages as bytes: requests out, answers in. No I/O.
 *
 * Requests  A request is what a canonical encoder makes: fields by number, defaults left out; a
 *           counter is always there, zero too, and so is a version without counters.
 * Answers   Foreign bytes: ENOKI_EPROTO for what cannot be decoded or exceeds the limits of
 *           wire/version.h, ENOKI_ENOMEM.
 * Memory    A request is appended to the buffer. What an answer holds is in one block, freed by
 *           en_fred_items_free() and so on.
 * Threads   any thread.    Fork  safe.
 */
#ifndef EN_RPC_MESSAGES_H
#define EN_RPC_MESSAGES_H

#include "rpc/fred.h"

/* A node refuses longer messages. */
#define EN_RPC_REQUEST_MAX_BYTES 4194304u

/* ENOKI_ELIMIT: longer than a node takes; ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_rpc_encode_create_keygroup(struct en_buffer *out, const char *keygroup,
                                                   bool is_mutable, int64_t expiry_s);
/* DeleteKeygroup, GetKeygroupInfo: the keygroup alone. */
ENOKI_MUST_CHECK int en_rpc_encode_keygroup(struct en_buffer *out, const char *keygroup);
ENOKI_MUST_CHECK int en_rpc_encode_read(struct en_buffer *out, const char *keygroup,
                                        const char *id);
/* Scan and Keys. */
ENOKI_MUST_CHECK int en_rpc_encode_scan(struct en_buffer *out, const char *keygroup,
                                        const char *start, uint64_t count);
/* Update, or Delete if there is no value. */
ENOKI_MUST_CHECK int en_rpc_encode_write(struct en_buffer *out, const struct en_fred_write *write);
ENOKI_MUST_CHECK int en_rpc_encode_append(struct en_buffer *out, const char *keygroup, uint64_t id,
                                          const void *value, size_t value_len);
/* AddReplica; RemoveReplica, which has no expiry: 0. */
ENOKI_MUST_CHECK int en_rpc_encode_replica(struct en_buffer *out, const char *keygroup,
                                           const char *node, int64_t expiry_s);
/* AddUser, RemoveUser. */
ENOKI_MUST_CHECK int en_rpc_encode_user(struct en_buffer *out, const char *user,
                                        const char *keygroup, enum en_fred_role role);

/* Read and Scan answers; of Keys, values are "". */
ENOKI_MUST_CHECK int en_rpc_decode_items(const void *bytes, size_t len, struct en_fred_items *out);
ENOKI_MUST_CHECK int en_rpc_decode_keys(const void *bytes, size_t len, struct en_fred_items *out);
/* Update and Delete: appends the version. */
ENOKI_MUST_CHECK int en_rpc_decode_version(const void *bytes, size_t len, struct en_buffer *out);
ENOKI_MUST_CHECK int en_rpc_decode_keygroup_info(const void *bytes, size_t len,
                                                 struct en_fred_replicas *out);
/* GetAllReplica */
ENOKI_MUST_CHECK int en_rpc_decode_nodes(const void *bytes, size_t len,
                                         struct en_fred_replicas *out);

void en_fred_items_free(struct en_fred_items *items);
void en_fred_replicas_free(struct en_fred_replicas *replicas);

#endif
