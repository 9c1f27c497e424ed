#include <enoki/external.h>

ENOKI_EXTERNAL(.script = "./fn.host");
