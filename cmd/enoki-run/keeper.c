#include "keeper.h"

#include "calls.h"
#include "spool.h"

#include "wire/stored_call.h"

#include <stdlib.h>
#include <string.h>

/* Calls of the last time that are in memory at once. */
#define RESUMED_MAX_CALLS 1024u
#define RESUMED_MAX_BYTES ((size_t)32 << 20)

struct keeper {
    struct node *node;
    struct spool *spool;
    uint64_t looked_at; /* of the last time: all up to this number */
    uint64_t last;      /* of the last time: the highest that was submitted */
    uint64_t resumed;   /* of those, in memory */
    size_t resumed_bytes;
    bool is_resuming; /* inside it */
    bool is_done;     /* with what was left, or with everything */
    struct en_buffer record;
};

/* Between its arrival and the disk. */
struct arrival {
    struct keeper *keeper;
    struct function *function;
    struct enoki_invocation *inv; /* lives until it is acknowledged */
};

/* --- keeping ------------------------------------------------------------------------------------
 */

static int submit_kept(struct keeper *keeper, struct function *function,
                       const struct en_request *request, struct en_text subpath,
                       const char *protocol, uint64_t number, uint32_t attempts)
{
    const struct en_target target = {.subpath = subpath,
                                     .function = function->name,
                                     .protocol = protocol,
                                     .data = function,
                                     .stored = number,
                                     .attempts = attempts};

    return en_server_submit(node_server(keeper->node), node_site(keeper->node), NULL, request,
                            &target);
}

static void on_stored(void *context, uint64_t number, int rc)
{
    struct arrival *arrival = context;
    struct keeper *keeper = arrival->keeper;
    struct function *function = arrival->function;
    struct enoki_invocation *inv = arrival->inv;

    free(arrival);
    /* A node that stops has it on disk: the next one runs it. */
    if (rc == 0 && !enoki_server_is_draining(node_server(keeper->node))) {
        rc = function->retiring ? ENOKI_ECLOSED
                                : submit_kept(keeper, function, &inv->request, inv->subpath,
                                              inv->protocol, number, 0);
        if (rc != 0)
            spool_drop(keeper->spool, number);
    }
    calls_acknowledge(function, inv, rc);
}

static int put(struct keeper *keeper, struct function *function, struct enoki_invocation *inv)
{
    const struct en_request *request = &inv->request;
    const struct en_stored_call call = {
        .function = {function->name, strlen(function->name)},
        .call = {.is_async = true,
                 .method = request->method,
                 .subpath = inv->subpath,
                 .query = request->query,
                 .body = request->body,
                 .headers = request->headers,
                 .header_count = request->header_count},
    };
    struct arrival *arrival = calloc(1, sizeof(*arrival));
    struct en_buffer bytes = EN_BUFFER_INIT(SIZE_MAX / 4);
    int rc = arrival == NULL ? ENOKI_ENOMEM : en_stored_call_write(&bytes, &call);

    if (rc == 0) {
        *arrival = (struct arrival){keeper, function, inv};
        rc = spool_put(keeper->spool, &bytes, on_stored, arrival);
    }
    if (rc == 0)
        return 0;
    en_buffer_fini(&bytes);
    free(arrival);
    return rc;
}

void keeper_accept(struct keeper *keeper, struct function *function, struct enoki_invocation *inv)
{
    int rc = put(keeper, function, inv);

    if (rc != 0)
        calls_acknowledge(function, inv, rc);
}

void keeper_tries(struct keeper *keeper, uint64_t number, uint32_t attempts)
{
    if (keeper != NULL)
        spool_mark(keeper->spool, number, attempts);
}

/* --- what was left ------------------------------------------------------------------------------
 */

static void give_up(struct keeper *keeper, uint64_t number, const char *function, size_t len,
                    const char *why)
{
    en_log(node_log(keeper->node), ENOKI_LOG_ERROR,
           "function '%.*s': an accepted call of the last run is given up: %s", (int)len, function,
           why);
    spool_drop(keeper->spool, number);
}

static int resume(struct keeper *keeper, uint64_t number, uint32_t attempts)
{
    struct en_header headers[EN_HEADERS_MAX];
    struct en_stored_call stored;
    struct function *function;
    struct en_request request;
    int rc = en_stored_call_read(keeper->record.data, keeper->record.len, &stored, headers);

    if (rc != 0) {
        give_up(keeper, number, "?", 1, "its record is damaged");
        return 0;
    }
    function = node_find(keeper->node, stored.function.data, stored.function.len);
    if (function == NULL || attempts >= CALLS_ATTEMPTS_MAX) {
        give_up(keeper, number, stored.function.data, stored.function.len,
                function == NULL ? "there is no such function any more"
                                 : "the node or the runtime ended each time");
        return 0;
    }
    request = (struct en_request){.method = stored.call.method,
                                  .path = stored.call.subpath,
                                  .query = stored.call.query,
                                  .body = stored.call.body,
                                  .headers = stored.call.headers,
                                  .header_count = stored.call.header_count};
    keeper->last = number;
    keeper->resumed++;
    keeper->resumed_bytes += request.body.len;
    rc = submit_kept(keeper, function, &request, stored.call.subpath, NULL, number, attempts);
    if (rc != 0) {
        keeper->resumed--;
        keeper->resumed_bytes -= request.body.len;
    }
    return rc;
}

/* As many as may be in memory; more once some of them have run. */
static void resume_more(struct keeper *keeper)
{
    uint64_t number;
    uint32_t attempts;
    int rc = 1;

    if (keeper->is_resuming || keeper->is_done)
        return;
    keeper->is_resuming = true;
    while (keeper->resumed < RESUMED_MAX_CALLS && keeper->resumed_bytes < RESUMED_MAX_BYTES &&
           !keeper->is_done) {
        rc = spool_next(keeper->spool, keeper->looked_at, &number, &attempts, &keeper->record);
        if (rc != 1)
            break;
        if (resume(keeper, number, attempts) != 0)
            break; /* no memory: again after the next one has run */
        keeper->looked_at = number;
    }
    keeper->is_resuming = false;
    if (rc == 0)
        keeper->is_done = true;
    if (rc < 0)
        en_log(node_log(keeper->node), ENOKI_LOG_ERROR,
               "accepted calls of the last run cannot be read: %s", enoki_error_text(rc));
    if (rc != 1)
        en_buffer_fini(&keeper->record);
}

void keeper_resume(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    if (spool_count(keeper->spool) > 0)
        en_log(node_log(keeper->node), ENOKI_LOG_INFO, "%llu accepted calls of the last run",
               (unsigned long long)spool_count(keeper->spool));
    resume_more(keeper);
}

void keeper_stop(struct keeper *keeper)
{
    if (keeper != NULL)
        keeper->is_done = true;
}

void keeper_forget(struct keeper *keeper, uint64_t number, size_t body_bytes)
{
    if (keeper == NULL)
        return;
    spool_drop(keeper->spool, number);
    if (number <= keeper->last) {
        keeper->resumed--;
        keeper->resumed_bytes -= body_bytes;
        resume_more(keeper);
    }
}

/* --- life ---------------------------------------------------------------------------------------
 */

uint64_t keeper_count(const struct keeper *keeper)
{
    return keeper == NULL ? 0 : spool_count(keeper->spool);
}

uint64_t keeper_bytes(const struct keeper *keeper)
{
    return keeper == NULL ? 0 : spool_bytes(keeper->spool);
}

int keeper_new(struct keeper **out, struct node *node, const char *path, uint64_t max_bytes,
               struct enoki_error *err)
{
    struct keeper *keeper = calloc(1, sizeof(*keeper));
    const struct spool_options options = {.path = path,
                                          .max_bytes = max_bytes,
                                          .loop = node_loop(node),
                                          .log = node_log(node)};
    int rc;

    if (keeper == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for accepted calls");
    keeper->node = node;
    keeper->record.max = SIZE_MAX / 4;
    rc = spool_new(&keeper->spool, &options, err);
    if (rc != 0) {
        free(keeper);
        return rc;
    }
    *out = keeper;
    return 0;
}

void keeper_free(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    keeper->is_done = true;
    spool_free(keeper->spool);
    en_buffer_fini(&keeper->record);
    free(keeper);
}
