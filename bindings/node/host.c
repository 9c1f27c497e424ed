/* The host of functions in Node.js: a folder with a package.json whose name is "fn". host.js is
 * what runs them. */
#include <enoki/external.h>

ENOKI_EXTERNAL(.interpreter = "node", .script = "nodejs/host.js", .package = "nodejs");
