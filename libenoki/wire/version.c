#include "wire/version.h"

#include "base/checked.h"
#include "wire/little.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MERGE_MAX 1024u

/* Walks the entries of a well-formed version. */
struct cursor {
    const unsigned char *at;
    unsigned left; /* entries, the current one included */
    const char *node;
    uint64_t counter;
};

static void cursor_load(struct cursor *cursor)
{
    size_t len;

    if (cursor->left == 0)
        return;
    len = cursor->at[0];
    cursor->node = (const char *)cursor->at + 1;
    cursor->counter = en_load_u64(cursor->at + 1 + len + 1);
    cursor->at += 1 + len + 1 + 8;
}

static void cursor_start(struct cursor *cursor, struct en_version_view version)
{
    *cursor = (struct cursor){version.bytes + 2, en_load_u16(version.bytes), NULL, 0};
    cursor_load(cursor);
}

static void cursor_next(struct cursor *cursor)
{
    cursor->left--;
    cursor_load(cursor);
}

struct en_version_view en_version_empty(void)
{
    static const unsigned char empty[2] = {0, 0};

    return (struct en_version_view){empty, sizeof(empty)};
}

struct en_version_view en_version_view(const struct enoki_version *version)
{
    return (struct en_version_view){version->bytes, version->len};
}

bool en_version_is_node(const char *node, size_t len)
{
    if (len == 0 || len > EN_VERSION_NODE_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (node[i] == '\0' || node[i] == '=' || node[i] == ',' || node[i] == '|')
            return false;
    return true;
}

int en_version_view_read(const void *bytes, size_t len, struct en_version_view *out)
{
    const unsigned char *begin = bytes;
    const unsigned char *at = begin;
    const char *previous = NULL;
    size_t left = len;
    unsigned count;

    if (left < 2)
        return ENOKI_EFORMAT;
    count = en_load_u16(at);
    if (count > EN_VERSION_NODES_MAX)
        return ENOKI_EFORMAT;
    at += 2;
    left -= 2;
    for (unsigned i = 0; i < count; i++) {
        size_t node_len = left > 0 ? at[0] : 0;
        const char *node = (const char *)at + 1;

        if (left < 1 + node_len + 1 + 8 || !en_version_is_node(node, node_len) ||
            node[node_len] != '\0')
            return ENOKI_EFORMAT;
        if (previous != NULL && strcmp(previous, node) >= 0)
            return ENOKI_EFORMAT;
        previous = node;
        at += 1 + node_len + 1 + 8;
        left -= 1 + node_len + 1 + 8;
    }
    *out = (struct en_version_view){begin, len - left};
    return 0;
}

unsigned en_version_view_count(struct en_version_view version)
{
    return en_load_u16(version.bytes);
}

static enum enoki_order order(bool a_larger, bool b_larger)
{
    if (a_larger && b_larger)
        return ENOKI_ORDER_CONCURRENT;
    if (a_larger)
        return ENOKI_ORDER_AFTER;
    return b_larger ? ENOKI_ORDER_BEFORE : ENOKI_ORDER_EQUAL;
}

enum enoki_order en_version_order(struct en_version_view a, struct en_version_view b)
{
    struct cursor ca, cb;
    bool a_larger = false;
    bool b_larger = false;

    cursor_start(&ca, a);
    cursor_start(&cb, b);
    while (ca.left > 0 || cb.left > 0) {
        int side = ca.left == 0 ? 1 : cb.left == 0 ? -1 : strcmp(ca.node, cb.node);

        if (side < 0 || (side == 0 && ca.counter > cb.counter))
            a_larger = true;
        if (side > 0 || (side == 0 && ca.counter < cb.counter))
            b_larger = true;
        if (side <= 0)
            cursor_next(&ca);
        if (side >= 0)
            cursor_next(&cb);
    }
    return order(a_larger, b_larger);
}

static int append_entry(struct en_buffer *out, const char *node, uint64_t counter)
{
    size_t len = strlen(node);
    unsigned char head = (unsigned char)len;
    unsigned char tail[8];
    int rc;

    en_store_u64(tail, counter);
    rc = en_buffer_append(out, &head, 1);
    if (rc == 0)
        rc = en_buffer_append(out, node, len + 1);
    if (rc == 0)
        rc = en_buffer_append(out, tail, sizeof(tail));
    return rc;
}

/* The smallest name under all cursors and the largest counter it has there; moves past it. NULL at
 * the end. */
static const char *merge_step(struct cursor *cursors, size_t count, uint64_t *counter_out)
{
    const char *node = NULL;

    for (size_t i = 0; i < count; i++)
        if (cursors[i].left > 0 && (node == NULL || strcmp(cursors[i].node, node) < 0))
            node = cursors[i].node;
    *counter_out = 0;
    for (size_t i = 0; node != NULL && i < count; i++) {
        if (cursors[i].left == 0 || strcmp(cursors[i].node, node) != 0)
            continue;
        if (cursors[i].counter > *counter_out)
            *counter_out = cursors[i].counter;
        cursor_next(&cursors[i]);
    }
    return node;
}

static int supersede(struct cursor *cursors, size_t count, const char *node, struct en_buffer *out)
{
    size_t head = out->len;
    unsigned entries = 0;
    bool ticked = false;
    const char *other;
    uint64_t counter;
    int rc;

    rc = en_buffer_append(out, "\0\0", 2);
    for (other = merge_step(cursors, count, &counter); rc == 0 && (other != NULL || !ticked);) {
        int side = other == NULL ? 1 : strcmp(other, node);

        if (!ticked && side >= 0) {
            uint64_t mine = side == 0 ? counter : 0;

            if (mine == UINT64_MAX)
                return ENOKI_ELIMIT;
            rc = append_entry(out, node, mine + 1);
            ticked = true;
            entries++;
            if (side > 0)
                continue;
        } else if (counter > 0) {
            rc = append_entry(out, other, counter);
            entries++;
        }
        other = merge_step(cursors, count, &counter);
    }
    if (rc == 0 && entries > EN_VERSION_NODES_MAX)
        rc = ENOKI_ELIMIT;
    if (rc == 0)
        en_store_u16(out->data + head, (uint16_t)entries);
    return rc;
}

int en_version_supersede(const struct en_version_view *seen, size_t count, const char *node,
                         struct en_buffer *out)
{
    struct cursor few[8];
    struct cursor *cursors = few;
    size_t head = out->len;
    int rc;

    if (count > MERGE_MAX)
        return ENOKI_ELIMIT;
    if (count > sizeof(few) / sizeof(few[0])) {
        cursors = calloc(count, sizeof(*cursors));
        if (cursors == NULL)
            return ENOKI_ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        cursor_start(&cursors[i], seen[i]);
    rc = supersede(cursors, count, node, out);
    if (cursors != few)
        free(cursors);
    if (rc != 0)
        out->len = head;
    return rc;
}

void en_version_entries(struct en_version_view version, struct en_version_entry *out, size_t room)
{
    struct cursor cursor;

    cursor_start(&cursor, version);
    for (size_t i = 0; i < room && cursor.left > 0; i++, cursor_next(&cursor))
        out[i] = (struct en_version_entry){cursor.node, cursor.counter};
}

/* Stable: entries of one name keep their order. Clocks are short, so nothing better pays. */
static void sort_entries(struct en_version_entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct en_version_entry entry = entries[i];
        size_t at = i;

        for (; at > 0 && strcmp(entries[at - 1].node, entry.node) > 0; at--)
            entries[at] = entries[at - 1];
        entries[at] = entry;
    }
}

int en_version_build(struct en_version_entry *entries, size_t count, struct en_buffer *out)
{
    size_t head = out->len;
    unsigned kept = 0;
    int rc;

    if (count > EN_VERSION_NODES_MAX)
        return ENOKI_ELIMIT;
    for (size_t i = 0; i < count; i++)
        if (!en_version_is_node(entries[i].node, strnlen(entries[i].node, EN_VERSION_NODE_MAX + 1)))
            return ENOKI_EFORMAT;
    sort_entries(entries, count);
    rc = en_buffer_append(out, "\0\0", 2);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (i + 1 < count && strcmp(entries[i].node, entries[i + 1].node) == 0)
            continue;
        rc = append_entry(out, entries[i].node, entries[i].counter);
        kept++;
    }
    if (rc == 0)
        en_store_u16(out->data + head, (uint16_t)kept);
    else
        out->len = head;
    return rc;
}

int en_version_text(struct en_version_view version, struct en_buffer *out)
{
    struct cursor cursor;
    const char *comma = "";
    int rc = en_buffer_append(out, "", 0);

    for (cursor_start(&cursor, version); rc == 0 && cursor.left > 0; cursor_next(&cursor)) {
        rc = en_buffer_appendf(out, "%s%s=%" PRIu64, comma, cursor.node, cursor.counter);
        comma = ",";
    }
    return rc;
}

/* --- the public functions --------------------------------------------------------------------- */

struct text_entry {
    char node[EN_VERSION_NODE_MAX + 1];
    uint64_t counter;
};

static int by_node(const void *a, const void *b)
{
    return strcmp(((const struct text_entry *)a)->node, ((const struct text_entry *)b)->node);
}

static int parse_entry(const char *text, size_t len, struct text_entry *out)
{
    const char *equals = memchr(text, '=', len);
    size_t node_len = equals == NULL ? 0 : (size_t)(equals - text);

    if (equals == NULL || !en_version_is_node(text, node_len) ||
        !en_parse_u64(equals + 1, len - node_len - 1, UINT64_MAX, &out->counter))
        return ENOKI_EINVAL;
    memcpy(out->node, text, node_len);
    out->node[node_len] = '\0';
    return 0;
}

/* Fills entries, which has room for as many as the text has commas, and one. */
static int parse_entries(const char *text, struct text_entry *entries, size_t *count_out)
{
    size_t count = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, ",");

        if (parse_entry(text, len, &entries[count++]) != 0)
            return ENOKI_EINVAL;
        text += len;
        if (*text == ',' && *++text == '\0')
            return ENOKI_EINVAL;
    }
    qsort(entries, count, sizeof(*entries), by_node);
    for (size_t i = 1; i < count; i++)
        if (strcmp(entries[i - 1].node, entries[i].node) == 0)
            return ENOKI_EINVAL;
    *count_out = count;
    return 0;
}

static int build(struct enoki_version **out, const struct text_entry *entries, size_t count)
{
    struct en_buffer buffer = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);
    struct enoki_version *version;
    unsigned char head[2];
    int rc;

    en_store_u16(head, (uint16_t)count);
    rc = en_buffer_append(&buffer, head, sizeof(head));
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = append_entry(&buffer, entries[i].node, entries[i].counter);
    if (rc != 0)
        goto out;
    version = malloc(sizeof(*version) + buffer.len);
    if (version == NULL) {
        rc = ENOKI_ENOMEM;
        goto out;
    }
    version->len = (uint32_t)buffer.len;
    memcpy(version->bytes, buffer.data, buffer.len);
    *out = version;
out:
    en_buffer_fini(&buffer);
    return rc;
}

int enoki_version_parse(struct enoki_version **out, const char *text, struct enoki_error *err)
{
    struct text_entry *entries;
    size_t room = 1;
    size_t count;
    int rc;

    for (const char *at = text; *at != '\0'; at++)
        room += *at == ',' ? 1 : 0;
    if (room > EN_VERSION_NODES_MAX)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "a version of %zu nodes is too long: at most %u are allowed", room,
                               EN_VERSION_NODES_MAX);
    entries = calloc(room, sizeof(*entries));
    if (entries == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a version");
    rc = parse_entries(text, entries, &count);
    if (rc == 0)
        rc = build(out, entries, count);
    free(entries);
    if (rc == ENOKI_EINVAL)
        return enoki_error_set(err, rc,
                               "'%.200s' is no version: write node=counter,node=counter, each node "
                               "once",
                               text);
    if (rc != 0)
        return enoki_error_set(err, rc, "out of memory for a version");
    return 0;
}

void enoki_version_free(struct enoki_version *version)
{
    free(version);
}

size_t enoki_version_count(const struct enoki_version *version)
{
    return en_version_view_count(en_version_view(version));
}

const char *enoki_version_node(const struct enoki_version *version, size_t index,
                               uint64_t *counter_out)
{
    struct cursor cursor;

    cursor_start(&cursor, en_version_view(version));
    while (index-- > 0)
        cursor_next(&cursor);
    if (counter_out != NULL)
        *counter_out = cursor.counter;
    return cursor.node;
}

enum enoki_order enoki_version_compare(const struct enoki_version *a, const struct enoki_version *b)
{
    return en_version_order(en_version_view(a), en_version_view(b));
}
