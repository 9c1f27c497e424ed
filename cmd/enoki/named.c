#include "named.h"

error_t parse_named(int key, char *arg, struct argp_state *state, struct named *named)
{
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &named->node;
        return 0;
    case ARGP_KEY_ARG:
        if (!named->wants_name || named->name != NULL)
            argp_error(state, "too many arguments: '%s'", arg);
        named->name = arg;
        return 0;
    case ARGP_KEY_END:
        if (named->wants_name && named->name == NULL)
            argp_error(state, "the NAME of a function is required");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}
