/*
 * table.h - rows and columns of text, as wide as they must be.
 *
 *   table_add(&table, PLAIN, "%s", name);        cell by cell, row by row
 *   table_print(&table, stdout, 0, 0);
 *   table_fini(&table);
 *
 * Memory   texts are copied.    Threads  one.
 */
#ifndef TABLE_H
#define TABLE_H

#include "terminal.h"

#define TABLE_COLUMNS_MAX 16u

struct column {
    const char *title;
    bool is_number; /* to the right */
};

struct cell {
    char *text;
    enum colour colour;
};

struct table {
    const struct column *columns;
    size_t column_count;
    struct cell *cells;
    size_t cell_count, cell_room;
    bool failed; /* without memory */
};

/* The next cell. */
void table_add(struct table *table, enum colour colour, const char *format, ...) ENOKI_PRINTF(3, 4);
/* Titles and rows. What does not fit on a line of so many columns, or below so many lines, is left
 * out, the last columns and rows first; 0: everything. colours are those of stdout. */
void table_print(const struct table *table, FILE *out, size_t width, size_t lines);
void table_fini(struct table *table);

#endif
