#include "invoke/arguments.h"

#include "base/checked.h"
#include "config/check.h"
#include "config/limits.h"
#include "config/remotes.h"
#include "invoke/options.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORKERS_MAX 4096u
#define SHOWN 100 /* characters of a wrong value in a message */

enum {
    KEY_HELP = 'h',
    KEY_VERSION = 0x100,
    KEY_USAGE,
    KEY_CHECK,
    KEY_KEYGROUP,
    KEY_USER,
    KEY_REMOTE,
    KEY_REMOTE_CA,
    KEY_LOG_FORMAT,
    KEY_LOG_LEVEL,
    KEY_LOG_ACCESS,
    KEY_TLS_CERTIFICATE,
    KEY_TLS_KEY,
    KEY_TLS_CA,
    KEY_LIMITS, /* and one for each limit */
};

static const char doc[] =
    "Runs one function, a shared library or a folder with fn.py, package.json, fn.sh or fn.host, "
    "and answers its calls until SIGTERM. enoki-run -c FILE runs all functions of a file behind "
    "one front door; SIGHUP has it read the file again."
    "\v"
    "The command line beats the environment (ENOKI_STATE as -s, ENOKI_LISTEN as -l), which beats "
    "the file. Durations have a unit (ms, s, m, h), sizes may have one (KiB, MiB, GiB).\n\n"
    "Exit status: 0 after a clean stop, 1 for a failure, 2 for a usage error.";

/* Ends the parsing: the status to exit with is 0. */
#define DONE ECANCELED

static const struct argp_option fixed_options[] = {
    {"name", 'n', "NAME", 0,
     "Name of the function: it is called at /NAME (default: the file's "
     "name without .so)",
     1},
    {"runtime", 'r', "RUNTIME", 0, "thread, prefork or process (default prefork)", 1},
    {"workers", 'w', "N|MIN-MAX", 0,
     "Workers, fixed or as many as are needed (default: 64 "
     "threads, else the number of cores)",
     1},
    {"listen", 'l', "PROTO=ADDR:PORT", 0,
     "Where calls arrive: http, https, grpc or coap (default http=127.0.0.1:8000; port 0: any free "
     "one); repeatable",
     1},
    {"tls-cert", KEY_TLS_CERTIFICATE, "FILE", 0,
     "For https: PEM file of the certificate, and of those between it and its CA", 1},
    {"tls-key", KEY_TLS_KEY, "FILE", 0, "For https: PEM file of its key", 1},
    {"tls-ca", KEY_TLS_CA, "FILE", 0,
     "For https: PEM file of CAs; callers must show a certificate that one of them signed", 1},
    {"state", 's', "URI", 0,
     "Where data is kept: embedded:DIR[?durability=sync|process]"
     "[&max_value=BYTES][&node=NAME][&keygroup=NAME] (default "
     "embedded:./enoki-state), or at FReD: fred://HOST:PORT?tls=DIR&user=NAME&admin=NAME",
     1},
    {"env", 'e', "K=V", 0, "A variable for the function; repeatable", 1},
    {"remote", KEY_REMOTE, "NAME=URL", 0,
     "Where the function NAME is that this one calls, such as "
     "edge=http://10.0.0.5:8000/edge; repeatable",
     1},
    {"remote-ca", KEY_REMOTE_CA, "FILE", 0,
     "PEM file of CAs whose certificates remotes with https:// may show (default: those of the "
     "system)",
     1},
    {"user", KEY_USER, "USER", 0,
     "Run it as this user, name or number, without system calls that lead out (root only)", 1},
    {"keygroup", KEY_KEYGROUP, "NAME", 0,
     "Name of the function's data (default tinyFaaS and the "
     "function's name)",
     1},
    {"config", 'c', "FILE", 0, "Read settings from FILE; -n chooses among its functions", 1},
    {"check", KEY_CHECK, NULL, 0, "Check and explain the settings, run nothing", 1},
    {"log-format", KEY_LOG_FORMAT, "text|json", 0,
     "Lines of key=value, or JSON lines (default "
     "text)",
     2},
    {"log-level", KEY_LOG_LEVEL, "LEVEL", 0, "error, warn, info or debug (default info)", 2},
    {"log-access", KEY_LOG_ACCESS, NULL, 0, "A line for every call", 2},
    {"help", KEY_HELP, NULL, 0, "Print this list", 4},
    {"usage", KEY_USAGE, NULL, 0, "Print the options without their meaning", 4},
    {"version", KEY_VERSION, NULL, 0, "Print the version", 4},
};

#define FIXED_COUNT (sizeof(fixed_options) / sizeof(fixed_options[0]))
#define LIMITS_GROUP 3

int en_arguments_usage(const char *program, const char *format, ...)
{
    va_list args;

    (void)fprintf(stderr, "%s: ", program);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\nTry '%s --help'.\n", program);
    return 2;
}

static error_t refuse(const struct en_arguments *arguments, const char *option, const char *value,
                      const char *allowed)
{
    (void)en_arguments_usage(arguments->program, "%s: '%.*s'; allowed: %s", option, SHOWN, value,
                             allowed);
    return EINVAL;
}

/* Index of the word in a list that ends in NULL, or -1. */
static int find_word(const char *word, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    return -1;
}

static error_t take_runtime(struct en_arguments *arguments, const char *text)
{
    static const char *const words[] = {"thread", "prefork", "process", NULL};

    if (find_word(text, words) < 0)
        return refuse(arguments, "-r", text, "thread, prefork or process");
    if (arguments->own_runtime != NULL && strcmp(arguments->own_runtime, text) != 0)
        return refuse(arguments, "-r", text, "this program's own runtime; enoki-run has them all");
    arguments->runtime = text;
    return 0;
}

static error_t take_workers(struct en_arguments *arguments, const char *text)
{
    static const char allowed[] = "1 to 4096, or MIN-MAX with MIN from 0, such as 0-8";
    const char *dash = strchr(text, '-');
    size_t min_len = dash != NULL ? (size_t)(dash - text) : strlen(text);
    const char *max_text = dash != NULL ? dash + 1 : text;
    uint64_t min, max;

    if (!en_parse_u64(text, min_len, WORKERS_MAX, &min) ||
        !en_parse_u64(max_text, strlen(max_text), WORKERS_MAX, &max) || max == 0 || min > max)
        return refuse(arguments, "-w", text, allowed);
    arguments->workers_given = true;
    arguments->workers_min = (uint32_t)min;
    arguments->workers_max = (uint32_t)max;
    return 0;
}

const char *en_arguments_listen(struct en_arguments *arguments, const char *text)
{
    static const char *const words[] = {"http", "https", "grpc", "coap", NULL};
    const char **const places[] = {&arguments->listen_http, &arguments->listen_https,
                                   &arguments->listen_grpc, &arguments->listen_coap};
    const char *equals = strchr(text, '=');
    const char *protocol;
    int word;

    if (equals == NULL)
        return "PROTO=ADDR:PORT, such as http=127.0.0.1:8000";
    protocol = en_arena_textf(arguments->arena, "%.*s", (int)(equals - text), text);
    if (protocol == NULL)
        return "(out of memory)";
    word = find_word(protocol, words);
    if (word >= 2 && arguments->own_runtime != NULL)
        return "http=ADDR:PORT or https=ADDR:PORT; enoki-run has gRPC and CoAP";
    if (word < 0)
        return "http=ADDR:PORT, or https, grpc, coap";
    if (*places[word] != NULL)
        return "one address per protocol";
    *places[word] = equals + 1;
    return en_check_address(equals + 1);
}

static error_t take_variable(struct en_arguments *arguments, const char *text)
{
    const char *equals = strchr(text, '=');
    const char *name, *complaint;

    if (equals == NULL)
        return refuse(arguments, "-e", text, "NAME=VALUE");
    name = en_arena_textf(arguments->arena, "%.*s", (int)(equals - text), text);
    if (name == NULL)
        return ENOMEM;
    complaint = en_check_variable_name(name);
    if (complaint != NULL)
        return refuse(arguments, "-e", text, complaint);
    arguments->variables[arguments->variable_count++] = (struct enoki_variable){name, equals + 1};
    return 0;
}

static const char *take_remote(struct en_arguments *arguments, const char *text)
{
    const char *complaint =
        en_remote_parse(arguments->arena, text, &arguments->remotes[arguments->remote_count]);

    arguments->remote_count += complaint == NULL ? 1 : 0;
    return complaint;
}

static error_t take_limit(struct en_arguments *arguments, size_t index, const char *text)
{
    const struct en_limit *limit = en_limit_at(index);
    char min[EN_UNIT_TEXT_BYTES], max[EN_UNIT_TEXT_BYTES];
    char option[40], allowed[160];
    uint64_t value;

    if (!en_unit_parse(limit->unit, text, &value) || value < limit->min || value > limit->max) {
        en_unit_format(limit->unit, limit->min, min);
        en_unit_format(limit->unit, limit->max, max);
        (void)snprintf(option, sizeof(option), "--%s", limit->option);
        (void)snprintf(allowed, sizeof(allowed), "%s, from %s to %s", en_unit_form(limit->unit),
                       min, max);
        return refuse(arguments, option, text, allowed);
    }
    en_limit_set(limit, &arguments->limits, value);
    arguments->limit_given[index] = true;
    return 0;
}

static error_t take_log(struct en_arguments *arguments, int key, const char *text)
{
    static const char *const formats[] = {"text", "json", NULL};
    static const char *const levels[] = {"error", "warn", "info", "debug", NULL};

    if (key == KEY_LOG_ACCESS) {
        arguments->log_access = true;
        return 0;
    }
    if (key == KEY_LOG_FORMAT) {
        arguments->log_json = find_word(text, formats);
        return arguments->log_json >= 0 ? 0
                                        : refuse(arguments, "--log-format", text, "text or json");
    }
    arguments->log_level = find_word(text, levels);
    return arguments->log_level >= 0
               ? 0
               : refuse(arguments, "--log-level", text, "error, warn, info or debug");
}

static error_t take_tls(struct en_arguments *arguments, int key, const char *text)
{
    if (key == KEY_TLS_CERTIFICATE)
        arguments->tls_certificate = text;
    else if (key == KEY_TLS_KEY)
        arguments->tls_key = text;
    else
        arguments->tls_ca = text;
    return 0;
}

static error_t take_text(struct en_arguments *arguments, int key, const char *text)
{
    const char *complaint = NULL;
    const char *option = "-n";

    switch (key) {
    case 'n':
        arguments->name = text;
        complaint = en_check_function_name(text);
        break;
    case 'l':
        option = "-l";
        complaint = en_arguments_listen(arguments, text);
        break;
    case 's':
        arguments->state = text;
        break;
    case 'c':
        arguments->file = text;
        break;
    case KEY_REMOTE:
        option = "--remote";
        complaint = take_remote(arguments, text);
        break;
    case KEY_REMOTE_CA:
        arguments->remotes_ca = text;
        break;
    case KEY_KEYGROUP:
        option = "--keygroup";
        arguments->keygroup = text;
        complaint = en_check_keygroup(text);
        break;
    case KEY_USER:
        option = "--user";
        arguments->user = text;
        complaint = en_check_account(text);
        break;
    case ARGP_KEY_ARG:
        option = "FUNCTION.so";
        if (arguments->code != NULL)
            complaint = "one function; with -c FILE a file may describe several";
        arguments->code = text;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return complaint == NULL ? 0 : refuse(arguments, option, text, complaint);
}

/* --help and its like: they end the parsing. */
static error_t inform(const struct argp_state *state, int key)
{
    const struct en_arguments *arguments = state->input;

    if (key == KEY_VERSION)
        (void)printf("%s (enoki) %s\n", arguments->program, enoki_version());
    else if (key == KEY_USAGE)
        argp_state_help(state, stdout, ARGP_HELP_USAGE);
    else
        argp_state_help(state, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC);
    return DONE;
}

static error_t parse_one(int key, char *text, struct argp_state *state)
{
    struct en_arguments *arguments = state->input;

    if (key >= KEY_LIMITS && key < KEY_LIMITS + (int)EN_ARGUMENTS_LIMITS_MAX)
        return take_limit(arguments, (size_t)(key - KEY_LIMITS), text);
    if (key >= KEY_TLS_CERTIFICATE && key <= KEY_TLS_CA)
        return take_tls(arguments, key, text);
    switch (key) {
    case KEY_HELP:
    case KEY_VERSION:
    case KEY_USAGE:
        return inform(state, key);
    case KEY_CHECK:
        arguments->check = true;
        return 0;
    case 'r':
        return take_runtime(arguments, text);
    case 'w':
        return take_workers(arguments, text);
    case 'e':
        return take_variable(arguments, text);
    case KEY_LOG_FORMAT:
    case KEY_LOG_LEVEL:
    case KEY_LOG_ACCESS:
        return take_log(arguments, key, text);
    default:
        return take_text(arguments, key, text);
    }
}

/* The fixed options, one for each limit, and the end; NULL without memory. */
static struct argp_option *make_options(struct en_arena *arena)
{
    static const char *const values[] = {
        [EN_UNIT_COUNT] = "N", [EN_UNIT_SIZE] = "SIZE", [EN_UNIT_DURATION] = "TIME"};
    struct argp_option *options =
        en_arena_get(arena, FIXED_COUNT + EN_ARGUMENTS_LIMITS_MAX + 1, sizeof(*options));
    const struct en_limit *limit;

    if (options == NULL)
        return NULL;
    memcpy(options, fixed_options, sizeof(fixed_options));
    for (size_t i = 0; i < EN_ARGUMENTS_LIMITS_MAX && (limit = en_limit_at(i)) != NULL; i++) {
        struct argp_option *option = &options[FIXED_COUNT + i];

        option->name = limit->option;
        option->key = KEY_LIMITS + (int)i;
        option->arg = values[limit->unit];
        option->group = LIMITS_GROUP;
        option->doc = en_arena_textf(arena, "%s (default %s)", limit->help, limit->initial);
        if (option->doc == NULL)
            return NULL;
    }
    return options;
}

int en_arguments_parse(struct en_arguments *arguments, int argc, char **argv)
{
    struct argp argp = {NULL, parse_one, "FUNCTION.so\n-c FILE", doc, NULL, NULL, NULL};
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    char **copy; /* argp sorts what it parses */
    error_t error = ENOMEM;

    arguments->program = argc == 0 ? "enoki" : slash != NULL ? slash + 1 : argv[0];
    arguments->log_json = -1;
    arguments->log_level = -1;
    argp.options = make_options(arguments->arena);
    copy = en_arena_get(arguments->arena, (size_t)argc + 1, sizeof(*copy));
    arguments->variables =
        en_arena_get(arguments->arena, (size_t)argc + 1, sizeof(*arguments->variables));
    arguments->remotes =
        en_arena_get(arguments->arena, (size_t)argc + 1, sizeof(*arguments->remotes));
    if (argp.options != NULL && copy != NULL && arguments->variables != NULL &&
        arguments->remotes != NULL) {
        memcpy(copy, argv, (size_t)argc * sizeof(*copy));
        error = argp_parse(&argp, argc, copy, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, arguments);
    }
    switch (error) {
    case 0:
        return EN_OPTIONS_RUN;
    case DONE:
        return 0;
    case ENOMEM:
        (void)fprintf(stderr, "%s: out of memory\n", arguments->program);
        return 1;
    default:
        return 2;
    }
}
