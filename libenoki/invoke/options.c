#include "invoke/options.h"

#include "config/check.h"
#include "config/explain.h"
#include "config/limits.h"
#include "config/secrets.h"
#include "invoke/arguments.h"
#include "state/uri.h"

#include <enoki/function.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX_BYTES 2000u
#define EXPLANATION_MAX_BYTES (4u << 20)
#define OUT_OF_MEMORY "out of memory"

_Static_assert(sizeof(struct enoki_limits) / sizeof(uint64_t) <= EN_ARGUMENTS_LIMITS_MAX,
               "room for every limit");

struct owner {
    struct en_options options; /* first: what is handed out */
    struct enoki_function_settings function;
    struct en_arena arena;
    struct enoki_config *config; /* NULL without -c */
};

static int fail(const struct en_arguments *arguments, const char *message)
{
    (void)fprintf(stderr, "%s: %s\n", arguments->program, message);
    return 1;
}

/* --- where the function comes from ------------------------------------------------------------ */

static int load_file(struct owner *owner, const struct en_arguments *arguments)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    int rc = enoki_config_load(&owner->config, arguments->file, &err);

    if (rc != 0) {
        (void)fail(arguments, err.message);
        return rc == ENOKI_ECONFIG ? 2 : 1;
    }
    owner->options.from_file = enoki_config_get(owner->config);
    owner->options.node = *owner->options.from_file;
    return EN_OPTIONS_RUN;
}

static int fail_choice(const struct en_arguments *arguments, const struct enoki_node_settings *node)
{
    struct en_buffer names = EN_BUFFER_INIT(NAMES_MAX_BYTES);
    int status;

    for (size_t i = 0; i < node->function_count; i++) {
        if (en_buffer_appendf(&names, "%s%s", i > 0 ? ", " : "", node->functions[i].name) != 0)
            break;
    }
    if (node->function_count == 0)
        status = en_arguments_usage(arguments->program,
                                    "%s: no functions; write functions = "
                                    "( { name = \"...\"; } );",
                                    arguments->file);
    else if (arguments->name != NULL)
        status = en_arguments_usage(arguments->program, "-n: '%s' is not in %s; allowed: %s",
                                    arguments->name, arguments->file, names.data);
    else
        status = en_arguments_usage(arguments->program,
                                    "%s has several functions: choose one with -n (%s), or run "
                                    "all of them with enoki-run",
                                    arguments->file, names.data);
    en_buffer_fini(&names);
    return status;
}

static int choose_function(struct owner *owner, const struct en_arguments *arguments)
{
    const struct enoki_node_settings *node = &owner->options.node;

    for (size_t i = 0; i < node->function_count; i++) {
        if (arguments->name == NULL ? node->function_count == 1
                                    : strcmp(node->functions[i].name, arguments->name) == 0) {
            owner->function = node->functions[i];
            return EN_OPTIONS_RUN;
        }
    }
    return fail_choice(arguments, node);
}

/* The library's or folder's name without ending, or NULL after a message and *status_out. */
static const char *name_of_file(struct owner *owner, const struct en_arguments *arguments,
                                int *status_out)
{
    const char *end = arguments->code + strlen(arguments->code);
    const char *base, *dot, *complaint, *name;

    while (end - 1 > arguments->code && end[-1] == '/') /* a folder's */
        end--;
    base = memrchr(arguments->code, '/', (size_t)(end - arguments->code));
    base = base != NULL ? base + 1 : arguments->code;
    dot = memrchr(base, '.', (size_t)(end - base));
    name = en_arena_textf(&owner->arena, "%.*s", (int)((dot != NULL ? dot : end) - base), base);

    if (name == NULL) {
        *status_out = fail(arguments, OUT_OF_MEMORY);
        return NULL;
    }
    complaint = en_check_function_name(name);
    if (complaint == NULL)
        return name;
    *status_out = en_arguments_usage(arguments->program,
                                     "'%.100s' of '%.200s' is no name for a function: %s; choose "
                                     "one with -n NAME",
                                     name, arguments->code, complaint);
    return NULL;
}

static int use_library(struct owner *owner, const struct en_arguments *arguments)
{
    struct enoki_node_settings *node = &owner->options.node;
    int status = EN_OPTIONS_RUN;

    node->node = "local";
    node->state = "embedded:./enoki-state";
    node->listen_http = "127.0.0.1:8000";
    node->log_level = ENOKI_LOG_INFO;
    owner->function.code = arguments->code;
    owner->function.runtime = "prefork";
    owner->function.name =
        arguments->name != NULL ? arguments->name : name_of_file(owner, arguments, &status);
    return status;
}

/* All functions of a file run as it says: what is meant for one needs its name. */
static int check_whole_file(const struct en_arguments *arguments)
{
    bool limit_given = false;

    for (size_t i = 0; i < EN_ARGUMENTS_LIMITS_MAX; i++)
        limit_given = limit_given || arguments->limit_given[i];
    if (arguments->runtime == NULL && !arguments->workers_given && arguments->keygroup == NULL &&
        arguments->user == NULL && arguments->variable_count == 0 &&
        arguments->remote_count == 0 && arguments->remotes_ca == NULL && !limit_given)
        return EN_OPTIONS_RUN;
    return en_arguments_usage(
        arguments->program,
        "-r, -w, -e, --user, --keygroup, --remote, --remote-ca and limits are one function's: "
        "choose it with -n, or write them into %s",
        arguments->file);
}

static int find_function(struct owner *owner, const struct en_arguments *arguments)
{
    int status;

    if (arguments->code != NULL && arguments->file != NULL)
        return en_arguments_usage(arguments->program,
                                  "'%.200s' and -c: give either a library or a file",
                                  arguments->code);
    if (arguments->code != NULL)
        return use_library(owner, arguments);
    if (arguments->file == NULL)
        return en_arguments_usage(arguments->program, "which function? Give a library "
                                                      "(FUNCTION.so), a folder with fn.py, "
                                                      "package.json, fn.sh or fn.host, or a "
                                                      "file (-c FILE)");
    status = load_file(owner, arguments);
    if (status != EN_OPTIONS_RUN || (arguments->check && arguments->name == NULL))
        return status;
    if (arguments->name == NULL && arguments->own_runtime == NULL)
        return check_whole_file(arguments);
    return choose_function(owner, arguments);
}

/* --- what beats it ------------------------------------------------------------------------------
 */

static bool listens(const struct en_arguments *arguments)
{
    return arguments->listen_http != NULL || arguments->listen_https != NULL ||
           arguments->listen_grpc != NULL || arguments->listen_coap != NULL;
}

static int take_environment(struct en_arguments *arguments)
{
    const char *listen = getenv("ENOKI_LISTEN");
    const char *complaint;

    if (arguments->state == NULL)
        arguments->state = getenv("ENOKI_STATE");
    if (listens(arguments) || listen == NULL)
        return EN_OPTIONS_RUN;
    complaint = en_arguments_listen(arguments, listen);
    if (complaint == NULL)
        return EN_OPTIONS_RUN;
    return en_arguments_usage(arguments->program, "ENOKI_LISTEN: '%.100s'; allowed: %s", listen,
                              complaint);
}

#define SESSION_DEFAULT "./enoki-state"

/* What a URI says that settings have fields for; all in the arena. False: no memory. */
static bool take_uri(struct owner *owner, const char *text, const struct en_uri *uri)
{
    bool is_fred = strcmp(uri->scheme, "fred") == 0;
    const char *state = text, *node = NULL, *keygroup = NULL;

    /* What a runtime has seen outlives it. */
    if (is_fred && uri->session == NULL)
        state = en_arena_textf(&owner->arena, "%s&session=" SESSION_DEFAULT, text);
    if (!is_fred && uri->node != NULL) {
        node = en_arena_textf(&owner->arena, "%s", uri->node);
        if (node == NULL)
            return false;
        owner->options.node.node = node;
    }
    if (uri->keygroup != NULL) {
        keygroup = en_arena_textf(&owner->arena, "%s", uri->keygroup);
        if (keygroup == NULL)
            return false;
        owner->function.keygroup = keygroup;
    }
    owner->options.node.state = state;
    owner->function.state = NULL;
    return state != NULL;
}

/* A URI may name node and keygroup; those of the file would beat it, but -s beats the file. */
static int apply_state(struct owner *owner, const struct en_arguments *arguments)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct en_uri uri;
    int status = EN_OPTIONS_RUN;

    if (en_uri_parse(&uri, arguments->state, &err) != 0)
        return en_arguments_usage(arguments->program, "-s: %s", err.message);
    if (strcmp(uri.scheme, "relay") == 0)
        status = en_arguments_usage(arguments->program,
                                    "-s: '%.100s'; allowed: embedded:DIR or fred://HOST:PORT?...",
                                    arguments->state);
    else if (!take_uri(owner, arguments->state, &uri))
        status = fail(arguments, OUT_OF_MEMORY);
    en_uri_fini(&uri);
    return status;
}

static bool has_variable(const struct enoki_variable *variables, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(variables[i].name, name) == 0)
            return true;
    }
    return false;
}

/* The last of a name on the command line wins, then the file's. */
static int merge(struct owner *owner, const struct enoki_variable *given, size_t given_count,
                 const struct enoki_variable **variables, size_t *variable_count)
{
    size_t room = given_count + *variable_count, count = 0;
    struct enoki_variable *merged = en_arena_get(&owner->arena, room + 1, sizeof(*merged));

    if (merged == NULL)
        return ENOKI_ENOMEM;
    for (size_t i = 0; i < room; i++) {
        const struct enoki_variable *variable =
            i < given_count ? &given[given_count - 1 - i] : &(*variables)[i - given_count];

        if (!has_variable(merged, count, variable->name))
            merged[count++] = *variable;
    }
    *variables = merged;
    *variable_count = count;
    return 0;
}

/* Addresses of the command line take the place of all that the file has. */
static int apply_listen(struct owner *owner, const struct en_arguments *arguments)
{
    struct enoki_node_settings *node = &owner->options.node;

    if (listens(arguments)) {
        node->listen_http = arguments->listen_http;
        node->listen_https = arguments->listen_https;
        node->listen_grpc = arguments->listen_grpc;
        node->listen_coap = arguments->listen_coap;
    }
    if (arguments->tls_certificate != NULL)
        node->tls_certificate = arguments->tls_certificate;
    if (arguments->tls_key != NULL)
        node->tls_key = arguments->tls_key;
    if (arguments->tls_ca != NULL)
        node->tls_ca = arguments->tls_ca;
    if (node->listen_https != NULL && (node->tls_certificate == NULL || node->tls_key == NULL))
        return en_arguments_usage(arguments->program,
                                  "-l https=%s needs --tls-cert FILE and --tls-key FILE; "
                                  "`enoki certs` makes them",
                                  node->listen_https);
    if (node->listen_https == NULL && node->listen_grpc == NULL &&
        (arguments->tls_certificate != NULL || arguments->tls_key != NULL ||
         arguments->tls_ca != NULL))
        return en_arguments_usage(arguments->program,
                                  "--tls-cert, --tls-key and --tls-ca are for https: write -l "
                                  "https=ADDR:PORT, or for grpc=ADDR:PORT");
    return EN_OPTIONS_RUN;
}

static int apply_node(struct owner *owner, const struct en_arguments *arguments)
{
    struct enoki_node_settings *node = &owner->options.node;

    int status = apply_listen(owner, arguments);

    if (status != EN_OPTIONS_RUN)
        return status;
    if (arguments->log_json >= 0)
        node->log_json = arguments->log_json;
    if (arguments->log_level >= 0)
        node->log_level = arguments->log_level;
    if (arguments->log_access)
        node->log_access = 1;
    return arguments->state == NULL ? EN_OPTIONS_RUN : apply_state(owner, arguments);
}

static int apply_function(struct owner *owner, const struct en_arguments *arguments)
{
    struct enoki_function_settings *function = &owner->function;
    const struct en_limit *limit;

    if (arguments->keygroup != NULL)
        function->keygroup = arguments->keygroup;
    if (arguments->user != NULL)
        function->user = arguments->user;
    if (arguments->runtime != NULL)
        function->runtime = arguments->runtime;
    if (arguments->own_runtime != NULL)
        function->runtime = arguments->own_runtime;
    if (arguments->workers_given) {
        function->workers_min = arguments->workers_min;
        function->workers_max = arguments->workers_max;
    }
    for (size_t i = 0; (limit = en_limit_at(i)) != NULL; i++) {
        if (arguments->limit_given[i])
            en_limit_set(limit, &function->limits, en_limit_get(limit, &arguments->limits));
    }
    en_limits_fill(&function->limits);
    if (arguments->remotes_ca != NULL)
        owner->options.node.remotes_ca = arguments->remotes_ca;
    owner->options.node.functions = function;
    owner->options.node.function_count = 1;
    return merge(owner, arguments->variables, arguments->variable_count, &function->variables,
                 &function->variable_count) != 0 ||
                   merge(owner, arguments->remotes, arguments->remote_count,
                         &owner->options.node.remotes, &owner->options.node.remote_count) != 0
               ? fail(arguments, OUT_OF_MEMORY)
               : EN_OPTIONS_RUN;
}

/* --- --check
 * -------------------------------------------------------------------------------------- */

/* Explains on standard output; a library that is not there is a fault that running would meet. */
static int explain(const struct owner *owner, const struct en_arguments *arguments)
{
    const struct enoki_node_settings *node = &owner->options.node;
    struct en_buffer text = EN_BUFFER_INIT(EXPLANATION_MAX_BYTES);
    int status = 0;

    if (en_explain_settings(node,
                            owner->function.name != NULL ? EN_EXPLAIN_FUNCTION : EN_EXPLAIN_NODE,
                            &text) != 0) {
        en_buffer_fini(&text);
        return fail(arguments, OUT_OF_MEMORY);
    }
    (void)fwrite(text.data, 1, text.len, stdout);
    if (fflush(stdout) != 0)
        status = 1;
    en_buffer_fini(&text);
    for (size_t i = 0; i < node->function_count; i++) {
        if (access(node->functions[i].code, R_OK) == 0)
            continue;
        (void)fprintf(stderr,
                      "%s: function '%s': '%s' cannot be read: build it, or correct 'code' and "
                      "'language'\n",
                      arguments->program, node->functions[i].name, node->functions[i].code);
        status = 1;
    }
    return status;
}

static int apply_secrets(struct owner *owner, const struct en_arguments *arguments)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    return en_secrets_read(&owner->function, &owner->arena, &err) == 0
               ? EN_OPTIONS_RUN
               : fail(arguments, err.message);
}

static int settle(struct owner *owner, struct en_arguments *arguments)
{
    int status = find_function(owner, arguments);

    if (status == EN_OPTIONS_RUN)
        status = take_environment(arguments);
    if (status == EN_OPTIONS_RUN)
        status = apply_node(owner, arguments);
    /* A check of a whole file leaves its functions as they are. */
    if (status == EN_OPTIONS_RUN && owner->function.name != NULL)
        status = apply_function(owner, arguments);
    if (status == EN_OPTIONS_RUN && owner->function.name != NULL && !arguments->check)
        status = apply_secrets(owner, arguments);
    if (status == EN_OPTIONS_RUN && arguments->check)
        status = explain(owner, arguments);
    return status;
}

int en_options_parse(struct en_options **out, int argc, char **argv, const char *runtime)
{
    struct owner *owner = calloc(1, sizeof(*owner));
    struct en_arguments arguments;
    int status;

    memset(&arguments, 0, sizeof(arguments));
    arguments.program = "enoki";
    arguments.own_runtime = runtime;
    if (owner == NULL)
        return fail(&arguments, OUT_OF_MEMORY);
    arguments.arena = &owner->arena;
    status = en_arguments_parse(&arguments, argc, argv);
    if (status == EN_OPTIONS_RUN)
        status = settle(owner, &arguments);
    if (status != EN_OPTIONS_RUN) {
        en_options_free(&owner->options);
        return status;
    }
    owner->options.function = owner->function.name != NULL ? &owner->function : NULL;
    owner->options.file = arguments.file;
    *out = &owner->options;
    return EN_OPTIONS_RUN;
}

void en_options_free(struct en_options *options)
{
    struct owner *owner = (struct owner *)options;

    if (owner == NULL)
        return;
    enoki_config_free(owner->config);
    en_arena_fini(&owner->arena);
    free(owner);
}
