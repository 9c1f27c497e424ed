#include "clocks.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    const char *node;
    uint64_t counter;
};

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->node, ((const struct entry *)b)->node);
}

static int append_integer(struct en_buffer *out, uint64_t value, size_t size)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    return en_buffer_append(out, bytes, size);
}

int clock_read(struct json_object *clock, struct en_buffer *out)
{
    struct entry entries[16];
    size_t count = 0;
    int rc;

    json_object_object_foreach(clock, node, counter)
    {
        if (count == sizeof(entries) / sizeof(entries[0]) ||
            !en_version_is_node(node, strlen(node)))
            return ENOKI_EINVAL;
        entries[count++] = (struct entry){node, json_object_get_uint64(counter)};
    }
    qsort(entries, count, sizeof(entries[0]), compare_entries);
    rc = append_integer(out, count, 2);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        size_t len = strlen(entries[i].node);

        rc = append_integer(out, len, 1);
        if (rc == 0)
            rc = en_buffer_append(out, entries[i].node, len + 1);
        if (rc == 0)
            rc = append_integer(out, entries[i].counter, 8);
    }
    return rc;
}

struct json_object *clock_json(struct en_version_view version)
{
    struct json_object *clock = json_object_new_object();
    const unsigned char *at = version.bytes + 2;

    for (unsigned i = en_version_view_count(version); i > 0; i--) {
        const char *node = (const char *)at + 1;
        uint64_t counter = 0;

        at += 1u + *at + 1u;
        for (size_t k = 8; k > 0; k--)
            counter = counter << 8 | at[k - 1];
        at += 8;
        json_object_object_add(clock, node, json_object_new_uint64(counter));
    }
    return clock;
}
