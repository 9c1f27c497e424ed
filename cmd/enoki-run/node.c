#include "calls.h"
#include "fixed.h"
#include "instance.h"
#include "node_inside.h"
#include "reload.h"
#include "segment.h"
#include "service.h"
#include "work.h"

#include "base/clock.h"
#include "base/descriptors.h"
#include "config/limits.h"
#include "invoke/strays.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the table ----------------------------------------------------------------------------------
 */

struct function *node_find(const struct node *node, const char *name, size_t len)
{
    return roster_find(&node->roster, name, len);
}

struct function *node_function_at(const struct node *node, size_t index)
{
    return node->roster.functions[index];
}

size_t node_function_count(const struct node *node)
{
    return node->roster.count;
}

int node_deploy(struct node *node, struct settings *settings, function_done_fn done, void *context)
{
    const char *name = settings->function.name;
    struct function *function = roster_find(&node->roster, name, strlen(name));
    int rc;

    if (function == NULL) {
        rc = function_new(&function, node, name);
        if (rc != 0)
            return rc;
        rc = roster_add(&node->roster, function, name);
        if (rc != 0) {
            function_free(function);
            return rc;
        }
    }
    function_apply(function, settings, done, context);
    return 0;
}

void node_remove(struct node *node, struct function *function)
{
    roster_remove(&node->roster, function);
    function->next_function = node->retired;
    node->retired = function;
    function_retire(function);
}

void node_forget(struct node *node, struct function *function)
{
    struct function **at = &node->retired;

    while (*at != function)
        at = &(*at)->next_function;
    *at = function->next_function;
    function->next_function = node->done;
    node->done = function;
    en_soon_set(node->reaping);
}

static void reap(void *context)
{
    struct node *node = context;

    while (node->done != NULL) {
        struct function *function = node->done;

        node->done = function->next_function;
        manage_function_gone(node->manage, function);
        /* Unless the next one of its name is there already. */
        if (node_find(node, function_name(function), strlen(function_name(function))) == NULL)
            work_remove(node->work, function_name(function));
        function_free(function);
    }
}

bool node_url(const struct node *node, size_t index, char *out, size_t size)
{
    bool has_http = node->ports.http[0] != '\0';
    const char *url;

    if (has_http && index == 0) {
        (void)snprintf(out, size, "%s", node->ports.http);
        return true;
    }
    url = arrivals_url(node->arrivals, has_http ? index - 1 : index);
    if (url != NULL)
        (void)snprintf(out, size, "%s", url);
    return url != NULL;
}

void node_tell_ready(struct node *node, const struct function *function)
{
    char url[160];

    for (size_t i = 0; node_url(node, i, url, sizeof(url)); i++)
        (void)dprintf(STDERR_FILENO, "ready: %s/%s\n", url, function_name(function));
}

/* --- calls --------------------------------------------------------------------------------------
 */

static enum en_route find(void *context, const struct en_request *request, struct en_target *target)
{
    struct node *node = context;
    char name[ENOKI_NAME_MAX + 1];
    size_t len = segment_first(&request->path, name, sizeof(name), &target->subpath);
    struct function *function = node_find(node, name, len);
    const struct en_text *async;

    if (function != NULL) {
        target->function = function->name;
        target->timeout_ms = en_request_timeout_ms(
            request, function_settings(function)->function.limits.call_timeout_ms);
        target->data = function;
        async = en_request_header(request, "X-tinyFaaS-Async");
        target->wants_ack = async != NULL && async->len > 0;
        return EN_ROUTE_CALL;
    }
    if (strcmp(request->path.data, "*") == 0 ||
        (strcmp(request->path.data, "/health") == 0 &&
         (en_request_method_is(request, "GET") || en_request_method_is(request, "HEAD"))))
        return EN_ROUTE_HEALTH;
    return EN_ROUTE_NONE;
}

/* tinyFaaS says it with the status only. */
static void answer(void *context, enum en_route route, const struct en_request *request,
                   struct en_reply *reply)
{
    const struct node *node = context;

    (void)request;
    en_route_answer(route, reply);
    if (route == EN_ROUTE_NONE && node->settings.compat_tinyfaas != 0)
        reply->body.len = 0;
}

static void submit(void *context, struct enoki_invocation *inv)
{
    (void)context;
    calls_submit(inv->data, inv);
}

/* --- the file ------------------------------------------------------------------------------------
 */

/* Listeners, folders and the like stay as they are: silence would look as if they had changed. */
static void tell_fixed(const struct node *node, const struct enoki_node_settings *now)
{
    struct en_buffer keys = EN_BUFFER_INIT(ENOKI_ERROR_MESSAGE_BYTES);

    if (fixed_changes(node->options->from_file, now, &keys) == 0 && keys.len > 0)
        en_log(&node->log, ENOKI_LOG_WARN,
               "%s: changed, but used only once enoki-run is started anew: %s", node->file,
               keys.data);
    en_buffer_fini(&keys);
}

static void reload(struct node *node)
{
    struct enoki_config *config = NULL;
    struct enoki_error err = ENOKI_ERROR_INIT;

    if (enoki_config_load(&config, node->file, &err) != 0) {
        en_log(&node->log, ENOKI_LOG_ERROR, "nothing is changed: %s", err.message);
        return;
    }
    en_log(&node->log, ENOKI_LOG_INFO, "%s was read again", node->file);
    node->settings.functions = enoki_config_get(config)->functions;
    node->settings.function_count = enoki_config_get(config)->function_count;
    node->settings.remotes = enoki_config_get(config)->remotes;
    node->settings.remote_count = enoki_config_get(config)->remote_count;
    node->settings.remotes_ca = enoki_config_get(config)->remotes_ca;
    tell_fixed(node, enoki_config_get(config));
    reload_apply(node);
    manage_reload(node->manage);
    enoki_config_free(node->reloaded);
    node->reloaded = config;
}

static void on_hup(void *context, int signal_number)
{
    struct node *node = context;

    (void)signal_number;
    if (node->file == NULL || node->stopping)
        return;
    service_reloading(node->service);
    reload(node);
    service_ready(node->service);
}

/* --- the server's dispatcher --------------------------------------------------------------------
 */

static void stop_all(struct node *node)
{
    node->stopping = true;
    routes_close(node->routes);
    for (size_t i = 0; i < node->roster.count; i++)
        function_stop(node->roster.functions[i]);
}

/* Asked once no connection and no call is left: only then are the runtimes not needed any more. */
static int is_idle(void *self)
{
    struct node *node = self;

    if (!node->stopping)
        stop_all(node);
    for (size_t i = 0; i < node->roster.count; i++) {
        if (node->roster.functions[i]->instances != NULL)
            return 0;
    }
    return node->retired == NULL;
}

void node_check(struct node *node)
{
    en_server_check(node->server);
}

static void look(struct node *node)
{
    uint64_t now = en_clock_ms(), next = UINT64_MAX;

    node->look_at_ms = UINT64_MAX;
    node_end_strays(node, now);
    for (size_t i = 0; i < node->roster.count; i++) {
        uint64_t at = function_tick(node->roster.functions[i], now);

        if (at < next)
            next = at;
    }
    for (struct function *function = node->retired, *after; function != NULL; function = after) {
        uint64_t at;

        after = function->next_function;
        at = function_tick(function, now);
        if (at < next)
            next = at;
    }
    node_schedule(node, next);
}

static void on_timer(void *context)
{
    look(context);
}

void node_schedule(struct node *node, uint64_t at_ms)
{
    if (at_ms >= node->look_at_ms)
        return;
    node->look_at_ms = at_ms;
    en_timer_set(node->timer, at_ms, en_clock_ms());
}

static uint64_t tick(void *self, uint64_t now_ms)
{
    struct node *node = self;

    (void)now_ms;
    if (enoki_server_is_draining(node->server)) {
        arrivals_drain(node->arrivals);
        followers_end(node->followers);
        service_stopping(node->service);
        keeper_stop(node->keeper);
        for (size_t i = 0; i < node->roster.count; i++)
            calls_leave(node->roster.functions[i]);
    }
    return UINT64_MAX;
}

/* A function wants it, or something is left of the last time. */
static bool needs_keeper(const struct node *node)
{
    bool wanted = false;

    if (node->settings.async_path == NULL)
        return false;
    for (size_t i = 0; i < node->settings.function_count; i++)
        wanted = wanted || node->settings.functions[i].async_durable != 0;
    return wanted || access(node->settings.async_path, F_OK) == 0;
}

static int start_parts(struct node *node, struct enoki_error *err)
{
    int rc = en_timer_new(&node->timer, node_loop(node), on_timer, node);

    if (rc == 0)
        rc = en_soon_new(&node->reaping, node_loop(node), reap, node);
    if (rc == 0)
        rc = followers_new(&node->followers, node_loop(node));
    if (rc == 0)
        rc = gate_init(&node->gate, node_loop(node));
    if (rc == 0)
        rc = service_new(&node->service, node, err);
    if (rc == 0)
        rc = routes_new(&node->routes, node);
    if (rc == 0)
        rc = en_signal_new(&node->hup, node_loop(node), SIGHUP, on_hup, node);
    if (rc != 0)
        return enoki_error_set(err, rc, "the node cannot start: %s", enoki_error_text(rc));
    rc = arrivals_start(&node->arrivals, node, &node->site, err);
    if (rc == 0 && node->manage != NULL)
        rc = manage_start(node->manage, node, err);
    if (rc == 0 && needs_keeper(node) && node_open_keeper(node) != 0)
        rc = enoki_error_set(err, ENOKI_EIO, "accepted calls cannot be kept");
    if (rc == 0) {
        reload_apply(node);
        keeper_resume(node->keeper);
    }
    return rc;
}

/* Past the drain limit: what is left is told so. */
static void end_function(struct function *function)
{
    calls_leave(function);
    calls_fail(function, true, 503, "the node stops\n");
    while (function->instances != NULL) {
        struct instance *instance = function->instances;

        function->instances = instance->next;
        instance_kill(instance);
    }
    function_check(function);
}

static void stop(void *self)
{
    struct node *node = self;
    struct function *function, *after;

    node->stopping = true;
    for (size_t i = 0; i < node->roster.count; i++)
        function_abandon(node->roster.functions[i], "the node stops");
    manage_stop(node->manage);
    for (size_t i = 0; i < node->roster.count; i++)
        end_function(node->roster.functions[i]);
    for (function = node->retired; function != NULL; function = after) {
        after = function->next_function;
        end_function(function);
    }
    keeper_free(node->keeper); /* tells who waits for it */
    node->keeper = NULL;
    arrivals_stop(node->arrivals);
    gate_fini(&node->gate);
    reap(node);
    routes_free(node->routes);
    followers_free(node->followers);
    service_free(node->service);
    node->followers = NULL;
    en_soon_free(node->reaping);
    en_timer_free(node->timer);
    en_signal_free(node->hup);
}

static int start(void **self_out, struct enoki_server *server, struct enoki_error *err)
{
    struct node *node = *self_out;
    int rc;

    node->server = server;
    rc = start_parts(node, err);
    if (rc != 0)
        stop(node); /* listeners' threads and the builder use the loop, which goes now */
    return rc;
}

static void on_server_ready(void *context)
{
    const struct node *node = context;

    ports_tell_ready(&node->ports);
    service_ready(node->service);
}

/* --- run ----------------------------------------------------------------------------------------
 */

static int open_ports(struct node *node, struct enoki_error *err)
{
    const struct enoki_node_settings *settings = &node->settings;
    int rc = 0;

    if (settings->listen_management != NULL || settings->management_socket != NULL)
        rc = manage_new(&node->manage, settings, err);
    if (rc != 0)
        return rc;
    return ports_open(&node->ports, settings, &node->log, &node->site, node->manage, err);
}

static int serve(struct node *node, struct enoki_error *err)
{
    static const struct enoki_dispatcher dispatcher = {
        .size = sizeof(dispatcher),
        .name = "remote",
        .start = start,
        .tick = tick,
        .is_idle = is_idle,
        .stop = stop,
    };
    const struct en_server_options options = {
        .dispatcher = &dispatcher,
        .dispatcher_self = node,
        .limits = &node->settings.limits,
        .log = &node->log,
        .log_access = node->settings.log_access != 0,
        .capacity = UINT64_MAX,
        .max_input_bytes = (size_t)node->settings.max_bodies_bytes,
        .door = EN_DOOR_NONE,
        .listeners = node->ports.listeners,
        .listener_count = node->ports.count,
        .ready = on_server_ready,
        .context = node,
    };

    return en_server_run(&options, err);
}

static void release(struct node *node)
{
    for (size_t i = 0; i < node->roster.count; i++)
        function_free(node->roster.functions[i]);
    roster_fini(&node->roster);
    log_files_free(node->log_files);
    ports_close(&node->ports);
    manage_free(node->manage);
    work_close(node->work);
    enoki_config_free(node->reloaded);
    en_options_free(node->options);
}

static int open_log_files(struct node *node, struct enoki_error *err)
{
    const struct log_files_options options = {.path = node->settings.log_path,
                                              .max_bytes = node->settings.log_max_bytes,
                                              .keep = node->settings.log_keep,
                                              .log = &node->log};

    return options.path == NULL ? 0 : log_files_new(&node->log_files, &options, err);
}

int node_run(struct en_options *options, const char *file)
{
    struct node node = {.options = options,
                        .settings = options->node,
                        .file = file,
                        .look_at_ms = UINT64_MAX,
                        .started_ms = en_clock_ms(),
                        .log = {.fd = STDERR_FILENO,
                                .json = options->node.log_json != 0,
                                .level = (enum enoki_log_level)options->node.log_level}};
    struct enoki_error err = ENOKI_ERROR_INIT;
    int rc;

    node.site = (struct en_site){
        .find = find, .submit = submit, .answer = answer, .context = &node};
    en_limits_fill(&node.settings.limits);
    node.admission.most = (struct share){.calls = node.settings.limits.max_connections,
                                         .bytes = node.settings.max_bodies_bytes};
    (void)signal(SIGPIPE, SIG_IGN);
    /* Each function has about six, each caller one: as many as the system lets us. */
    (void)en_descriptors_reserve(UINT64_MAX);
    en_strays_adopt();
    rc = work_open(&node.work, node.settings.isolation_work, &err);
    if (rc == 0)
        rc = open_log_files(&node, &err);
    if (rc == 0)
        rc = ports_prepare(&node.ports, &node.settings, &err);
    if (rc == 0)
        rc = open_ports(&node, &err);
    if (rc == 0)
        rc = serve(&node, &err);
    if (rc != 0)
        en_log(&node.log, ENOKI_LOG_ERROR, "%s", err.message);
    release(&node);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
