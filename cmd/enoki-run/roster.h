/*
 * roster.h - the functions of a node by name, in order of the names.
 *
 * Memory   Holds functions, does not own them.    Threads  loop thread.
 */
#ifndef ROSTER_H
#define ROSTER_H

#include "function.h"

struct roster {
    struct function **functions;
    size_t count, cap;
};

/* NULL: there is none of this name. */
struct function *roster_find(const struct roster *roster, const char *name, size_t len);
/* There is none of its name. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int roster_add(struct roster *roster, struct function *function, const char *name);
void roster_remove(struct roster *roster, const struct function *function);
/* The functions stay. */
void roster_fini(struct roster *roster);

#endif
