#include <enoki/runtime.h>

int main(int argc, char **argv)
{
    return enoki_runtime_launch(argc, argv);
}
