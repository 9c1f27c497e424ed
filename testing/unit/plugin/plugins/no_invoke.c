#include "variant.h"

ENOKI_FUNCTION(.preload = NULL);
