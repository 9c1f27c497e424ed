#include "invoke/outgoing.h"

#include "base/clock.h"
#include "invoke/link.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Connections that wait for the next call; the one that waits longest goes first. */
#define IDLE_MAX 64u
#define RANDOM_BYTES 240u
/* A connection that was used so shortly ago is not looked at before it is used again. */
#define FRESH_MS 1u
/* Ways that are tried: a runtime that is just being replaced takes no call, nor may the next. */
#define TRIES_MAX 4u

/* What is kept between calls: a link to a function, or a remote client. */
struct idle {
    struct idle *next;
    uint64_t used_ms;
    struct en_link *link;
    struct en_remote *remote;
    char function[]; /* the link's */
};

struct en_outgoing {
    pthread_mutex_t mutex;
    const struct en_remote_ops *remotes; /* once it is loaded */
    /* Protected by mutex: */
    pid_t pid;
    struct idle *idle; /* the last used first */
    uint32_t idle_count;
    uint8_t random[RANDOM_BYTES];
    size_t random_left; /* at its end */
};

static void drop(const struct en_outgoing *outgoing, struct idle *idle)
{
    if (idle == NULL)
        return;
    en_link_free(idle->link);
    if (idle->remote != NULL)
        outgoing->remotes->close(idle->remote);
    free(idle);
}

static void drop_all(struct en_outgoing *outgoing)
{
    while (outgoing->idle != NULL) {
        struct idle *idle = outgoing->idle;

        outgoing->idle = idle->next;
        drop(outgoing, idle);
    }
    outgoing->idle_count = 0;
}

/* In a child of the process that made them: a client that is closed in order says so to its server,
 * on the parent's connection. */
static void forget_all(struct en_outgoing *outgoing)
{
    for (struct idle *idle = outgoing->idle; idle != NULL; idle = idle->next)
        idle->remote = NULL;
    drop_all(outgoing);
}

int en_outgoing_new(struct en_outgoing **out)
{
    struct en_outgoing *outgoing = calloc(1, sizeof(*outgoing));

    if (outgoing == NULL)
        return ENOKI_ENOMEM;
    (void)pthread_mutex_init(&outgoing->mutex, NULL);
    outgoing->pid = getpid();
    *out = outgoing;
    return 0;
}

void en_outgoing_free(struct en_outgoing *outgoing)
{
    if (outgoing == NULL)
        return;
    drop_all(outgoing);
    (void)pthread_mutex_destroy(&outgoing->mutex);
    free(outgoing);
}

/* Locks. In a child that the function has forked nothing of its parent's is used: both would read
 * one socket, and draw the same numbers. */
static void enter(struct en_outgoing *outgoing)
{
    pid_t pid = getpid();

    (void)pthread_mutex_lock(&outgoing->mutex);
    if (outgoing->pid == pid)
        return;
    forget_all(outgoing);
    outgoing->random_left = 0;
    outgoing->pid = pid;
}

/* What waits for that function, or a remote client for NULL; NULL: nothing does. */
static struct idle *take_idle(struct en_outgoing *outgoing, const char *function)
{
    struct idle **at, *found;

    enter(outgoing);
    at = &outgoing->idle;
    while (*at != NULL &&
           (function == NULL ? (*at)->remote == NULL
                             : (*at)->link == NULL || strcmp((*at)->function, function) != 0))
        at = &(*at)->next;
    found = *at;
    if (found != NULL) {
        *at = found->next;
        outgoing->idle_count--;
    }
    (void)pthread_mutex_unlock(&outgoing->mutex);
    return found;
}

static void put_idle(struct en_outgoing *outgoing, struct idle *idle)
{
    struct idle *oldest = NULL;

    idle->used_ms = en_clock_ms();
    (void)pthread_mutex_lock(&outgoing->mutex);
    idle->next = outgoing->idle;
    outgoing->idle = idle;
    if (++outgoing->idle_count > IDLE_MAX) {
        struct idle **at = &outgoing->idle;

        while ((*at)->next != NULL)
            at = &(*at)->next;
        oldest = *at;
        *at = NULL;
        outgoing->idle_count--;
    }
    (void)pthread_mutex_unlock(&outgoing->mutex);
    drop(outgoing, oldest);
}

static struct idle *new_idle(const char *function)
{
    size_t len = strlen(function) + 1;
    struct idle *idle = calloc(1, sizeof(*idle) + len);

    if (idle != NULL)
        memcpy(idle->function, function, len);
    return idle;
}

int en_outgoing_random(struct en_outgoing *outgoing, uint8_t *out, size_t len)
{
    int rc = 0;

    enter(outgoing);
    if (outgoing->random_left < len) {
        if (getrandom(outgoing->random, RANDOM_BYTES, 0) == (ssize_t)RANDOM_BYTES)
            outgoing->random_left = RANDOM_BYTES;
        else
            rc = ENOKI_EIO;
    }
    if (rc == 0) {
        memcpy(out, outgoing->random + RANDOM_BYTES - outgoing->random_left, len);
        outgoing->random_left -= len;
    }
    (void)pthread_mutex_unlock(&outgoing->mutex);
    return rc;
}

/* --- on this node -------------------------------------------------------------------------------
 */

/* A link that takes calls: one that is kept, or a new one. */
static int get_link(struct en_outgoing *outgoing, int routes, const struct en_outgoing_call *call,
                    enum en_link_kind kind, struct idle **out)
{
    struct idle *idle;
    int rc;

    while (kind == EN_LINK_DIRECT && (idle = take_idle(outgoing, call->function)) != NULL) {
        if (en_clock_ms() - idle->used_ms <= FRESH_MS || en_link_is_open(idle->link)) {
            *out = idle;
            return 0;
        }
        drop(outgoing, idle);
    }
    idle = new_idle(call->function);
    if (idle == NULL)
        return ENOKI_ENOMEM;
    rc = en_link_new(&idle->link, routes, kind, call->function, call->end_ms);
    if (rc != 0)
        free(idle);
    else
        *out = idle;
    return rc;
}

static int try_once(struct en_outgoing *outgoing, int routes, const struct en_outgoing_call *call,
                    enum en_link_kind kind, struct enoki_answer **out, struct enoki_error *err)
{
    uint64_t now = en_clock_ms();
    const struct en_frame_call frame = {
        /* What nobody waits for has the time that the function gives it. */
        .time_ms = call->is_async       ? UINT64_MAX
                   : call->end_ms > now ? call->end_ms - now
                                        : 0,
        .is_async = call->is_async,
        .method = call->method,
        .subpath = call->subpath,
        .query = call->query,
        .body = call->body,
        .headers = call->headers,
        .header_count = call->header_count,
    };
    struct idle *idle = NULL;
    bool stays = false;
    int rc = get_link(outgoing, routes, call, kind, &idle);

    if (rc != 0)
        return rc;
    rc = en_link_call(idle->link, &frame, call->end_ms, out, &stays, err);
    /* Who runs it keeps the same time, and may be the first to say that it is over. */
    if (rc == 0 && enoki_answer_status(*out) == 504 && en_clock_ms() >= call->end_ms) {
        enoki_answer_free(*out);
        rc = ENOKI_ETIMEOUT;
    }
    if (stays)
        put_idle(outgoing, idle);
    else
        drop(outgoing, idle);
    return rc;
}

static int explain(int rc, const struct en_outgoing_call *call, struct enoki_error *err)
{
    switch (rc) {
    case ENOKI_ETIMEOUT:
        return enoki_error_set(err, rc, "function '%s' did not answer in time", call->function);
    case ENOKI_ECLOSED:
        return enoki_error_set(err, rc,
                               "function '%s' cannot be called: the front door took the call "
                               "nowhere; it is stopping, or too many calls are open",
                               call->function);
    case ENOKI_EPROTO:
        return enoki_error_set(err, rc, "what came instead of an answer of function '%s' is none",
                               call->function);
    default:
        return enoki_error_set(err, rc, "function '%s' cannot be called: %s", call->function,
                               enoki_error_text(rc));
    }
}

int en_outgoing_local(struct en_outgoing *outgoing, int routes, const struct en_outgoing_call *call,
                      struct enoki_answer **out, struct enoki_error *err)
{
    struct enoki_error said = ENOKI_ERROR_INIT;
    int rc = ENOKI_ECLOSED;

    for (unsigned i = 0; i < TRIES_MAX && rc == ENOKI_ECLOSED; i++) {
        bool by_door = call->is_async || i + 1 == TRIES_MAX;

        said.status = 0;
        rc = try_once(outgoing, routes, call, by_door ? EN_LINK_BY_DOOR : EN_LINK_DIRECT, out,
                      &said);
    }
    if (rc == 0 || said.status != rc)
        return rc == 0 ? 0 : explain(rc, call, err);
    return enoki_error_set(err, rc, "function '%s': %.400s", call->function, said.message);
}

/* --- elsewhere ----------------------------------------------------------------------------------
 */

static int load(struct en_outgoing *outgoing, const struct en_remote_ops **out,
                struct enoki_error *err)
{
    const struct en_module *module = NULL;
    int rc = 0;

    (void)pthread_mutex_lock(&outgoing->mutex);
    if (outgoing->remotes == NULL) {
        rc = en_module_load(&module, "remote", err);
        if (rc == 0)
            outgoing->remotes = (const struct en_remote_ops *)(const void *)module;
    }
    *out = outgoing->remotes;
    (void)pthread_mutex_unlock(&outgoing->mutex);
    return rc;
}

int en_outgoing_remote(struct en_outgoing *outgoing, const char *url, const char *ca,
                       const struct en_outgoing_call *call, struct enoki_answer **out,
                       struct enoki_error *err)
{
    uint64_t now = en_clock_ms();
    const struct en_remote_call made = {
        .url = url,
        .ca = ca,
        .method = call->method.data,
        .subpath = call->subpath,
        .query = call->query,
        .body = call->body,
        .headers = call->headers,
        .header_count = call->header_count,
        .timeout_ms = call->end_ms > now ? call->end_ms - now : 0,
    };
    const struct en_remote_ops *ops = NULL;
    struct idle *idle;
    int rc = load(outgoing, &ops, err);

    if (rc != 0)
        return rc;
    idle = take_idle(outgoing, NULL);
    if (idle == NULL) {
        idle = new_idle("");
        if (idle == NULL)
            return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a call");
        rc = ops->open(&idle->remote, err);
    }
    if (rc == 0)
        rc = ops->call(idle->remote, &made, out, err);
    if (idle->remote != NULL)
        put_idle(outgoing, idle);
    else
        free(idle);
    return rc;
}
