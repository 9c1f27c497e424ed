#include <enoki/invocation.h>
#include <enoki/runtime.h>

static int start(void **self_out, struct enoki_server *server, struct enoki_error *err)
{
    (void)self_out;
    (void)server;
    (void)err;
    return 0;
}

static void submit(void *self, struct enoki_invocation *inv)
{
    size_t len;
    const void *body = enoki_invocation_body(inv, &len);
    enoki_invocation_reply(inv, 200, body, len);
}

static int is_idle(void *self)
{
    (void)self;
    return 1;
}

static void stop(void *self)
{
    (void)self;
}

const struct enoki_dispatcher my_dispatcher = {
    .size = sizeof(my_dispatcher),
    .name = "mine",
    .start = start,
    .submit = submit,
    .is_idle = is_idle,
    .stop = stop,
};
