#include "functions.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 247u
#define DEPTH 32

static json_object *member(json_object *object, const char *key)
{
    json_object *value = NULL;

    (void)json_object_object_get_ex(object, key, &value);
    return value;
}

static const char *text(json_object *object, const char *key)
{
    json_object *value = member(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static uint64_t number(json_object *object, const char *key)
{
    json_object *value = member(object, key);

    return json_object_is_type(value, json_type_int) ? json_object_get_uint64(value) : 0;
}

static double fraction(json_object *object, const char *key)
{
    json_object *value = member(object, key);

    return json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int)
               ? json_object_get_double(value)
               : 0;
}

void function_read(json_object *object, struct function_info *out)
{
    json_object *workers = member(object, "workers"), *latency = member(object, "latency_ms");
    json_object *recent = member(latency, "recent"), *failure = member(object, "last_failure");
    const char *env = text(object, "env");

    *out = (struct function_info){
        .name = text(object, "name"),
        .state = text(object, "state"),
        .env = env[0] == '\0' ? "-" : env,
        .from = text(object, "from"),
        .runtime = text(object, "runtime"),
        .created = text(object, "created"),
        .digest = text(object, "digest"),
        .error = text(object, "error"),
        .instances = number(object, "instances"),
        .workers_min = number(workers, "min"),
        .workers_max = number(workers, "max"),
        .workers_now = number(object, "workers_now"),
        .calls = number(object, "calls"),
        .errors = number(object, "errors"),
        .refused = number(object, "refused"),
        .running = number(object, "running"),
        .queued = number(object, "queued"),
        .restarts = number(object, "restarts"),
        .async_waiting = number(object, "async"),
        .memory_bytes = number(object, "memory"),
        .p50_ms = fraction(latency, "p50"),
        .p99_ms = fraction(latency, "p99"),
        .mean_ms = fraction(latency, "mean"),
        .recent_count = number(recent, "count"),
        .recent_p50_ms = fraction(recent, "p50"),
        .recent_p99_ms = fraction(recent, "p99"),
        .last_failure = text(failure, "why"),
        .last_failure_time = text(failure, "time"),
        .is_replacing = json_object_get_boolean(member(object, "replacing")) != 0,
    };
}

enum colour function_colour(const struct function_info *function)
{
    return strcmp(function->state, "asleep") == 0   ? BLUE
           : strcmp(function->state, "ready") == 0  ? GREEN
           : strcmp(function->state, "failed") == 0 ? RED
                                                    : YELLOW;
}

int functions_get(struct client *client, const char *path, json_object **out,
                  struct enoki_error *err)
{
    struct answer answer;
    json_tokener *tokener;
    int rc = client_ask(client, "GET", path, NULL, &answer, err);

    if (rc != 0)
        return rc;
    tokener = json_tokener_new_ex(DEPTH);
    *out = tokener == NULL || answer.len > INT32_MAX
               ? NULL
               : json_tokener_parse_ex(tokener, answer.body, (int)answer.len + 1);
    if (tokener != NULL)
        json_tokener_free(tokener);
    answer_fini(&answer);
    if (json_object_is_type(*out, json_type_object))
        return 0;
    json_object_put(*out);
    return enoki_error_set(err, ENOKI_EPROTO,
                           "what answers there is no Enoki node: %s is no JSON object", path);
}

json_object *functions_list(json_object *answer)
{
    json_object *list = member(answer, "functions");

    return json_object_is_type(list, json_type_array) ? list : NULL;
}

int function_path(char *out, size_t size, const char *name, struct enoki_error *err)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_MAX_BYTES ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != len)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "'%.60s' is no name of a function: 1 to 247 letters and digits",
                               name);
    (void)snprintf(out, size, "/functions/%s", name);
    return 0;
}

int say_failure(const struct enoki_error *err)
{
    say_error("%s", err->message);
    return err->status == ENOKI_EINVAL ? 2 : 1;
}

int print_object(json_object *object)
{
    (void)puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
                                                          JSON_C_TO_STRING_NOSLASHESCAPE));
    return finish_output();
}

int functions_post(struct client *client, const char *path, const char *name, const char *flag,
                   struct enoki_error *err)
{
    json_object *body = json_object_new_object();
    struct answer answer;
    int rc;

    (void)json_object_object_add(body, "name", json_object_new_string(name));
    if (flag != NULL)
        (void)json_object_object_add(body, flag, json_object_new_boolean(1));
    rc = client_ask(client, "POST", path, json_object_to_json_string(body), &answer, err);
    json_object_put(body);
    if (rc == 0)
        answer_fini(&answer);
    return rc;
}

const char *short_size(char out[16], uint64_t bytes)
{
    static const char units[] = "KMGTP";
    double value = (double)bytes / 1024;
    size_t unit = 0;

    while (value >= 1000 && unit + 2 < sizeof(units)) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, 16, value < 10 ? "%.1f%c" : "%.0f%c", value, units[unit]);
    return bytes == 0 ? "-" : out;
}

const char *short_count(char out[16], double count)
{
    if (count < 10)
        (void)snprintf(out, 16, count == (double)(int)count ? "%.0f" : "%.1f", count);
    else if (count < 1e5)
        (void)snprintf(out, 16, "%.0f", count);
    else if (count < 1e8)
        (void)snprintf(out, 16, "%.0fk", count / 1e3);
    else
        (void)snprintf(out, 16, "%.0fM", count / 1e6);
    return out;
}

const char *short_time(char out[16], double ms)
{
    (void)snprintf(out, 16, ms < 10 ? "%.2f" : ms < 100 ? "%.1f" : "%.0f", ms);
    return out;
}
