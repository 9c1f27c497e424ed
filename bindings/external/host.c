/* The host of functions that bring one: a folder with an executable fn.host, a program that speaks
 * proto/frame.md. bindings/README.md says how. */
#include <enoki/external.h>

ENOKI_EXTERNAL(.script = "./fn.host");
