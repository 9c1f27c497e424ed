#include <enoki/runtime.h>

/* No take_connection: user code of one call must not see the connections of others. */
static const struct enoki_dispatcher process = {
    .size = sizeof(process),
    .name = "process",
    .prepare = enoki_pool_prepare_process,
    .start = enoki_pool_start,
    .submit = enoki_pool_submit,
    .tick = enoki_pool_tick,
    .is_idle = enoki_pool_is_idle,
    .stop = enoki_pool_stop,
};

int main(int argc, char **argv)
{
    return enoki_runtime_main(argc, argv, &process);
}
