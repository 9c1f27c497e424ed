/*
 * inline.c - the same server as the runtimes, with a dispatcher that echoes in the event loop: what
 * a call costs before anything runs it. The peer of subjects 1 and 2; options as of a runtime.
 */
#include <enoki/runtime.h>

static int start(void **self_out, struct enoki_server *server, struct enoki_error *err)
{
    (void)self_out;
    (void)server;
    (void)err;
    return 0;
}

static void submit(void *self, struct enoki_invocation *invocation)
{
    size_t len;
    const void *body = enoki_invocation_body(invocation, &len);

    (void)self;
    enoki_invocation_reply(invocation, 200, body, len);
}

static uint64_t tick(void *self, uint64_t now_ms)
{
    (void)self;
    (void)now_ms;
    return UINT64_MAX;
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

static const struct enoki_dispatcher in_loop = {
    .size = sizeof(in_loop),
    .name = "inline",
    .workers_default = 1,
    .start = start,
    .submit = submit,
    .tick = tick,
    .is_idle = is_idle,
    .stop = stop,
};

int main(int argc, char **argv)
{
    return enoki_runtime_main(argc, argv, &in_loop);
}
