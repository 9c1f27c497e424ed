#include "variant.h"

/* What C++ makes of a const without extern "C": a mangled name that stays inside. */
static const struct enoki_function mangled __asm__("_ZL14enoki_function")
    __attribute__((used)) = {.invoke = variant_invoke};
