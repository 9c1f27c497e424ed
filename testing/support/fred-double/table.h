/*
 * table.h - texts to pointers.
 *
 * Memory   Keys are copied, values the caller's. Running out of memory ends the program.
 */
#ifndef DOUBLE_TABLE_H
#define DOUBLE_TABLE_H

#include <stddef.h>

struct table;

struct table *table_new(void);
/* free_value may be NULL. */
void table_free(struct table *table, void (*free_value)(void *value));

void *table_get(const struct table *table, const char *key);
void table_set(struct table *table, const char *key, void *value);
/* Gives the value back; NULL if there was none. */
void *table_take(struct table *table, const char *key);

#endif
