#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct look {
    json_object *answer;
    double at_s;
};

struct watch {
    struct client *client;
    struct look now, before;
};

int watch_new(struct watch **out, struct client *client, struct enoki_error *err)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory to watch functions");
    watch->client = client;
    *out = watch;
    return 0;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    json_object_put(watch->now.answer);
    json_object_put(watch->before.answer);
    free(watch);
}

int watch_look(struct watch *watch, struct enoki_error *err)
{
    json_object *answer = NULL;
    struct timespec at;
    int rc = functions_get(watch->client, "/functions", &answer, err);

    if (rc != 0)
        return rc;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    json_object_put(watch->before.answer);
    watch->before = watch->now;
    watch->now = (struct look){answer, (double)at.tv_sec + (double)at.tv_nsec / 1e9};
    return 0;
}

static json_object *list_of(const struct look *look)
{
    return look->answer == NULL ? NULL : functions_list(look->answer);
}

size_t watch_count(const struct watch *watch)
{
    json_object *list = list_of(&watch->now);

    return list == NULL ? 0 : json_object_array_length(list);
}

/* Both lists are in the order of the names: the same place, or not far from it. */
static bool find(json_object *list, size_t start, const char *name, struct function_info *out)
{
    size_t count = list == NULL ? 0 : json_object_array_length(list);

    for (size_t i = 0; i < count; i++) {
        function_read(json_object_array_get_idx(list, (start + i) % count), out);
        if (strcmp(out->name, name) == 0)
            return true;
    }
    return false;
}

void watch_at(const struct watch *watch, size_t index, struct function_info *function,
              struct rates *rates)
{
    struct function_info old;
    double seconds = watch->now.at_s - watch->before.at_s, calls;

    function_read(json_object_array_get_idx(list_of(&watch->now), index), function);
    *rates = (struct rates){.calls = 0};
    if (seconds <= 0 || !find(list_of(&watch->before), index, function->name, &old) ||
        function->calls < old.calls || function->errors < old.errors)
        return; /* the first look, or it was deployed anew */
    calls = (double)(function->calls - old.calls);
    rates->calls = calls / seconds;
    rates->errors = (double)(function->errors - old.errors) / seconds;
    if (calls > 0)
        rates->mean_ms =
            (function->mean_ms * (double)function->calls - old.mean_ms * (double)old.calls) / calls;
    if (rates->mean_ms < 0)
        rates->mean_ms = 0;
}
