/* Uses everything of the ABI; answers with its body. */
#include <enoki/function.h>

#include <stdlib.h>
#include <string.h>

static int preloads;

static int preload(const struct enoki_env *env, struct enoki_error *err)
{
    struct enoki_state *state;

    preloads++;
    if (enoki_env_variable(env, "STATE_IN_PRELOAD") != NULL)
        return enoki_env_state(env, &state, err);
    if (enoki_env_variable(env, "FAIL_PRELOAD") != NULL)
        return enoki_error_set(err, ENOKI_EFUNCTION, "preload was told to fail");
    return 0;
}

static int open_it(const struct enoki_env *env, void **instance_out, struct enoki_error *err)
{
    if (enoki_env_variable(env, "FAIL_OPEN") != NULL)
        return enoki_error_set(err, ENOKI_EFUNCTION, "open was told to fail");
    if (enoki_env_variable(env, "FAIL_OPEN_SILENTLY") != NULL)
        return ENOKI_EIO;
    enoki_env_log(env, ENOKI_LOG_INFO, "opened in\n%s", enoki_env_directory(env));
    *instance_out = calloc(1, sizeof(int));
    return *instance_out == NULL ? enoki_error_set(err, ENOKI_ENOMEM, "out of memory") : 0;
}

static int use_state(struct enoki_call *call, struct enoki_error *err)
{
    struct enoki_state *state;
    int rc = enoki_call_state(call, &state, err);

    if (rc == 0)
        rc = enoki_state_update(state, "last", "x", 1, NULL, err);
    if (rc == 0)
        rc = enoki_call_replyf(call, err, "%s", enoki_state_keygroup(state));
    return rc;
}

static int describe_call(struct enoki_call *call, struct enoki_error *err)
{
    const char *name = "";
    const char *first = enoki_call_header_at(call, 0, &name);

    return enoki_call_replyf(
        call, err, "%s|%s|%s|%s|%s|%s=%s|%s|%s|%llu|%s", enoki_env_name(enoki_call_env(call)),
        enoki_call_method(call), enoki_call_path(call), enoki_call_query(call),
        enoki_call_content_type(call), name, first == NULL ? "NULL" : first,
        enoki_call_header(call, "x-other") == NULL ? "NULL" : enoki_call_header(call, "x-other"),
        enoki_call_header_at(call, 99, NULL) == NULL ? "NULL" : "?",
        (unsigned long long)enoki_call_id(call),
        enoki_call_remaining_ms(call) > 0 ? "left" : "late");
}

static int fail(struct enoki_call *call, struct enoki_error *err)
{
    (void)call;
    return enoki_error_set(err, ENOKI_EINVAL, "told to fail");
}

static int fail_silently(struct enoki_call *call, struct enoki_error *err)
{
    (void)call;
    (void)err;
    return -77;
}

static int return_positive(struct enoki_call *call, struct enoki_error *err)
{
    (void)call;
    (void)err;
    return 3;
}

static int do_nothing(struct enoki_call *call, struct enoki_error *err)
{
    (void)call;
    (void)err;
    return 0;
}

static int count_preloads(struct enoki_call *call, struct enoki_error *err)
{
    return enoki_call_replyf(call, err, "%d", preloads);
}

static int set_bad_status(struct enoki_call *call, struct enoki_error *err)
{
    return enoki_call_reply_status(call, 600, err);
}

static int set_bad_header(struct enoki_call *call, struct enoki_error *err)
{
    return enoki_call_reply_header(call, "Content-Length", "1", err);
}

static int write_log(struct enoki_call *call, struct enoki_error *err)
{
    (void)err;
    enoki_env_log(enoki_call_env(call), ENOKI_LOG_WARN, "from a call");
    enoki_env_log(enoki_call_env(call), ENOKI_LOG_DEBUG, "not shown");
    return 0;
}

static int reply_no_content(struct enoki_call *call, struct enoki_error *err)
{
    int rc = enoki_call_reply(call, "body", 4, err);

    return rc != 0 ? rc : enoki_call_reply_status(call, 204, err);
}

static int reply_in_place(struct enoki_call *call, struct enoki_error *err)
{
    void *room;
    int rc = enoki_call_reply_buffer(call, 10, &room, err);

    if (rc != 0)
        return rc;
    memcpy(room, "0123456789", 10);
    return enoki_call_reply(call, (char *)room + 3, 4, err);
}

static int reply_long(struct enoki_call *call, struct enoki_error *err)
{
    return enoki_call_replyf(call, err, "%01000d", 7);
}

static int reply_too_long(struct enoki_call *call, struct enoki_error *err)
{
    void *room;
    int rc = enoki_call_reply(call, "kept", 4, err);

    return rc != 0 ? rc : enoki_call_reply_buffer(call, (size_t)1 << 40, &room, err);
}

/* What a body asks for. */
static const struct {
    const char *body;
    int (*run)(struct enoki_call *call, struct enoki_error *err);
} tricks[] = {
    {"fail", fail},          {"fail silently", fail_silently}, {"positive", return_positive},
    {"nothing", do_nothing}, {"describe", describe_call},      {"preloads", count_preloads},
    {"state", use_state},    {"bad status", set_bad_status},   {"bad header", set_bad_header},
    {"log", write_log},      {"no content", reply_no_content}, {"in place", reply_in_place},
    {"long", reply_long},    {"too long", reply_too_long},
};

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    int *calls = instance;
    size_t len;
    const char *body = enoki_call_body(call, &len);

    ++*calls;
    if (strcmp(body, "calls") == 0)
        return enoki_call_replyf(call, err, "%d", *calls);
    for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
        if (strcmp(body, tricks[i].body) == 0)
            return tricks[i].run(call, err);
    }
    return enoki_call_reply(call, body, len, err);
}

static void close_it(void *instance)
{
    free(instance);
}

ENOKI_FUNCTION(.preload = preload, .open = open_it, .invoke = invoke, .close = close_it);
