#include <enoki/base.h>

#include <stdio.h>

int main(void)
{
    printf("libenoki %s\n", enoki_version());
    return 0;
}
