/*
 * named.h - the command line of what is asked of a node about one function, or about none.
 */
#ifndef NAMED_H
#define NAMED_H

#include "client.h"

struct named {
    struct client_options node;
    const char *name; /* set if wanted */
    bool wants_name;
};

/* For an argp's parser: what its own switch does not know. The argp has client_children. */
error_t parse_named(int key, char *arg, struct argp_state *state, struct named *named);

#endif
