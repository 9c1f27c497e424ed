#include "invoke/runtime.h"

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

struct enoki_runtime {
    struct en_options *options;
    struct enoki_node_settings node;
    struct enoki_function_settings function;
    const struct enoki_dispatcher *dispatcher;
    struct en_log log;
    struct en_plugin *plugin;
    int listeners[1]; /* one protocol yet */
    size_t listener_count;
    int notify_fd; /* in a supervised child */
    struct enoki_state
        *state; /* remote: held open, so that it is found in order before calls come */
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
    /* The one member that is not settled before the fork. */
    struct enoki_runtime *self = (struct enoki_runtime *)(uintptr_t)runtime;
    struct en_instance_options options = {
        .function = &runtime->function,
        .node = &runtime->node,
        .log = &runtime->log,
        .worker = "preload",
    };
    int rc = en_plugin_load(&self->plugin, runtime->function.code, err);

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

static int open_listeners(struct enoki_runtime *runtime, struct enoki_error *err)
{
    int rc = 0;

    if (runtime->node.listen_http != NULL) {
        rc = en_listen_tcp(runtime->node.listen_http, &runtime->listeners[0], err);
        runtime->listener_count = rc == 0 ? 1 : 0;
    }
    return rc;
}

static void close_listeners(void *context)
{
    struct enoki_runtime *runtime = context;

    for (size_t i = 0; i < runtime->listener_count; i++)
        (void)close(runtime->listeners[i]);
    runtime->listener_count = 0;
}

static void print_ready(void *context)
{
    const struct enoki_runtime *runtime = context;
    char address[128], line[512];

    for (size_t i = 0; i < runtime->listener_count; i++) {
        int len;
        ssize_t written;

        if (en_listen_name(runtime->listeners[i], address, sizeof(address)) != 0)
            continue;
        len =
            snprintf(line, sizeof(line), "ready: http://%s/%s\n", address, runtime->function.name);
        written = write(STDERR_FILENO, line, (size_t)len);
        (void)written; /* nobody is left to tell */
    }
}

static void notify(const struct enoki_runtime *runtime, char message)
{
    /* A parent that is gone takes this process with it. */
    (void)send(runtime->notify_fd, &message, 1, MSG_NOSIGNAL);
}

static void tell_ready(void *context)
{
    notify(context, EN_CHILD_READY);
}

static void tell_retiring(void *context)
{
    notify(context, EN_CHILD_RETIRES);
}

/* Serves until the end. The listeners are closed by then. */
static int serve(struct enoki_runtime *runtime, void *self, struct enoki_error *err)
{
    bool supervised = (runtime->dispatcher->flags & ENOKI_DISPATCHER_SUPERVISED) != 0;
    struct en_server_options options = {
        .runtime = runtime,
        .dispatcher = runtime->dispatcher,
        .dispatcher_self = self,
        .listeners = runtime->listeners,
        .listener_count = runtime->listener_count,
        .ready = supervised ? tell_ready : print_ready,
        .retire = supervised ? tell_retiring : NULL,
        .context = runtime,
    };
    int rc = en_server_run(&options, err);

    runtime->listener_count = 0;
    return rc;
}

static int report(const struct enoki_runtime *runtime, const struct enoki_error *err)
{
    en_log(&runtime->log, ENOKI_LOG_ERROR, "%s", err->message);
    return EXIT_FAILURE;
}

static int run_child(void *context, int notify_fd)
{
    struct enoki_runtime *runtime = context;
    struct enoki_error err = ENOKI_ERROR_INIT;
    void *self = NULL;
    bool is_serving;
    int rc = 0;

    runtime->notify_fd = notify_fd;
    if (runtime->dispatcher->prepare != NULL)
        rc = runtime->dispatcher->prepare(&self, runtime, &err);
    if (rc == 0)
        rc = hold_state(runtime, &err);
    is_serving = rc == 0;
    if (rc == 0)
        rc = serve(runtime, self, &err);
    if (rc == 0) {
        enoki_state_free(runtime->state);
        return EXIT_SUCCESS;
    }
    (void)report(runtime, &err);
    if (rc == ENOKI_ETIMEOUT && is_serving)
        _exit(EXIT_FAILURE); /* threads that were given up still run: nothing may be torn down */
    return EXIT_FAILURE;
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

static int run_here(struct enoki_runtime *runtime, struct enoki_error *err)
{
    void *self = NULL;
    int rc = 0;

    if (runtime->dispatcher->prepare != NULL)
        rc = runtime->dispatcher->prepare(&self, runtime, err);
    if (rc == 0)
        rc = hold_state(runtime, err);
    if (rc == 0)
        rc = open_listeners(runtime, err);
    if (rc == 0)
        rc = serve(runtime, self, err);
    enoki_state_free(runtime->state);
    return rc == 0 ? EXIT_SUCCESS : report(runtime, err);
}

int enoki_runtime_main(int argc, char **argv, const struct enoki_dispatcher *dispatcher)
{
    struct enoki_runtime runtime = {.dispatcher = dispatcher, .notify_fd = -1};
    struct enoki_error err = ENOKI_ERROR_INIT;
    int status;

    status = en_options_parse(&runtime.options, argc, argv, dispatcher->name);
    if (status != EN_OPTIONS_RUN)
        return status;
    runtime.node = runtime.options->node;
    runtime.function = *runtime.options->function;
    settle(&runtime);
    (void)signal(SIGPIPE, SIG_IGN);
    if ((dispatcher->flags & ENOKI_DISPATCHER_SUPERVISED) != 0)
        status = run_supervised(&runtime, &err);
    else
        status = run_here(&runtime, &err);
    close_listeners(&runtime);
    en_plugin_free(runtime.plugin);
    en_options_free(runtime.options);
    return status;
}
