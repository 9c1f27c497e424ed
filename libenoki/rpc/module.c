/* The module's one symbol: a table of typed calls, each of which encodes, calls, decodes. */
#include "rpc/channel.h"
#include "rpc/messages.h"

static enum en_fred_result not_encoded(const struct en_fred_link *link, struct en_buffer *request,
                                       int rc, struct enoki_error *err)
{
    en_buffer_fini(request);
    if (rc == ENOKI_ELIMIT) {
        (void)enoki_error_set(err, rc,
                              "FReD node %.100s takes messages of at most %u bytes: store a "
                              "shorter value",
                              en_rpc_link_address(link), EN_RPC_REQUEST_MAX_BYTES);
        return EN_FRED_TOO_LARGE;
    }
    (void)enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a request");
    return EN_FRED_NO_MEMORY;
}

/* Calls with a request that is encoded (or failed to be: rc). */
static enum en_fred_result call(struct en_fred_link *link, enum en_rpc_method method,
                                uint64_t deadline_ms, struct en_buffer *request, int rc,
                                struct en_rpc_answer *answer, struct enoki_error *err)
{
    if (rc != 0)
        return not_encoded(link, request, rc, err);
    return en_rpc_call(link, method, deadline_ms, request, answer, err);
}

/* The result of decoding; frees the answer. */
static enum en_fred_result decoded(const struct en_fred_link *link, struct en_rpc_answer *answer,
                                   int rc, struct enoki_error *err)
{
    en_rpc_answer_free(answer);
    if (rc == 0)
        return EN_FRED_OK;
    if (rc == ENOKI_ENOMEM) {
        (void)enoki_error_set(err, rc, "out of memory for an answer");
        return EN_FRED_NO_MEMORY;
    }
    (void)enoki_error_set(err, ENOKI_EPROTO, "FReD node %.100s: an answer that cannot be decoded",
                          en_rpc_link_address(link));
    return EN_FRED_BROKEN;
}

/* A call whose answer is empty. */
static enum en_fred_result call_only(struct en_fred_link *link, enum en_rpc_method method,
                                     uint64_t deadline_ms, struct en_buffer *request, int rc,
                                     struct enoki_error *err)
{
    struct en_rpc_answer answer = {NULL, 0, NULL};
    enum en_fred_result result = call(link, method, deadline_ms, request, rc, &answer, err);

    en_rpc_answer_free(&answer);
    return result;
}

static enum en_fred_result read_item(struct en_fred_link *link, uint64_t deadline_ms,
                                     const char *keygroup, const char *id,
                                     struct en_fred_items *out, struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    struct en_rpc_answer answer;
    int rc = en_rpc_encode_read(&request, keygroup, id);
    enum en_fred_result result = call(link, EN_RPC_READ, deadline_ms, &request, rc, &answer, err);

    if (result != EN_FRED_OK)
        return result;
    return decoded(link, &answer, en_rpc_decode_items(answer.bytes, answer.len, out), err);
}

static enum en_fred_result scan(struct en_fred_link *link, uint64_t deadline_ms,
                                const char *keygroup, const char *start, uint64_t count,
                                bool with_values, struct en_fred_items *out,
                                struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    struct en_rpc_answer answer;
    int rc = en_rpc_encode_scan(&request, keygroup, start, count);
    enum en_fred_result result = call(link, with_values ? EN_RPC_SCAN : EN_RPC_KEYS, deadline_ms,
                                      &request, rc, &answer, err);

    if (result != EN_FRED_OK)
        return result;
    rc = with_values ? en_rpc_decode_items(answer.bytes, answer.len, out)
                     : en_rpc_decode_keys(answer.bytes, answer.len, out);
    return decoded(link, &answer, rc, err);
}

static enum en_fred_result write_item(struct en_fred_link *link, uint64_t deadline_ms,
                                      const struct en_fred_write *write, struct en_buffer *made,
                                      struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    struct en_rpc_answer answer;
    int rc = en_rpc_encode_write(&request, write);
    enum en_fred_result result = call(link, write->value == NULL ? EN_RPC_DELETE : EN_RPC_UPDATE,
                                      deadline_ms, &request, rc, &answer, err);

    if (result != EN_FRED_OK)
        return result;
    return decoded(link, &answer, en_rpc_decode_version(answer.bytes, answer.len, made), err);
}

static enum en_fred_result append(struct en_fred_link *link, uint64_t deadline_ms,
                                  const char *keygroup, uint64_t id, const void *value,
                                  size_t value_len, struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    int rc = en_rpc_encode_append(&request, keygroup, id, value, value_len);

    return call_only(link, EN_RPC_APPEND, deadline_ms, &request, rc, err);
}

static enum en_fred_result create_keygroup(struct en_fred_link *link, uint64_t deadline_ms,
                                           const char *keygroup, bool is_mutable, int64_t expiry_s,
                                           struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    int rc = en_rpc_encode_create_keygroup(&request, keygroup, is_mutable, expiry_s);

    return call_only(link, EN_RPC_CREATE_KEYGROUP, deadline_ms, &request, rc, err);
}

static enum en_fred_result delete_keygroup(struct en_fred_link *link, uint64_t deadline_ms,
                                           const char *keygroup, struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    int rc = en_rpc_encode_keygroup(&request, keygroup);

    return call_only(link, EN_RPC_DELETE_KEYGROUP, deadline_ms, &request, rc, err);
}

static enum en_fred_result keygroup_info(struct en_fred_link *link, uint64_t deadline_ms,
                                         const char *keygroup, struct en_fred_replicas *out,
                                         struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    struct en_rpc_answer answer;
    int rc = en_rpc_encode_keygroup(&request, keygroup);
    enum en_fred_result result =
        call(link, EN_RPC_GET_KEYGROUP_INFO, deadline_ms, &request, rc, &answer, err);

    if (result != EN_FRED_OK)
        return result;
    return decoded(link, &answer, en_rpc_decode_keygroup_info(answer.bytes, answer.len, out), err);
}

static enum en_fred_result add_replica(struct en_fred_link *link, uint64_t deadline_ms,
                                       const char *keygroup, const char *node, int64_t expiry_s,
                                       struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    int rc = en_rpc_encode_replica(&request, keygroup, node, expiry_s);

    return call_only(link, EN_RPC_ADD_REPLICA, deadline_ms, &request, rc, err);
}

static enum en_fred_result remove_replica(struct en_fred_link *link, uint64_t deadline_ms,
                                          const char *keygroup, const char *node,
                                          struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    int rc = en_rpc_encode_replica(&request, keygroup, node, 0);

    return call_only(link, EN_RPC_REMOVE_REPLICA, deadline_ms, &request, rc, err);
}

static enum en_fred_result all_nodes(struct en_fred_link *link, uint64_t deadline_ms,
                                     struct en_fred_replicas *out, struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    struct en_rpc_answer answer;
    enum en_fred_result result =
        en_rpc_call(link, EN_RPC_GET_ALL_REPLICA, deadline_ms, &request, &answer, err);

    if (result != EN_FRED_OK)
        return result;
    return decoded(link, &answer, en_rpc_decode_nodes(answer.bytes, answer.len, out), err);
}

static enum en_fred_result add_user(struct en_fred_link *link, uint64_t deadline_ms,
                                    const char *user, const char *keygroup, enum en_fred_role role,
                                    struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    int rc = en_rpc_encode_user(&request, user, keygroup, role);

    return call_only(link, EN_RPC_ADD_USER, deadline_ms, &request, rc, err);
}

static enum en_fred_result remove_user(struct en_fred_link *link, uint64_t deadline_ms,
                                       const char *user, const char *keygroup,
                                       enum en_fred_role role, struct enoki_error *err)
{
    struct en_buffer request = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    int rc = en_rpc_encode_user(&request, user, keygroup, role);

    return call_only(link, EN_RPC_REMOVE_USER, deadline_ms, &request, rc, err);
}

EN_MODULE_EXPORT extern const struct en_fred_api enoki_module;

const struct en_fred_api enoki_module = {
    .module = {"rpc", ENOKI_VERSION},
    .client_new = en_rpc_client_new,
    .client_free = en_rpc_client_free,
    .link_new = en_rpc_link_new,
    .link_free = en_rpc_link_free,
    .items_free = en_fred_items_free,
    .replicas_free = en_fred_replicas_free,
    .read = read_item,
    .scan = scan,
    .write = write_item,
    .append = append,
    .create_keygroup = create_keygroup,
    .delete_keygroup = delete_keygroup,
    .keygroup_info = keygroup_info,
    .add_replica = add_replica,
    .remove_replica = remove_replica,
    .all_nodes = all_nodes,
    .add_user = add_user,
    .remove_user = remove_user,
};
