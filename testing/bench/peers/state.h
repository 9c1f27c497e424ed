/*
 * state.h - what the state driver measures: libenoki's embedded store, or LMDB alone, behind four
 * calls. Each of bench-state-enoki and bench-state-lmdb links one of them.
 *
 * Errors   end the program with a message.
 * Fork     a store is opened in the process that uses it.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>

struct store;

/* durable: an update returns when it would survive power loss; else only the process's death. */
struct store *store_open(const char *directory, bool durable);
void store_close(struct store *store);

/* Reads one item as a function would; returns its length, 0 if it does not exist. */
size_t store_read(struct store *store, const char *id);

/* One transaction that looks at what is there and writes over it. */
void store_update(struct store *store, const char *id, const void *value, size_t len);

#endif
