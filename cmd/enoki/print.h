/*
 * print.h - items and certificates for people, pipes and programs.
 */
#ifndef PRINT_H
#define PRINT_H

#include <enoki/state.h>
#include <enoki/tls.h>

/* One value as it is; a newline after it on a terminal. Of several siblings the first, with a
 * remark on standard error. 0, or 1 if standard output cannot be written. */
int print_value(const struct enoki_items *items);

/* A line per sibling: id, version, value; other bytes than printable ones as \xNN. keys: no value.
 */
int print_lines(const struct enoki_items *items, int keys);

/* A JSON array of {id, version, value}; a value that is not UTF-8 is value_hex. 0, 1 */
int print_json(const struct enoki_items *items, int keys);

/* A row per fact, or a JSON object. 0, 1 */
int print_certificate(const struct enoki_tls_info *info, int json);

/* Sentences, copied. */
struct fault_list {
    char **faults;
    size_t count;
};

void add_fault(void *list, const char *fault); /* an enoki_tls_fault_fn */
void free_faults(struct fault_list *list);
/* To standard error, or as a JSON object. 0, 1 */
int print_faults(const char *name, const struct fault_list *list, int json);

#endif
