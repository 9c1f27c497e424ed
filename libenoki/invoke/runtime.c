#include "invoke/runtime.h"

#include "invoke/bounds.h"
#include "invoke/door.h"
#include "invoke/instance.h"
#include "invoke/options.h"
#include "invoke/server.h"
#include "invoke/supervise.h"
#include "net/listen.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a runtime itself opens and starts, beside connections and workers. */
#define OWN_DESCRIPTORS 64u
#define OWN_PROCESSES 16u  /* threads too */
#define OWN_PER_WORKER 16u /* Node.js has so many threads */

struct enoki_runtime {
    struct en_options *options;
    struct enoki_node_settings node;
    struct enoki_function_settings function;
    const struct enoki_dispatcher *dispatcher;
    struct en_log log;
    struct en_plugin *plugin;
    struct en_arena arena; /* what the front door said */
    struct en_door door;
    struct en_server_listener listeners[2];
    bool is_secure[2]; /* of listeners */
    size_t listener_count;
    struct en_secure *secure; /* NULL: no TLS, or not yet */
    int notify_fd;             /* in a supervised child */
    bool is_serving;           /* or was */
    struct enoki_state *state; /* remote: held, so that it is found in order before calls come */
};

const struct enoki_function_settings *enoki_runtime_function(const struct enoki_runtime *runtime)
{
    return &runtime->function;
}

const struct enoki_node_settings *enoki_runtime_node(const struct enoki_runtime *runtime)
{
    return &runtime->node;
}

const struct en_log *en_runtime_log(const struct enoki_runtime *runtime)
{
    return &runtime->log;
}

const struct en_plugin *en_runtime_plugin(const struct enoki_runtime *runtime)
{
    return runtime->plugin;
}

bool en_runtime_has_remote_state(const struct enoki_runtime *runtime)
{
    const char *state =
        runtime->function.state != NULL ? runtime->function.state : runtime->node.state;

    return state != NULL && strncmp(state, "embedded:", strlen("embedded:")) != 0;
}

int en_runtime_open_state(const struct enoki_runtime *runtime, struct enoki_state **out,
                          struct enoki_error *err)
{
    const struct en_instance_options options = {
        .function = &runtime->function,
        .node = &runtime->node,
        .log = &runtime->log,
    };

    return en_env_open_state(&options, out, err);
}

/* Waits for what keeps it; after the forks, which what is behind it does not survive. */
static int hold_state(struct enoki_runtime *runtime, struct enoki_error *err)
{
    if (!en_runtime_has_remote_state(runtime))
        return 0;
    return en_runtime_open_state(runtime, &runtime->state, err);
}

void enoki_runtime_log(const struct enoki_runtime *runtime, int level, const char *format, ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    en_log(&runtime->log, (enum enoki_log_level)level, "%s", message);
}

int enoki_runtime_load(const struct enoki_runtime *runtime, struct enoki_error *err)
{
    return en_runtime_load_with(
        runtime, runtime->function.limits.max_connections + OWN_DESCRIPTORS, err);
}

/* Two runtimes: while one is replaced, both are there. */
static uint64_t own_processes(const struct enoki_function_settings *function)
{
    return 2 * ((uint64_t)function->workers_max * OWN_PER_WORKER + function->limits.max_abandoned +
                OWN_PROCESSES);
}

int en_runtime_load_with(const struct enoki_runtime *runtime, uint64_t descriptors,
                         struct enoki_error *err)
{
    /* The one member that is not settled before the fork. */
    struct enoki_runtime *self = (struct enoki_runtime *)(uintptr_t)runtime;
    struct en_instance_options options = {
        .function = &runtime->function,
        .node = &runtime->node,
        .log = &runtime->log,
        .worker = "preload",
    };
    const struct en_bounds_room room = {descriptors, own_processes(&runtime->function)};
    int rc = en_bounds_set(&runtime->function.limits, &room, &runtime->log, err);

    if (rc == 0)
        rc = en_plugin_load(&self->plugin, runtime->function.code, err);
    if (rc != 0)
        return rc;
    options.plugin = runtime->plugin;
    return en_instance_preload(&options, err);
}

static void settle(struct enoki_runtime *runtime)
{
    struct enoki_function_settings *function = &runtime->function;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t workers = runtime->dispatcher->workers_default;

    if (workers == 0)
        workers = cores < 1 ? 1 : cores > 1024 ? 1024 : (uint32_t)cores;
    if (function->workers_max == 0) {
        function->workers_min = workers;
        function->workers_max = workers;
    }
    runtime->node.functions = function;
    runtime->node.function_count = 1;
    runtime->log = (struct en_log){.fd = STDERR_FILENO,
                                   .json = runtime->node.log_json != 0,
                                   .level = (enum enoki_log_level)runtime->node.log_level};
}

static int listen_on(struct enoki_runtime *runtime, const char *address, struct enoki_error *err)
{
    int rc = en_listen_tcp(address, &runtime->listeners[runtime->listener_count].fd, err);

    runtime->listener_count += rc == 0;
    return rc;
}

static int open_listeners(struct enoki_runtime *runtime, struct enoki_error *err)
{
    int rc = 0;

    if (runtime->node.listen_http != NULL)
        rc = listen_on(runtime, runtime->node.listen_http, err);
    if (rc == 0 && runtime->node.listen_https != NULL) {
        rc = listen_on(runtime, runtime->node.listen_https, err);
        runtime->is_secure[runtime->listener_count - 1] = rc == 0;
    }
    return rc;
}

static void close_listeners(void *context)
{
    struct enoki_runtime *runtime = context;

    for (size_t i = 0; i < runtime->listener_count; i++)
        (void)close(runtime->listeners[i].fd);
    runtime->listener_count = 0;
}

static void print_ready(void *context)
{
    const struct enoki_runtime *runtime = context;
    char address[128], line[512];

    for (size_t i = 0; i < runtime->listener_count; i++) {
        int len;
        ssize_t written;

        if (en_listen_name(runtime->listeners[i].fd, address, sizeof(address)) != 0)
            continue;
        len =
            snprintf(line, sizeof(line), "ready: %s://%s/%s\n",
                     runtime->is_secure[i] ? "https" : "http", address, runtime->function.name);
        written = write(STDERR_FILENO, line, (size_t)len);
        (void)written; /* nobody is left to tell */
    }
}

int en_runtime_routes(const struct enoki_runtime *runtime)
{
    return runtime->door.routes < 0 ? 0 : runtime->door.routes;
}

void en_runtime_leave_door(const struct enoki_runtime *runtime)
{
    if (runtime->door.fd >= 0)
        (void)close(runtime->door.fd);
    if (runtime->door.peers >= 0)
        (void)close(runtime->door.peers);
}

static void notify(const struct enoki_runtime *runtime, char message)
{
    /* A parent that is gone takes this process with it. */
    (void)send(runtime->notify_fd, &message, 1, MSG_NOSIGNAL);
}

/* Not before: the front door is told why a dispatcher does not start. */
static void on_ready(void *context)
{
    struct enoki_runtime *runtime = context;

    runtime->is_serving = true;
    if (runtime->notify_fd >= 0)
        notify(runtime, EN_CHILD_READY);
    else
        print_ready(runtime);
}

static void tell_retiring(void *context)
{
    notify(context, EN_CHILD_RETIRES);
}

/* After the forks, which OpenSSL does not survive. */
static int secure_listeners(struct enoki_runtime *runtime, struct enoki_error *err)
{
    const struct enoki_node_settings *node = &runtime->node;
    const struct en_tls_server_files files = {node->tls_certificate, node->tls_key, node->tls_ca};
    int rc = 0;

    if (node->listen_https != NULL)
        rc = en_secure_new(&runtime->secure, &files, &runtime->log, err);
    for (size_t i = 0; i < runtime->listener_count && rc == 0; i++)
        runtime->listeners[i].secure = runtime->is_secure[i] ? runtime->secure : NULL;
    return rc;
}

/* Serves until the end. The listeners are closed by then. */
static int serve(struct enoki_runtime *runtime, void *self, struct enoki_error *err)
{
    bool supervised = runtime->notify_fd >= 0;
    const struct enoki_function_settings *function = &runtime->function;
    struct en_server_options options = {
        .runtime = runtime,
        .dispatcher = runtime->dispatcher,
        .dispatcher_self = self,
        .limits = &function->limits,
        .log = &runtime->log,
        .log_access = runtime->node.log_access != 0,
        .capacity = function->limits.max_queue + function->workers_max,
        .door = runtime->door,
        .listeners = runtime->listeners,
        .listener_count = runtime->listener_count,
        .ready = on_ready,
        .retire = supervised ? tell_retiring : NULL,
        .context = runtime,
    };
    int rc = secure_listeners(runtime, err);

    if (rc != 0)
        return rc;
    rc = en_server_run(&options, err);
    runtime->listener_count = 0;
    en_secure_free(runtime->secure);
    return rc;
}

static int report(const struct enoki_runtime *runtime, const struct enoki_error *err)
{
    en_log(&runtime->log, ENOKI_LOG_ERROR, "%s", err->message);
    if (runtime->door.fd >= 0 && !runtime->is_serving)
        en_door_fail(&runtime->door, err);
    return EXIT_FAILURE;
}

/* In this process, user code's or not; listeners are open, or opened here. */
static int run_here(struct enoki_runtime *runtime, struct enoki_error *err)
{
    void *self = NULL;
    int rc = 0;

    if (runtime->dispatcher->prepare != NULL)
        rc = runtime->dispatcher->prepare(&self, runtime, err);
    if (rc == 0)
        rc = hold_state(runtime, err);
    if (rc == 0 && runtime->listener_count == 0)
        rc = open_listeners(runtime, err);
    if (rc == 0)
        rc = serve(runtime, self, err);
    if (rc == ENOKI_ETIMEOUT && runtime->is_serving &&
        (runtime->dispatcher->flags & ENOKI_DISPATCHER_SUPERVISED) != 0)
        _exit(report(runtime, err)); /* threads that were given up still run: nothing may be torn
                                        down */
    enoki_state_free(runtime->state);
    return rc == 0 ? EXIT_SUCCESS : report(runtime, err);
}

static int run_child(void *context, int notify_fd)
{
    struct enoki_runtime *runtime = context;
    struct enoki_error err = ENOKI_ERROR_INIT;

    runtime->notify_fd = notify_fd;
    return run_here(runtime, &err);
}

static int run_supervised(struct enoki_runtime *runtime, struct enoki_error *err)
{
    struct en_supervise_options options = {
        .log = &runtime->log,
        .drain_timeout_ms = runtime->function.limits.drain_timeout_ms,
        .run = run_child,
        .ready = print_ready,
        .stopping = close_listeners,
        .context = runtime,
    };
    int is_child;

    if (open_listeners(runtime, err) != 0)
        return report(runtime, err);
    return en_supervise(&options, &is_child);
}

/* What the front door, if there is one, says beside the command line. */
static int enter_door(struct enoki_runtime *runtime, struct enoki_error *err)
{
    int rc = en_door_find(&runtime->door, err);

    if (rc != 0 || runtime->door.fd < 0)
        return rc;
    runtime->node.listen_http = runtime->node.listen_https = NULL;
    return en_door_greet(&runtime->door, &runtime->arena, &runtime->function, err);
}

int enoki_runtime_main(int argc, char **argv, const struct enoki_dispatcher *dispatcher)
{
    struct enoki_runtime runtime = {
        .dispatcher = dispatcher, .notify_fd = -1, .door = EN_DOOR_NONE};
    struct enoki_error err = ENOKI_ERROR_INIT;
    int status;

    status = en_options_parse(&runtime.options, argc, argv, dispatcher->name);
    if (status != EN_OPTIONS_RUN)
        return status;
    runtime.node = runtime.options->node;
    runtime.function = *runtime.options->function;
    settle(&runtime);
    (void)signal(SIGPIPE, SIG_IGN);
    /* A front door watches its runtimes itself. */
    if (enter_door(&runtime, &err) != 0)
        status = report(&runtime, &err);
    else if (runtime.door.fd < 0 && (dispatcher->flags & ENOKI_DISPATCHER_SUPERVISED) != 0)
        status = run_supervised(&runtime, &err);
    else
        status = run_here(&runtime, &err);
    close_listeners(&runtime);
    en_plugin_free(runtime.plugin);
    en_arena_fini(&runtime.arena);
    en_options_free(runtime.options);
    return status;
}
