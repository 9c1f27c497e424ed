#include "dispatcher.h"

int main(int argc, char **argv)
{
    return enoki_runtime_main(argc, argv, &thread_dispatcher);
}
