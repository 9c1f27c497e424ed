#include <enoki/runtime.h>

static const struct enoki_dispatcher prefork = {
    .size = sizeof(prefork),
    .name = "prefork",
    .prepare = enoki_pool_prepare_prefork,
    .start = enoki_pool_start,
    .submit = enoki_pool_submit,
    .take_connection = enoki_pool_take_connection,
    .tick = enoki_pool_tick,
    .is_idle = enoki_pool_is_idle,
    .stop = enoki_pool_stop,
};

int main(int argc, char **argv)
{
    return enoki_runtime_main(argc, argv, &prefork);
}
