/* noinvoke - a function without invoke: refused. */
#include <enoki/function.h>

ENOKI_FUNCTION(.close = NULL);
