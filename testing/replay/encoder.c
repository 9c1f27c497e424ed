/* The library's messages against the bytes that a real client sent and real nodes answered:
 * encoder FOLDER. Prints what differs and how much was compared; exit status 1 if anything does. */
#include "clocks.h"
#include "rpc/messages.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES (16u << 20)
#define VERSIONS_MAX 16

struct count {
    unsigned requests, answers, outside, bad;
};

/* One step, taken apart. */
struct step {
    const char *file;
    int number;
    const char *call;
    struct json_object *request;
    struct json_object *response;
    struct json_object *hosts; /* what the recording had for ${...} */
};

static void fail(struct count *count, const struct step *step, const char *what)
{
    count->bad++;
    printf("%s step %d, %s: %s\n", step->file, step->number, step->call, what);
}

static void check(int rc)
{
    if (rc == 0)
        return;
    (void)fprintf(stderr, "encoder: %s\n", enoki_error_text(rc));
    exit(2);
}

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;

    (void)json_object_object_get_ex(object, name, &found);
    return found;
}

/* The value without shorthands: {"repeat": s, "times": n} is s, n times. A new object. */
static struct json_object *written_out(struct json_object *value)
{
    struct json_object *repeat = member(value, "repeat"), *out;
    struct en_buffer text = EN_BUFFER_INIT(LINE_MAX_BYTES);

    if (repeat != NULL) {
        for (int i = json_object_get_int(member(value, "times")); i > 0; i--)
            check(en_buffer_append(&text, json_object_get_string(repeat),
                                   (size_t)json_object_get_string_len(repeat)));
        out = json_object_new_string_len(text.data, (int)text.len);
        en_buffer_fini(&text);
        return out;
    }
    if (json_object_is_type(value, json_type_array)) {
        out = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(value); i++)
            json_object_array_add(out, written_out(json_object_array_get_idx(value, i)));
        return out;
    }
    if (!json_object_is_type(value, json_type_object))
        return json_object_get(value);
    out = json_object_new_object();
    json_object_object_foreach(value, name, inner)
        json_object_object_add(out, name, written_out(inner));
    return out;
}

static const char *word(const struct step *step, const char *name)
{
    return json_object_get_string(member(step->request, name));
}

static size_t word_len(const struct step *step, const char *name)
{
    return (size_t)json_object_get_string_len(member(step->request, name));
}

static int64_t number(const struct step *step, const char *name)
{
    return json_object_get_int64(member(step->request, name));
}

static int encode_write(const struct step *step, struct en_buffer *out)
{
    struct en_version_view views[VERSIONS_MAX];
    struct en_buffer clocks[VERSIONS_MAX];
    struct en_fred_write write = {.keygroup = word(step, "keygroup"), .id = word(step, "id")};
    struct json_object *versions = member(step->request, "versions");
    int rc = 0;

    if (strcmp(step->call, "Update") == 0) {
        write.value = word(step, "data");
        write.value_len = word_len(step, "data");
    }
    write.versions = views;
    for (size_t i = 0; rc == 0 && i < json_object_array_length(versions); i++) {
        struct json_object *version = json_object_array_get_idx(versions, i);

        clocks[i] = (struct en_buffer)EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);
        write.version_count++;
        rc = clock_read(member(version, "version"), &clocks[i]);
        views[i] = (struct en_version_view){(unsigned char *)clocks[i].data, clocks[i].len};
    }
    if (rc == 0)
        rc = en_rpc_encode_write(out, &write);
    for (size_t i = 0; i < write.version_count; i++)
        en_buffer_fini(&clocks[i]);
    return rc;
}

static int encode_role(const struct step *step, struct en_buffer *out)
{
    static const char *const roles[] = {"ReadKeygroup", "WriteKeygroup", "ConfigureReplica",
                                        "ConfigureTrigger", "ConfigureKeygroups"};
    const char *role = json_object_get_string(member(step->request, "role"));

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (strcmp(role, roles[i]) == 0)
            return en_rpc_encode_user(out, word(step, "user"), word(step, "keygroup"),
                                      (enum en_fred_role)i);
    return ENOKI_EINVAL;
}

static int encode_read(const struct step *step, struct en_buffer *out)
{
    /* Not among what the library sends: the filter is no use to anybody. */
    if (json_object_array_length(member(step->request, "versions")) != 0)
        return ENOKI_EINVAL;
    return en_rpc_encode_read(out, word(step, "keygroup"), word(step, "id"));
}

static int encode_items(const struct step *step, struct en_buffer *out)
{
    if (strcmp(step->call, "Read") == 0)
        return encode_read(step, out);
    if (strcmp(step->call, "Scan") == 0 || strcmp(step->call, "Keys") == 0)
        return en_rpc_encode_scan(out, word(step, "keygroup"), word(step, "id"),
                                  json_object_get_uint64(member(step->request, "count")));
    if (strcmp(step->call, "Update") == 0 || strcmp(step->call, "Delete") == 0)
        return encode_write(step, out);
    if (strcmp(step->call, "Append") != 0)
        return ENOKI_ENOTFOUND;
    return en_rpc_encode_append(out, word(step, "keygroup"),
                                json_object_get_uint64(member(step->request, "id")),
                                word(step, "data"), word_len(step, "data"));
}

/* ENOKI_EINVAL, ENOKI_ENOTFOUND: nothing that the library sends. */
static int encode(const struct step *step, struct en_buffer *out)
{
    const char *call = step->call;
    int rc = encode_items(step, out);

    if (rc != ENOKI_ENOTFOUND)
        return rc;
    if (strcmp(call, "CreateKeygroup") == 0)
        return en_rpc_encode_create_keygroup(
            out, word(step, "keygroup"), json_object_get_boolean(member(step->request, "mutable")),
            number(step, "expiry"));
    if (strcmp(call, "DeleteKeygroup") == 0 || strcmp(call, "GetKeygroupInfo") == 0)
        return en_rpc_encode_keygroup(out, word(step, "keygroup"));
    if (strcmp(call, "AddReplica") == 0 || strcmp(call, "RemoveReplica") == 0)
        return en_rpc_encode_replica(out, word(step, "keygroup"), word(step, "nodeId"),
                                     number(step, "expiry"));
    if (strcmp(call, "AddUser") == 0 || strcmp(call, "RemoveUser") == 0)
        return encode_role(step, out);
    return ENOKI_ENOTFOUND;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void from_hex(const char *hex, struct en_buffer *out)
{
    check(en_buffer_reserve(out, strlen(hex) / 2 + 1));
    for (; hex[0] != '\0'; hex += 2) {
        char pair[3] = {hex[0], hex[1], '\0'};
        char byte = (char)strtoul(pair, NULL, 16);

        check(en_buffer_append(out, &byte, 1));
    }
}

/* The length of the field at bytes, all of it; its content begins at *content. */
static size_t field(const unsigned char *bytes, size_t *content)
{
    size_t at = 1, len = 0;
    unsigned shift = 0;

    if ((bytes[0] & 7u) == 0) {
        while (bytes[at++] & 128u)
            ;
        *content = at;
        return at;
    }
    do
        len |= (size_t)(bytes[at] & 127u) << shift;
    while (shift += 7, bytes[at++] & 128u);
    *content = at;
    return at + len;
}

struct piece {
    const unsigned char *bytes;
    size_t len;
};

static int compare_pieces(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);

    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* Sorts the entries of one clock. */
static void sort_clock(unsigned char *bytes, size_t len)
{
    unsigned char *sorted = malloc(len + 1);
    struct piece pieces[VERSIONS_MAX];
    size_t count = 0, at = 0, content;

    if (sorted == NULL)
        exit(2);
    for (; at < len && count < VERSIONS_MAX; at += pieces[count++].len)
        pieces[count] = (struct piece){bytes + at, field(bytes + at, &content)};
    qsort(pieces, count, sizeof(pieces[0]), compare_pieces);
    at = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(sorted + at, pieces[i].bytes, pieces[i].len);
        at += pieces[i].len;
    }
    memcpy(bytes, sorted, at);
    free(sorted);
}

/* A request's clocks are its fields of this tag: their entries have no order. */
static void sort_clocks(struct en_buffer *message, const char *call)
{
    unsigned char tag = strcmp(call, "Update") == 0 ? 0x22 : 0x1a;
    unsigned char *bytes = (unsigned char *)message->data;
    size_t content, len;

    if (strcmp(call, "Update") != 0 && strcmp(call, "Delete") != 0)
        return;
    for (size_t at = 0; at < message->len; at += len) {
        len = field(bytes + at, &content);
        if (bytes[at] == tag)
            sort_clock(bytes + at + content, len - content);
    }
}

static void check_request(const struct step *step, const char *hex, struct count *count)
{
    struct en_buffer made = EN_BUFFER_INIT(LINE_MAX_BYTES);
    struct en_buffer recorded = EN_BUFFER_INIT(LINE_MAX_BYTES);
    int rc = encode(step, &made);

    from_hex(hex, &recorded);
    if (rc == ENOKI_EINVAL || rc == ENOKI_ENOTFOUND) {
        count->outside++;
    } else {
        count->requests++;
        check(rc);
        sort_clocks(&made, step->call);
        sort_clocks(&recorded, step->call);
        if (made.len != recorded.len ||
            (made.len > 0 && memcmp(made.data, recorded.data, made.len) != 0))
            fail(count, step, "the request has other bytes");
    }
    en_buffer_fini(&made);
    en_buffer_fini(&recorded);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* The recorded text, with the host that was recorded in place of ${node}. */
static const char *host_of(const struct step *step, struct json_object *text)
{
    const char *host = json_object_get_string(text);
    char name[32] = "";

    if (strncmp(host, "${", 2) != 0 || strlen(host) - 3 >= sizeof(name))
        return host;
    memcpy(name, host + 2, strlen(host) - 3);
    return json_object_get_string(member(step->hosts, name));
}

static struct json_object *items_json(const struct en_fred_items *items, bool with_values)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < items->count; i++) {
        const struct en_fred_item *item = &items->items[i];
        struct json_object *entry = json_object_new_object(), *version = json_object_new_object();

        json_object_object_add(entry, "id", json_object_new_string(item->id));
        if (with_values)
            json_object_object_add(entry, "val",
                                   json_object_new_string_len(item->value, (int)item->value_len));
        json_object_object_add(version, "version", clock_json(item->version));
        json_object_object_add(entry, "version", version);
        json_object_array_add(list, entry);
    }
    return list;
}

static void check_items(const struct step *step, const struct en_buffer *bytes, struct count *count)
{
    bool keys = strcmp(step->call, "Keys") == 0;
    struct json_object *want = member(step->response, keys ? "keys" : "data"), *got;
    struct en_fred_items items = {0};
    int rc = keys ? en_rpc_decode_keys(bytes->data, bytes->len, &items)
                  : en_rpc_decode_items(bytes->data, bytes->len, &items);

    if (rc != 0) {
        fail(count, step, enoki_error_text(rc));
        return;
    }
    got = items_json(&items, !keys);
    if (!json_object_equal(want, got))
        fail(count, step, json_object_to_json_string(got));
    json_object_put(got);
    en_fred_items_free(&items);
}

static void check_version(const struct step *step, const struct en_buffer *bytes,
                          struct count *count)
{
    struct json_object *want = member(member(step->response, "version"), "version"), *got;
    struct en_buffer made = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);
    int rc = en_rpc_decode_version(bytes->data, bytes->len, &made);

    if (rc != 0) {
        fail(count, step, enoki_error_text(rc));
        return;
    }
    got = clock_json((struct en_version_view){(unsigned char *)made.data, made.len});
    if (!json_object_equal(want, got))
        fail(count, step, json_object_to_json_string(got));
    json_object_put(got);
    en_buffer_fini(&made);
}

static void check_replicas(const struct step *step, const struct en_buffer *bytes,
                           struct count *count)
{
    bool info = strcmp(step->call, "GetKeygroupInfo") == 0;
    struct json_object *want = member(step->response, info ? "replica" : "replicas");
    struct en_fred_replicas got = {0};
    int rc = info ? en_rpc_decode_keygroup_info(bytes->data, bytes->len, &got)
                  : en_rpc_decode_nodes(bytes->data, bytes->len, &got);

    if (rc != 0) {
        fail(count, step, enoki_error_text(rc));
        return;
    }
    if (got.count != json_object_array_length(want) ||
        (info && got.is_mutable != json_object_get_boolean(member(step->response, "mutable"))))
        fail(count, step, "another number of replicas, or another kind");
    for (size_t i = 0; i < got.count && i < json_object_array_length(want); i++) {
        struct json_object *entry = json_object_array_get_idx(want, i);

        if (strcmp(got.replicas[i].node, json_object_get_string(member(entry, "nodeId"))) != 0 ||
            strcmp(got.replicas[i].host, host_of(step, member(entry, "host"))) != 0 ||
            (info && got.replicas[i].expiry_s != json_object_get_int64(member(entry, "expiry"))))
            fail(count, step, "another replica");
    }
    en_fred_replicas_free(&got);
}

/* A node without a name is nothing that the library can hold: such answers must be refused. */
static bool has_nameless(struct json_object *response)
{
    return strstr(json_object_to_json_string_ext(response, JSON_C_TO_STRING_PLAIN), "{\"\":") !=
           NULL;
}

static void check_answer(const struct step *step, const char *hex, struct count *count)
{
    const char *call = step->call;
    struct en_buffer bytes = EN_BUFFER_INIT(LINE_MAX_BYTES);

    from_hex(hex, &bytes);
    if (has_nameless(step->response)) {
        count->outside++;
    } else if (strcmp(call, "Read") == 0 || strcmp(call, "Scan") == 0 ||
               strcmp(call, "Keys") == 0) {
        count->answers++;
        check_items(step, &bytes, count);
    } else if (strcmp(call, "Update") == 0 || strcmp(call, "Delete") == 0) {
        count->answers++;
        check_version(step, &bytes, count);
    } else if (strcmp(call, "GetKeygroupInfo") == 0 || strcmp(call, "GetAllReplica") == 0) {
        count->answers++;
        check_replicas(step, &bytes, count);
    } else {
        count->outside++;
    }
    en_buffer_fini(&bytes);
}

/* --- files ------------------------------------------------------------------------------------ */

static void check_line(const char *file, struct json_object *line, struct json_object *hosts,
                       struct count *count)
{
    struct step step = {.file = file, .hosts = hosts};
    struct json_object *raw_request = member(line, "raw_request");
    struct json_object *raw_response = member(line, "raw_response");

    step.number = json_object_get_int(member(line, "step"));
    step.call = json_object_get_string(member(line, "call"));
    step.request = member(line, "request");
    step.response = member(line, "response");
    if (step.call == NULL || member(line, "service") != NULL)
        return;
    if (raw_request != NULL && member(line, "raw_only") == NULL)
        check_request(&step, json_object_get_string(raw_request), count);
    if (raw_response != NULL && step.response != NULL)
        check_answer(&step, json_object_get_string(raw_response), count);
}

static void check_file(const char *folder, const char *name, struct count *count)
{
    char path[4096];
    char *text = NULL;
    size_t room = 0;
    struct json_object *header = NULL, *full;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "re");
    if (file == NULL)
        exit(2);
    while (getline(&text, &room, file) > 0) {
        struct json_object *line = json_tokener_parse(text);

        if (header == NULL) {
            header = line;
            continue;
        }
        full = written_out(line);
        check_line(name, full, member(header, "recorded_hosts"), count);
        json_object_put(full);
        json_object_put(line);
    }
    json_object_put(header);
    free(text);
    (void)fclose(file);
}

int main(int argc, char **argv)
{
    struct count count = {0};
    struct dirent *entry;
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;

    if (folder == NULL) {
        (void)fprintf(stderr, "usage: encoder FOLDER\n");
        return 2;
    }
    while ((entry = readdir(folder)) != NULL)
        if (strstr(entry->d_name, ".jsonl") != NULL)
            check_file(argv[1], entry->d_name, &count);
    (void)closedir(folder);
    printf("%u requests and %u answers compared, %u are nothing that the library sends or reads, "
           "%u differ\n",
           count.requests, count.answers, count.outside, count.bad);
    return count.bad != 0 || count.requests < 700 || count.answers < 250 ? 1 : 0;
}
