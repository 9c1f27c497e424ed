#include <enoki/runtime.h>

extern const struct enoki_dispatcher my_dispatcher; /* the one of invocation.c */

int main(int argc, char **argv)
{
    return enoki_runtime_main(argc, argv, &my_dispatcher);
}
