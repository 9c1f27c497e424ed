#include "print.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *usage_text(int usage)
{
    static const char *const texts[] = {"any", "client", "server", "client, server"};

    return texts[usage & ENOKI_TLS_BOTH];
}

static void date_text(int64_t seconds, char out[32])
{
    time_t when = (time_t)seconds;
    struct tm parts;

    if (gmtime_r(&when, &parts) == NULL || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        out[0] = '\0';
}

static int finish(void)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return 0;
    (void)fprintf(stderr, "enoki: cannot write to standard output\n");
    return 1;
}

static void print_object(struct json_object *object)
{
    (void)puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
                                                          JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}

int print_certificate(const struct enoki_tls_info *info, int json)
{
    char begins[32], expires[32];
    const struct {
        const char *key;
        const char *value;
    } rows[] = {
        {"name", info->name},         {"issuer", info->issuer},
        {"begins", begins},           {"expires", expires},
        {"sans", info->sans},         {"usage", info->is_ca ? "ca" : usage_text(info->usage)},
        {"key", info->key},           {"serial", info->serial},
        {"sha256", info->fingerprint}};
    struct json_object *object = json ? json_object_new_object() : NULL;

    date_text(info->begins, begins);
    date_text(info->expires, expires);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (json)
            (void)json_object_object_add(object, rows[i].key,
                                         json_object_new_string(rows[i].value));
        else
            (void)printf("%-8s %s\n", rows[i].key, rows[i].value);
    }
    if (json)
        print_object(object);
    return finish();
}

void add_fault(void *context, const char *fault)
{
    struct fault_list *list = context;
    char *copy = strdup(fault);
    char **grown = realloc(list->faults, (list->count + 1) * sizeof(*grown));

    if (grown != NULL)
        list->faults = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return;
    }
    list->faults[list->count++] = copy;
}

void free_faults(struct fault_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->faults[i]);
    free(list->faults);
}

int print_faults(const char *name, const struct fault_list *list, int json)
{
    struct json_object *object, *array;

    if (!json) {
        for (size_t i = 0; i < list->count; i++)
            (void)fprintf(stderr, "enoki: %s\n", list->faults[i]);
        if (list->count == 0)
            (void)printf("%s: no fault found\n", name);
        return finish();
    }
    object = json_object_new_object();
    array = json_object_new_array();
    for (size_t i = 0; i < list->count; i++)
        (void)json_object_array_add(array, json_object_new_string(list->faults[i]));
    (void)json_object_object_add(object, "name", json_object_new_string(name));
    (void)json_object_object_add(object, "faults", array);
    print_object(object);
    return finish();
}
