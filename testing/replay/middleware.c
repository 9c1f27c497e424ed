/* What ALExANDRA does with a call, done with our session and our calls to FReD:
 *
 *   middleware CERTIFICATES USER NODE=ADDRESS...
 *
 * Reads {"call", "node", "request"} lines, writes {"outcome", "message", ...} lines. No policy: no
 * retry, no other node, so that the session's rules alone decide. README.md says what is left out.
 */
#include "clocks.h"

#include "base/clock.h"
#include "rpc/fred.h"
#include "state/session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 4
#define KEYGROUPS_MAX 8
#define CALL_MS 10000u
#define VERSIONS_MAX 64

static struct {
    const struct en_fred_api *api;
    struct en_fred_client *client;
    const char *names[NODES_MAX];
    struct en_fred_link *links[NODES_MAX];
    size_t nodes;
    char keygroups[KEYGROUPS_MAX][64];
    struct en_session *sessions[KEYGROUPS_MAX];
    size_t count;
} run;

static void check(int rc, const struct enoki_error *err)
{
    if (rc == 0)
        return;
    (void)fprintf(stderr, "middleware: %s: %s\n", enoki_error_name(rc), err ? err->message : "");
    exit(1);
}

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;

    (void)json_object_object_get_ex(object, name, &found);
    return found;
}

static const char *word(struct json_object *object, const char *name)
{
    return json_object_get_string(member(object, name));
}

static struct en_session *session_of(const char *keygroup)
{
    struct en_session_options options = {.keygroup = keygroup};
    struct enoki_error err = ENOKI_ERROR_INIT;

    for (size_t i = 0; i < run.count; i++)
        if (strcmp(run.keygroups[i], keygroup) == 0)
            return run.sessions[i];
    if (run.count == KEYGROUPS_MAX)
        exit(1);
    (void)snprintf(run.keygroups[run.count], sizeof(run.keygroups[0]), "%s", keygroup);
    check(en_session_open(&run.sessions[run.count], &options, &err), &err);
    return run.sessions[run.count++];
}

/* One call on its way. */
struct call {
    struct json_object *request;
    struct json_object *answer;
    struct en_fred_link *link;
    struct en_session *session;
    const char *keygroup;
    const char *id;
    uint64_t deadline_ms;
    struct enoki_error err;
};

static void outcome(struct call *call, const char *what)
{
    json_object_object_add(call->answer, "outcome", json_object_new_string(what));
    json_object_object_add(call->answer, "message", json_object_new_string(call->err.message));
}

/* True if the node did it; else the outcome is the node's refusal. */
static bool is_ok(struct call *call, enum en_fred_result result)
{
    if (result != EN_FRED_OK)
        outcome(call, "refused");
    return result == EN_FRED_OK;
}

static bool is_older(const struct en_seen *seen, struct en_version_view version)
{
    for (size_t i = 0; i < seen->count; i++)
        if (en_version_order(version, seen->versions[i]) == ENOKI_ORDER_BEFORE)
            return true;
    return false;
}

/* ALExANDRA's add: an older version is an error, and nothing may change by it. */
static bool add(struct call *call, const char *id, struct en_version_view version, bool removed)
{
    struct en_seen before, after;
    bool older;

    check(en_session_seen(call->session, id, &before), NULL);
    older = is_older(&before, version);
    check(en_session_add(call->session, id, version, removed), NULL);
    check(en_session_seen(call->session, id, &after), NULL);
    if (older && (after.count != before.count || is_older(&after, version) == false))
        outcome(call, "broken: an older version changed what was seen");
    if (!older && !en_seen_is_covered(&before, after.versions, after.count))
        outcome(call, "broken: something seen was lost");
    en_seen_fini(&before);
    en_seen_fini(&after);
    return !older;
}

static void do_read(struct call *call)
{
    struct en_version_view versions[VERSIONS_MAX];
    struct json_object *list = json_object_new_array();
    struct en_fred_items items = {0};
    struct en_seen seen;
    int rc;

    json_object_object_add(call->answer, "items", list);
    check(en_session_seen(call->session, call->id, &seen), NULL);
    if (is_ok(call, run.api->read(call->link, call->deadline_ms, call->keygroup, call->id, &items,
                                  &call->err))) {
        for (size_t i = 0; i < items.count && i < VERSIONS_MAX; i++) {
            struct json_object *entry = json_object_new_object();

            versions[i] = items.items[i].version;
            json_object_object_add(
                entry, "val",
                json_object_new_string_len(items.items[i].value, (int)items.items[i].value_len));
            json_object_object_add(entry, "version", clock_json(versions[i]));
            json_object_array_add(list, entry);
        }
        rc = en_session_learn(call->session, call->id, &seen, versions, items.count, false);
        if (rc != ENOKI_ESTALE)
            check(rc, NULL);
        outcome(call, rc == 0 ? "ok" : "stale");
        run.api->items_free(&items);
    }
    en_seen_fini(&seen);
}

static void do_write(struct call *call, bool is_removal)
{
    const struct en_version_view nothing = en_version_empty();
    struct json_object *value = member(call->request, "data");
    struct en_buffer made = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);
    struct en_fred_write write = {.keygroup = call->keygroup, .id = call->id};
    struct en_seen seen;

    check(en_session_seen(call->session, call->id, &seen), NULL);
    write.versions = seen.count == 0 ? &nothing : seen.versions;
    write.version_count = seen.count == 0 ? 1 : seen.count;
    if (!is_removal) {
        write.value = json_object_get_string(value);
        write.value_len = (size_t)json_object_get_string_len(value);
    }
    if (is_ok(call, run.api->write(call->link, call->deadline_ms, &write, &made, &call->err))) {
        struct en_version_view version;

        check(en_version_view_read(made.data, made.len, &version), NULL);
        check(en_session_wrote(call->session, call->id, &seen, version, is_removal), NULL);
        outcome(call, "ok");
    }
    en_buffer_fini(&made);
    en_seen_fini(&seen);
}

static void do_scan(struct call *call, bool with_values)
{
    uint64_t count = json_object_get_uint64(member(call->request, "count"));
    struct json_object *list = json_object_new_array();
    struct en_fred_items items = {0};
    bool fresh = true;

    json_object_object_add(call->answer, "items", list);
    if (!is_ok(call, run.api->scan(call->link, call->deadline_ms, call->keygroup, call->id, count,
                                   with_values, &items, &call->err)))
        return;
    outcome(call, "ok");
    for (size_t i = 0; fresh && i < items.count; i++) {
        const struct en_fred_item *item = &items.items[i];
        struct json_object *entry = json_object_new_object();

        fresh = add(call, item->id, item->version, with_values && item->value_len == 0);
        json_object_object_add(entry, "id", json_object_new_string(item->id));
        if (with_values)
            json_object_object_add(entry, "data",
                                   json_object_new_string_len(item->value, (int)item->value_len));
        json_object_array_add(list, entry);
    }
    if (!fresh)
        outcome(call, "older");
    run.api->items_free(&items);
}

static void do_notify(struct call *call)
{
    struct en_buffer version = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);
    struct en_version_view view;

    check(clock_read(member(call->request, "version"), &version), NULL);
    check(en_version_view_read(version.data, version.len, &view), NULL);
    outcome(call, "ok");
    if (!add(call, call->id, view, false))
        outcome(call, "older");
    en_buffer_fini(&version);
}

static void do_call(struct call *call, const char *name)
{
    if (strcmp(name, "Read") == 0)
        do_read(call);
    else if (strcmp(name, "Update") == 0 || strcmp(name, "Delete") == 0)
        do_write(call, *name == 'D');
    else if (strcmp(name, "Scan") == 0 || strcmp(name, "Keys") == 0)
        do_scan(call, *name == 'S');
    else if (strcmp(name, "Notify") == 0)
        do_notify(call);
    else
        outcome(call, "unknown");
}

static void answer_line(const char *line)
{
    struct json_object *asked = json_tokener_parse(line);
    struct call call = {.request = member(asked, "request"), .err = ENOKI_ERROR_INIT};

    call.answer = json_object_new_object();
    call.keygroup = word(call.request, "keygroup");
    call.id = word(call.request, "id");
    call.session = session_of(call.keygroup);
    call.deadline_ms = en_clock_ms() + CALL_MS;
    for (size_t i = 0; i < run.nodes; i++)
        if (strcmp(run.names[i], word(asked, "node")) == 0)
            call.link = run.links[i];
    do_call(&call, word(asked, "call"));
    (void)puts(json_object_to_json_string_ext(call.answer, JSON_C_TO_STRING_PLAIN));
    (void)fflush(stdout);
    json_object_put(call.answer);
    json_object_put(asked);
}

static char *file_text(const char *folder, const char *name, const char *ending)
{
    char path[4096];
    char *text = calloc(1, 65536);
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s%s", folder, name, ending);
    file = fopen(path, "re");
    if (text == NULL || file == NULL || fread(text, 1, 65535, file) == 0)
        exit(1);
    (void)fclose(file);
    return text;
}

static void connect_all(int argc, char **argv)
{
    char *ca = file_text(argv[1], "ca", ".crt"), *own = file_text(argv[1], argv[2], ".crt");
    char *key = file_text(argv[1], argv[2], ".key");
    const struct en_fred_identity identity = {ca, own, key};
    struct enoki_error err = ENOKI_ERROR_INIT;

    check(en_fred_api_load(&run.api, &err), &err);
    check(run.api->client_new(&run.client, NULL, &err), &err);
    for (int i = 3; i < argc && run.nodes < NODES_MAX; i++) {
        char *address = strchr(argv[i], '=');

        if (address == NULL)
            exit(2);
        *address++ = '\0';
        run.names[run.nodes] = argv[i];
        check(run.api->link_new(&run.links[run.nodes++], run.client, address, &identity, &err),
              &err);
    }
    free(ca);
    free(own);
    free(key);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t room = 0;

    if (argc < 4)
        return 2;
    connect_all(argc, argv);
    while (getline(&line, &room, stdin) > 0)
        answer_line(line);
    for (size_t i = 0; i < run.count; i++)
        en_session_close(run.sessions[i]);
    for (size_t i = 0; i < run.nodes; i++)
        run.api->link_free(run.links[i]);
    run.api->client_free(run.client);
    free(line);
    return 0;
}
