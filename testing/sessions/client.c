/* client - random clients of the state API that write down what they do:
 *
 *   client HISTORY LIFE SEED CALLS (SESSION KEYGROUP THREADS URI)...
 *
 * Each group of four is one handle, used by so many threads at once; LIFE tells values of one life
 * of this process from those of the next. The lines are check.py's. Exit status 1 if a handle
 * cannot be opened or a call returns a code that the contract does not know. */
#include <enoki/state.h>

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 16384
#define IDS 3
#define THREADS_MAX 8
#define OPEN_TRIES 8

struct handle {
    const char *session;
    const char *keygroup;
    const char *uri;
    unsigned threads;
    struct enoki_state *state;
};

struct client {
    struct handle *handle;
    pthread_t thread;
    unsigned index;
    uint64_t random;
    unsigned number; /* of the value written last */
    char value[80];
    char seen[LINE_BYTES / 2]; /* what the callback of modify was shown */
    bool keeps;
};

static struct {
    int history;
    unsigned life;
    unsigned calls;
    bool is_bad;
} run;

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* splitmix64: the same everywhere, for a seed. */
static uint64_t draw(uint64_t *random, uint64_t below)
{
    uint64_t z = *random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % below;
}

static void pause_us(uint64_t us)
{
    struct timespec span = {.tv_nsec = (long)(us * 1000)};

    (void)nanosleep(&span, NULL);
}

static size_t add(char *text, size_t room, size_t len, const char *format, ...)
{
    va_list args;
    int more;

    if (len >= room)
        return len;
    va_start(args, format);
    more = vsnprintf(text + len, room - len, format, args);
    va_end(args);
    return more < 0 ? room : len + (size_t)more;
}

/* [["id", "value", {"node": counter}], ...] */
static void items_text(const struct enoki_items *items, char *out, size_t room)
{
    size_t len = add(out, room, 0, "[");

    for (size_t i = 0; i < enoki_items_count(items); i++) {
        const struct enoki_version *version = enoki_items_version(items, i);

        len = add(out, room, len, "%s[\"%s\", \"%s\", {", i == 0 ? "" : ", ",
                  enoki_items_id(items, i), (const char *)enoki_items_value(items, i, NULL));
        for (size_t k = 0; k < enoki_version_count(version); k++) {
            uint64_t counter;
            const char *node = enoki_version_node(version, k, &counter);

            len = add(out, room, len, "%s\"%s\": %" PRIu64, k == 0 ? "" : ", ", node, counter);
        }
        len = add(out, room, len, "}]");
    }
    if (add(out, room, len, "]") >= room)
        abort();
}

/* One line is one write(): it is there whole or not at all, even if this process is killed. */
static void note(const char *line, size_t len)
{
    if (len >= LINE_BYTES || write(run.history, line, len) != (ssize_t)len)
        abort();
}

struct call {
    const char *kind;
    const char *id;
    bool writes_value;
    uint64_t t0;
};

static size_t begin_line(const struct client *client, const struct call *call, const char *event,
                         char *line)
{
    size_t len = add(line, LINE_BYTES, 0,
                     "{\"e\": \"%s\", \"session\": \"%s\", \"tid\": %d, \"op\": \"%s\", "
                     "\"keygroup\": \"%s\", \"id\": \"%s\", \"t0\": %" PRIu64,
                     event, client->handle->session, gettid(), call->kind, client->handle->keygroup,
                     call->id, call->t0);

    if (call->writes_value)
        len = add(line, LINE_BYTES, len, ", \"value\": \"%s\"", client->value);
    return len;
}

static void note_begin(const struct client *client, struct call *call)
{
    char line[LINE_BYTES];
    size_t len;

    call->t0 = now_ns();
    len = begin_line(client, call, "begin", line);
    len = add(line, sizeof(line), len, "}\n");
    note(line, len);
}

static void note_end(const struct client *client, const struct call *call, int rc, const char *got,
                     const struct enoki_error *err)
{
    static const int known[] = {ENOKI_OK,        ENOKI_ENOTFOUND,    ENOKI_ETIMEOUT,
                                ENOKI_ECONFLICT, ENOKI_EUNAVAILABLE, ENOKI_ESTALE,
                                ENOKI_EUNCERTAIN};
    uint64_t t1 = now_ns();
    char line[LINE_BYTES];
    size_t len = begin_line(client, call, "op", line);
    bool is_known = false;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        is_known = is_known || rc == known[i];
    if (!is_known) {
        (void)fprintf(stderr, "%s of %s in %s: %s: %s\n", call->kind, call->id,
                      client->handle->keygroup, enoki_error_name(rc), err->message);
        run.is_bad = true;
    }
    len = add(line, sizeof(line), len, ", \"t1\": %" PRIu64 ", \"rc\": \"%s\", \"got\": %s}\n", t1,
              rc == 0 ? "OK" : enoki_error_name(rc), got);
    note(line, len);
}

static int decide(void *context, const struct enoki_items *items, const void **value_out,
                  size_t *value_len_out, struct enoki_error *err)
{
    struct client *client = context;

    (void)err;
    items_text(items, client->seen, sizeof(client->seen));
    *value_out = client->value;
    *value_len_out = strlen(client->value);
    return client->keeps ? ENOKI_MODIFY_KEEP : ENOKI_MODIFY_WRITE;
}

static void do_read(struct client *client, const char *id, bool is_scan)
{
    struct call call = {.kind = is_scan ? "scan" : "read", .id = id};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    char got[LINE_BYTES / 2] = "[]";
    int rc;

    note_begin(client, &call);
    rc = is_scan ? enoki_state_scan(client->handle->state, id, 2 * IDS, &items, &err)
                 : enoki_state_read(client->handle->state, id, &items, &err);
    if (rc == 0)
        items_text(items, got, sizeof(got));
    note_end(client, &call, rc, got, &err);
    enoki_items_free(items);
}

static void do_write(struct client *client, const char *id, const char *kind)
{
    struct call call = {.kind = kind, .id = id};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state = client->handle->state;
    int rc;

    (void)snprintf(client->value, sizeof(client->value), "%s.%u.%u.%u", client->handle->session,
                   run.life, client->index, ++client->number);
    (void)snprintf(client->seen, sizeof(client->seen), "[]");
    client->keeps = strcmp(kind, "modify") == 0 && draw(&client->random, 8) == 0;
    call.writes_value = strcmp(kind, "remove") != 0 && !client->keeps;
    note_begin(client, &call);
    if (strcmp(kind, "update") == 0)
        rc = enoki_state_update(state, id, client->value, strlen(client->value), NULL, &err);
    else if (strcmp(kind, "remove") == 0)
        rc = enoki_state_remove(state, id, NULL, &err);
    else
        rc = enoki_state_modify(state, id, decide, client, &err);
    note_end(client, &call, rc, rc == 0 ? client->seen : "[]", &err);
}

static void *work(void *context)
{
    struct client *client = context;

    for (unsigned i = 0; i < run.calls; i++) {
        uint64_t choice = draw(&client->random, 100);
        char id[8];

        (void)snprintf(id, sizeof(id), "k%d", (int)draw(&client->random, IDS));
        if (choice < 40)
            do_read(client, id, false);
        else if (choice < 50)
            do_read(client, id, true);
        else if (choice < 78)
            do_write(client, id, "update");
        else
            do_write(client, id, choice < 92 ? "modify" : "remove");
        pause_us(draw(&client->random, 8000));
    }
    return NULL;
}

static bool open_handle(struct handle *handle, char **words)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_error err = ENOKI_ERROR_INIT;

    handle->session = words[0];
    handle->keygroup = words[1];
    handle->threads = (unsigned)strtoul(words[2], NULL, 10);
    options.keygroup = words[1];
    options.uri = words[3];
    int rc = handle->threads > THREADS_MAX ? ENOKI_EINVAL : ENOKI_EUNAVAILABLE;
    /* What is proved is not how long a busy machine takes for its handshakes. */
    for (int i = 0; i < OPEN_TRIES && (rc == ENOKI_EUNAVAILABLE || rc == ENOKI_ETIMEOUT); i++)
        rc = enoki_state_open(&handle->state, &options, &err);
    if (rc != ENOKI_OK) {
        (void)fprintf(stderr, "client: '%s': %s\n", words[0], err.message);
        return false;
    }
    return true;
}

static void start(struct handle *handle, struct client *clients, uint64_t seed)
{
    for (unsigned i = 0; i < handle->threads; i++) {
        clients[i].handle = handle;
        clients[i].index = i;
        clients[i].random = seed * 1000003u + run.life * 101u + i;
        for (const char *at = handle->session; *at != '\0'; at++)
            clients[i].random = clients[i].random * 31u + (unsigned char)*at;
        if (pthread_create(&clients[i].thread, NULL, work, &clients[i]) != 0)
            abort();
    }
}

static void play(struct handle *handles, struct client *clients, size_t count, uint64_t seed)
{
    (void)puts("ready");
    (void)fflush(stdout);
    /* All begin together: at a line, or the end, of standard input. */
    (void)getchar();
    for (size_t i = 0; i < count; i++)
        start(&handles[i], clients + i * THREADS_MAX, seed);
    for (size_t i = 0; i < count; i++)
        for (unsigned k = 0; k < handles[i].threads; k++)
            (void)pthread_join(clients[i * THREADS_MAX + k].thread, NULL);
}

int main(int argc, char **argv)
{
    size_t count = argc < 9 ? 0 : (size_t)(argc - 5) / 4;
    struct handle *handles = calloc(count + 1, sizeof(*handles));
    struct client *clients = calloc((count + 1) * THREADS_MAX, sizeof(*clients));
    bool is_open = true;

    if (count == 0 || handles == NULL || clients == NULL)
        return 2;
    run.history = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    run.life = (unsigned)strtoul(argv[2], NULL, 10);
    run.calls = (unsigned)strtoul(argv[4], NULL, 10);
    if (run.history < 0)
        return 2;
    for (size_t i = 0; i < count && is_open; i++)
        is_open = open_handle(&handles[i], argv + 5 + 4 * i);
    if (is_open)
        play(handles, clients, count, strtoull(argv[3], NULL, 10));
    for (size_t i = 0; i < count; i++)
        enoki_state_free(handles[i].state);
    free(clients);
    free(handles);
    (void)close(run.history);
    return run.is_bad || !is_open ? 1 : 0;
}
