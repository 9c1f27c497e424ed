/*
 * functions.h - what the node tells of its functions (GET /functions).
 *
 * Memory   texts are borrowed from the JSON.    Threads  one.
 */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include "client.h"
#include "terminal.h"

#include <json-c/json.h>
#include <stdint.h>

struct function_info {
    const char *name, *state, *env, *from, *runtime; /* never NULL; "" or "-" if it is not told */
    const char *created, *digest, *error;            /* "": none */
    uint64_t instances, workers_min, workers_max, workers_now;
    uint64_t calls, errors, refused, running, queued, restarts;
    uint64_t async_waiting, memory_bytes;
    double p50_ms, p99_ms, mean_ms;
    uint64_t recent_count; /* calls of the last half minute */
    double recent_p50_ms, recent_p99_ms;
    const char *last_failure, *last_failure_time; /* of a runtime; "": none */
    bool is_replacing;                            /* a new version is starting */
};

/* Texts and numbers of one object; what is missing or of another type is "" and 0. */
void function_read(json_object *object, struct function_info *out);
enum colour function_colour(const struct function_info *function);

/* GET path, as an object; json_object_put() it. */
ENOKI_MUST_CHECK int functions_get(struct client *client, const char *path, json_object **out,
                                   struct enoki_error *err);
/* The list in the answer of /functions; borrowed, may be empty. */
json_object *functions_list(json_object *answer);

/* "/functions/NAME"; ENOKI_EINVAL: no function can have this name. out has room for 300 bytes. */
ENOKI_MUST_CHECK int function_path(char *out, size_t size, const char *name,
                                   struct enoki_error *err);

/* The command could not: says it. Returns the exit status, 2 for what the caller wrote wrongly. */
int say_failure(const struct enoki_error *err);

/* Pretty JSON on standard output. 0, 1 */
int print_object(json_object *object);

/* POST path {"name": name} with one more member, which may be NULL. */
ENOKI_MUST_CHECK int functions_post(struct client *client, const char *path, const char *name,
                                    const char *flag, struct enoki_error *err);

/* "1.2M" of bytes, "12k" of a count, "3.4" of milliseconds, for tables. out has room for 16. */
const char *short_size(char out[16], uint64_t bytes);
const char *short_count(char out[16], double count);
const char *short_time(char out[16], double ms);

#endif
