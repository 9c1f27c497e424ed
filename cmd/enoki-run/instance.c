#include "instance.h"

#include "calls.h"
#include "confine.h"
#include "gate.h"
#include "node.h"
#include "output.h"
#include "routes.h"
#include "spawn.h"

#include "base/clock.h"
#include "config/secrets.h"
#include "invoke/bounds.h"
#include "invoke/greeting.h"
#include "net/stream.h"
#include "wire/frame_invoke.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* One that takes longer to start does not keep others from it. */
#define GATE_LIMIT_MS 2000u
/* Where nothing says how long it may take to end. */
#define DRAIN_LIMIT_MS UINT64_C(60000)
/* Beyond a call's deadline, which the runtime keeps itself, its start and its drain limit. */
#define GRACE_MS 3000u
#define ANSWER_EXTRA_BYTES (1u << 20)
#define SLOTS_FIRST 16u
#define NO_SLOT UINT32_MAX

/* --- calls by number ----------------------------------------------------------------------------
 */

static int grow_slots(struct instance *instance)
{
    uint32_t count = instance->slot_count == 0 ? SLOTS_FIRST : instance->slot_count * 2;
    struct enoki_invocation **calls =
        realloc(instance->calls, count * sizeof(struct enoki_invocation *));
    uint32_t *serials;

    if (calls == NULL)
        return ENOKI_ENOMEM;
    instance->calls = calls;
    serials = realloc(instance->serials, count * sizeof(*serials));
    if (serials == NULL)
        return ENOKI_ENOMEM;
    instance->serials = serials;
    for (uint32_t i = instance->slot_count; i < count; i++) {
        calls[i] = NULL;
        serials[i] = 0;
    }
    instance->slot_count = count;
    return 0;
}

/* The next free one behind the last that was taken; there is one. */
static uint32_t find_slot(struct instance *instance)
{
    uint32_t slot = instance->free_slot;

    while (instance->calls[slot] != NULL)
        slot = slot + 1 == instance->slot_count ? 0 : slot + 1;
    instance->free_slot = slot + 1 == instance->slot_count ? 0 : slot + 1;
    return slot;
}

static struct enoki_invocation *take_slot(struct instance *instance, uint32_t slot)
{
    struct enoki_invocation *inv = instance->calls[slot];

    instance->calls[slot] = NULL;
    instance->serials[slot]++;
    if (--instance->running == 0)
        instance->idle_since_ms = en_clock_ms();
    return inv;
}

static struct enoki_invocation *take_call(struct instance *instance, uint64_t call)
{
    uint32_t slot = (uint32_t)call;

    if (slot >= instance->slot_count || instance->calls[slot] == NULL ||
        instance->serials[slot] != (uint32_t)(call >> 32))
        return NULL;
    return take_slot(instance, slot);
}

int instance_call(struct instance *instance, struct enoki_invocation *inv)
{
    const struct en_request *request = &inv->request;
    uint64_t now = en_clock_ms();
    struct en_frame_call frame = {
        .time_ms = inv->deadline_ms > now ? inv->deadline_ms - now : 0,
        .is_async = inv->waiter == NULL,
        .method = request->method,
        .subpath = inv->subpath,
        .query = request->query,
        .body = request->body,
        .headers = request->headers,
        .header_count = request->header_count,
    };
    uint32_t slot;
    int rc = instance->stream == NULL ? ENOKI_ECLOSED : 0;

    if (rc == 0 && instance->running == instance->slot_count)
        rc = grow_slots(instance);
    if (rc != 0)
        return rc;
    slot = find_slot(instance);
    rc = en_frame_call_put(en_stream_out(instance->stream),
                           (uint64_t)instance->serials[slot] << 32 | slot, &frame);
    if (rc != 0)
        return rc;
    instance->calls[slot] = inv;
    instance->running++;
    en_stream_send(instance->stream);
    return 0;
}

static void leave_gate(struct instance *instance)
{
    if (instance->is_in_gate)
        gate_leave(node_gate(instance->function->node));
    instance->is_in_gate = false;
}

static void lose_calls(struct instance *instance)
{
    for (uint32_t slot = 0; slot < instance->slot_count; slot++) {
        if (instance->calls[slot] != NULL)
            calls_on_lost(instance->function, take_slot(instance, slot));
    }
}

/* --- what the runtime says ----------------------------------------------------------------------
 */

static int send_start(struct instance *instance, const struct enoki_function_settings *function)
{
    int rc = en_greeting_put_start(en_stream_out(instance->stream), function, "", function->code);

    if (rc == 0)
        en_stream_send(instance->stream);
    return rc;
}

static void note(struct instance *instance, const char *text, size_t len)
{
    if (len >= sizeof(instance->failure))
        len = sizeof(instance->failure) - 1;
    memcpy(instance->failure, text, len);
    instance->failure[len] = '\0';
}

/* Nothing once it has ended: its number is gone, and kill() takes -1 for everybody. */
static void send_signal(const struct instance *instance, int signal_number)
{
    if (instance->pid > 0)
        (void)kill(instance->pid, signal_number);
}

static void kill_runtime(struct instance *instance, const char *why)
{
    if (instance->failure[0] == '\0')
        note(instance, why, strlen(why));
    send_signal(instance, SIGKILL);
}

static void on_answer(struct instance *instance, uint64_t call, struct en_frame_reader *reader)
{
    struct en_header headers[EN_HEADERS_MAX];
    struct en_frame_answer answer;
    struct enoki_invocation *inv;
    struct en_reply reply;

    if (en_frame_answer_take(reader, &answer, headers) != 0) {
        kill_runtime(instance, "its runtime sent an answer that cannot be read");
        return;
    }
    inv = take_call(instance, call);
    if (inv == NULL)
        return; /* given up meanwhile */
    en_reply_init(&reply, answer.body.len);
    reply.status = answer.status;
    reply.is_ours = answer.is_ours;
    if (en_reply_add_headers(&reply, headers, answer.header_count) != 0 ||
        en_buffer_append(&reply.body, answer.body.data, answer.body.len) != 0) {
        en_reply_text(&reply, 502, "the runtime's answer cannot be passed on\n");
        reply.is_ours = true;
    }
    calls_on_answer(instance->function, inv, &reply);
    en_reply_fini(&reply);
    if (instance->phase == INSTANCE_DRAINING && instance->running == 0)
        instance_stop(instance);
}

static void on_frame(void *context, const struct en_frame_head *head, const void *payload)
{
    struct instance *instance = context;
    struct en_frame_reader reader = {payload, head->len, false};
    struct en_text sentence;
    int status;

    switch (head->type) {
    case EN_FRAME_HELLO:
        if (en_frame_hello_take(&reader) != 0)
            kill_runtime(instance, "its runtime speaks another version of the frames: install "
                                   "enoki-run and the runtimes of one version");
        break;
    case EN_FRAME_READY:
        if (instance->phase == INSTANCE_STARTING) {
            instance->phase = INSTANCE_READY;
            instance->idle_since_ms = en_clock_ms();
            leave_gate(instance);
            function_on_ready(instance->function, instance);
        }
        break;
    case EN_FRAME_ANSWER:
        on_answer(instance, head->call, &reader);
        break;
    case EN_FRAME_RETIRE:
        function_on_retiring(instance->function, instance);
        break;
    case EN_FRAME_FAILED:
        if (en_frame_failed_take(&reader, &status, &sentence) == 0)
            note(instance, sentence.data, sentence.len);
        break;
    default:
        kill_runtime(instance, "its runtime sent a frame of unknown type");
        break;
    }
}

/* Calls that were not answered are lost even if the process goes on: it cannot answer any more. */
static void on_closed(void *context, int why)
{
    struct instance *instance = context;

    en_stream_free(instance->stream);
    instance->stream = NULL;
    if (why != ENOKI_ECLOSED)
        kill_runtime(instance, "its runtime sent what is no frame, or too much");
    else if (instance->phase == INSTANCE_READY || instance->phase == INSTANCE_STARTING)
        instance->kill_at_ms = en_clock_ms() + GRACE_MS;
    lose_calls(instance);
    if (instance->phase == INSTANCE_DRAINING)
        instance_stop(instance);
    calls_pump(instance->function);
    node_schedule(instance->function->node, en_clock_ms() + GRACE_MS);
}

/* --- its process --------------------------------------------------------------------------------
 */

static void describe_end(struct instance *instance, int status)
{
    const char *limit;

    if (instance->failure[0] != '\0')
        return;
    limit = WIFSIGNALED(status) ? en_bounds_of_signal(WTERMSIG(status)) : NULL;
    if (WIFSIGNALED(status))
        (void)snprintf(instance->failure, sizeof(instance->failure),
                       "its runtime was killed by signal %d (%s)%s%s", WTERMSIG(status),
                       sigdescr_np(WTERMSIG(status)), limit == NULL ? "" : ", limit=",
                       limit == NULL ? "" : limit);
    else
        (void)snprintf(instance->failure, sizeof(instance->failure),
                       "its runtime ended with status %d", WEXITSTATUS(status));
}

static void on_end(void *context, bool readable, bool writable)
{
    struct instance *instance = context;
    int status = 0;

    (void)readable;
    (void)writable;
    if (instance->pid <= 0)
        return;
    /* Its last words may come after its end, by another way. */
    if (instance->stream != NULL)
        en_stream_finish(instance->stream);
    (void)kill(-instance->pid, SIGKILL); /* its group: as long as it is not waited for, its own */
    if (waitpid(instance->pid, &status, WNOHANG) != instance->pid)
        return;
    instance->pid = -1;
    leave_gate(instance);
    describe_end(instance, status);
    en_stream_free(instance->stream);
    instance->stream = NULL;
    lose_calls(instance);
    node_expect_strays(instance->function->node);
    function_on_end(instance->function, instance, instance->failure);
}

static int adopt(struct instance *instance, const struct spawned *spawned,
                 const struct enoki_function_settings *function)
{
    struct node *node = instance->function->node;
    const struct en_stream_options stream = {
        .fd = spawned->frames,
        .max_payload_bytes = (size_t)function->limits.max_reply_bytes + ANSWER_EXTRA_BYTES,
        .max_unsent_bytes = SIZE_MAX / 4,
        .frame = on_frame,
        .closed = on_closed,
        .context = instance,
    };
    struct output_options output = {.lines = instance->function->lines,
                                    .log = node_log(node),
                                    .function = function_name(instance->function),
                                    .handler = instance->index,
                                    .has_file = node_log_files(node) != NULL};
    int rc = en_stream_new(&instance->stream, node_loop(node), &stream);

    if (rc != 0)
        (void)close(spawned->frames);
    output.fd = spawned->out;
    if (rc != 0 || (rc = output_new(&instance->output[0], node_loop(node), &output)) != 0)
        (void)close(spawned->out);
    output.fd = spawned->err;
    output.is_stderr = true;
    if (rc != 0 || (rc = output_new(&instance->output[1], node_loop(node), &output)) != 0)
        (void)close(spawned->err);
    if (rc != 0) {
        (void)close(spawned->routes);
        (void)close(spawned->peers);
    } else {
        rc = route_door_new(&instance->routes, node_routes(node), spawned->routes, spawned->peers);
    }
    if (rc == 0)
        rc = en_watch_new(&instance->end, node_loop(node), instance->pidfd, on_end, instance);
    if (rc == 0)
        rc = en_watch_set(instance->end, true, false);
    return rc == 0 ? send_start(instance, function) : rc;
}

static int start(struct instance **out, struct function *function, const struct settings *settings,
                 const struct enoki_function_settings *own, uint32_t index, struct enoki_error *err)
{
    struct instance *instance = calloc(1, sizeof(*instance));
    struct spawned spawned;
    int rc;

    if (instance == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory to start a runtime");
    rc = confine_spawn(&spawned, node_work(function->node), node_settings(function->node), settings,
                       err);
    if (rc != 0) {
        free(instance);
        return rc;
    }
    instance->function = function;
    instance->index = index;
    instance->pid = spawned.pid;
    instance->pidfd = spawned.pidfd;
    instance->started_ms = en_clock_ms();
    instance->kill_at_ms =
        instance->started_ms + settings->function.limits.start_timeout_ms + GRACE_MS;
    instance->counts = en_counts_map(spawned.counts);
    (void)close(spawned.counts);
    rc = adopt(instance, &spawned, own);
    if (rc != 0) {
        (void)kill(instance->pid, SIGKILL);
        (void)waitpid(instance->pid, NULL, 0);
        instance_free(instance);
        return enoki_error_set(err, rc, "a runtime cannot be watched: %s", enoki_error_text(rc));
    }
    instance->is_in_gate = true;
    node_schedule(function->node, instance->started_ms + GATE_LIMIT_MS);
    *out = instance;
    return 0;
}

int instance_start(struct instance **out, struct function *function,
                   const struct settings *settings, uint64_t generation, uint32_t index,
                   struct enoki_error *err)
{
    struct enoki_function_settings own = settings->function;
    struct en_arena secrets = {NULL};
    int rc = en_secrets_read(&own, &secrets, err);

    if (rc == 0)
        rc = start(out, function, settings, &own, index, err);
    if (rc == 0)
        (*out)->generation = generation;
    en_arena_fini(&secrets);
    return rc;
}

void instance_free(struct instance *instance)
{
    if (instance == NULL)
        return;
    en_counts_sum(instance->counts, &instance->function->state_before);
    en_counts_unmap(instance->counts);
    en_stream_free(instance->stream);
    route_door_free(instance->routes);
    en_watch_free(instance->end);
    (void)close(instance->pidfd);
    output_free(instance->output[0]);
    output_free(instance->output[1]);
    free(instance->calls);
    free(instance->serials);
    free(instance);
}

void instance_kill(struct instance *instance)
{
    send_signal(instance, SIGKILL);
    if (instance->pid > 0)
        (void)waitpid(instance->pid, NULL, 0);
    lose_calls(instance);
    instance_free(instance);
}

/* Other functions take their calls elsewhere. */
static void tell_replaced(struct instance *instance)
{
    /* Without memory for it they learn it when the runtime stops. */
    if (instance->stream != NULL &&
        en_frame_empty_put(en_stream_out(instance->stream), EN_FRAME_RETIRE, 0) == 0)
        en_stream_send(instance->stream);
}

void instance_drain(struct instance *instance)
{
    if (instance->phase == INSTANCE_STOPPING)
        return;
    instance->phase = INSTANCE_DRAINING;
    tell_replaced(instance);
    if (instance->running == 0)
        instance_stop(instance);
}

void instance_stop(struct instance *instance)
{
    const struct settings *settings = instance->function->settings;
    uint64_t limit =
        settings != NULL ? settings->function.limits.drain_timeout_ms : DRAIN_LIMIT_MS;

    if (instance->phase == INSTANCE_STOPPING)
        return;
    instance->phase = INSTANCE_STOPPING;
    instance->kill_at_ms = en_clock_ms() + limit + GRACE_MS;
    send_signal(instance, SIGTERM);
    node_schedule(instance->function->node, instance->kill_at_ms);
}

/* The runtime answers 504 itself; one that does not is of no use. */
static uint64_t look_at_calls(struct instance *instance, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;

    for (uint32_t slot = 0; slot < instance->slot_count; slot++) {
        const struct enoki_invocation *inv = instance->calls[slot];
        uint64_t at = inv == NULL ? UINT64_MAX : inv->deadline_ms + GRACE_MS;

        if (at <= now_ms) {
            kill_runtime(instance, "its runtime did not answer a call in time");
            return UINT64_MAX;
        }
        if (at < next)
            next = at;
    }
    return next;
}

uint64_t instance_tick(struct instance *instance, uint64_t now_ms)
{
    uint64_t next = look_at_calls(instance, now_ms);

    if (instance->phase == INSTANCE_READY && instance->stream != NULL)
        return next;
    if (instance->phase == INSTANCE_DRAINING)
        return next;
    if (instance->is_in_gate && instance->started_ms + GATE_LIMIT_MS > now_ms)
        return instance->started_ms + GATE_LIMIT_MS;
    leave_gate(instance);
    if (instance->kill_at_ms <= now_ms) {
        kill_runtime(instance, instance->phase == INSTANCE_STARTING
                                   ? "it did not become ready in time (limits.start)"
                                   : "its runtime did not stop in time");
        return next;
    }
    return instance->kill_at_ms < next ? instance->kill_at_ms : next;
}
