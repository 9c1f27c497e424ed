/* nosymbol - a library that is no function: refused. */
#include <enoki/base.h>

ENOKI_API int not_a_function(void);

int not_a_function(void)
{
    return 0;
}
