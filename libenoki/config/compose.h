/*
 * compose.h - what several keys of a file make together: the state URI, paths of code and secrets.
 *
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_COMPOSE_H
#define EN_COMPOSE_H

#include "config/keys.h"
#include "config/source.h"

/*
 * state is the group of that name, for messages; NULL if the file has none. A function's own keys
 * beat the node's: function may be NULL. ENOKI_ECONFIG (keys of the other backend, or missing
 * ones), ENOKI_ENOMEM
 */
ENOKI_MUST_CHECK int en_compose_state(const struct en_source *source, const config_setting_t *state,
                                      const struct en_file_node *node,
                                      const struct en_file_function *function, const char **out);

/* Path of a function's code as seen from the file's folder: of the library, or of the file that
 * begins a folder's code in its language. NULL: no memory */
const char *en_compose_code(const struct en_source *source, const struct en_file_function *file);

/* Paths of a function's secrets as seen from the file's folder. ENOKI_ECONFIG: a variable is set
 * twice; ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_compose_secrets(const struct en_source *source,
                                        const config_setting_t *setting,
                                        const struct en_file_function *file,
                                        struct enoki_function_settings *out);

#endif
