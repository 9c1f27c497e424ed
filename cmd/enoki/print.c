#include "print.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

static int finish(void)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return 0;
    (void)fprintf(stderr, "enoki: cannot write to standard output\n");
    return 1;
}

int print_value(const struct enoki_items *items)
{
    size_t len;
    const char *value = enoki_items_value(items, 0, &len);

    (void)fwrite(value, 1, len, stdout);
    if (isatty(STDOUT_FILENO))
        (void)putchar('\n');
    if (enoki_items_count(items) > 1)
        (void)fprintf(stderr, "enoki: %zu concurrent versions; --all shows them\n",
                      enoki_items_count(items));
    return finish();
}

static void print_version(const struct enoki_version *version)
{
    for (size_t i = 0; i < enoki_version_count(version); i++) {
        uint64_t counter;
        const char *node = enoki_version_node(version, i, &counter);

        (void)printf("%s%s=%llu", i > 0 ? "," : "", node, (unsigned long long)counter);
    }
}

/* The C library judges: main has set a UTF-8 locale for it. */
static int is_utf8(const char *text, size_t len)
{
    mbstate_t state = {0};

    while (len > 0) {
        wchar_t c;
        size_t used = mbrtowc(&c, text, len, &state);

        if (used == (size_t)-1 || used == (size_t)-2)
            return 0;
        used = used == 0 ? 1 : used;
        text += used;
        len -= used;
    }
    return 1;
}

int print_lines(const struct enoki_items *items, int keys)
{
    for (size_t i = 0; i < enoki_items_count(items); i++) {
        size_t len;
        const unsigned char *value = enoki_items_value(items, i, &len);
        unsigned char last = is_utf8((const char *)value, len) ? 0xff : 0x7e;

        (void)printf("%s\t", enoki_items_id(items, i));
        print_version(enoki_items_version(items, i));
        if (!keys)
            (void)putchar('\t');
        for (size_t at = 0; !keys && at < len; at++) {
            if (value[at] < 0x20 || value[at] == 0x7f || value[at] == '\\' || value[at] > last)
                (void)printf("\\x%02x", value[at]);
            else
                (void)putchar(value[at]);
        }
        (void)putchar('\n');
    }
    return finish();
}

static struct json_object *hex(const unsigned char *value, size_t len)
{
    char *text = malloc(len * 2 + 1);
    struct json_object *out;

    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++)
        (void)snprintf(text + i * 2, 3, "%02x", value[i]);
    out = json_object_new_string_len(text, (int)(len * 2));
    free(text);
    return out;
}

static struct json_object *entry(const struct enoki_items *items, size_t index, int keys)
{
    const struct enoki_version *version = enoki_items_version(items, index);
    struct json_object *out = json_object_new_object();
    struct json_object *clock = json_object_new_object();
    size_t len;
    const char *value = enoki_items_value(items, index, &len);

    for (size_t i = 0; i < enoki_version_count(version); i++) {
        uint64_t counter;
        const char *node = enoki_version_node(version, i, &counter);

        (void)json_object_object_add(clock, node, json_object_new_uint64(counter));
    }
    (void)json_object_object_add(out, "id", json_object_new_string(enoki_items_id(items, index)));
    (void)json_object_object_add(out, "version", clock);
    if (keys)
        return out;
    if (is_utf8(value, len))
        (void)json_object_object_add(out, "value", json_object_new_string_len(value, (int)len));
    else
        (void)json_object_object_add(out, "value_hex", hex((const unsigned char *)value, len));
    return out;
}

int print_json(const struct enoki_items *items, int keys)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < enoki_items_count(items); i++)
        (void)json_object_array_add(array, entry(items, i, keys));
    (void)puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
                                                         JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(array);
    return finish();
}
