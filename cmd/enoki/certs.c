#include "commands.h"
#include "functions.h"
#include "print.h"

#include <enoki/tls.h>

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SANS_MAX 64

enum action { INIT, ISSUE, SHOW, CHECK, RENEW, BUNDLE, ACTIONS };

static const struct {
    const char *name;
    unsigned arguments; /* behind the action */
    const char *form;
} actions[ACTIONS] = {{"init", 0, "nothing"}, {"issue", 1, "NAME"}, {"show", 1, "NAME"},
                      {"check", 1, "NAME"},   {"renew", 1, "NAME"}, {"bundle", 2, "NAME OUT"}};

struct request {
    enum action action;
    const char *texts[3]; /* action, name, out */
    unsigned count;
    const char *directory;
    const char *host;
    const char *sans[SANS_MAX];
    struct enoki_tls_options options;
    int json;
};

static const struct argp_option options[] = {
    {"directory", 'd', "DIR", 0, "Where the files are (default: the current folder)", 0},
    {"san", 's', "NAME-OR-ADDRESS", 0,
     "issue: valid for this host name or IP address; repeatable. FReD wants the address that a "
     "client calls from",
     0},
    {"client", 'c', NULL, 0, "issue: for clients only", 0},
    {"server", 'S', NULL, 0, "issue: for servers only", 0},
    {"both", 'b', NULL, 0, "issue: for both (the default)", 0},
    {"days", 'D', "N", 0, "How long it is valid: 365, a CA 3650; renew: as long as before", 0},
    {"rsa", 'r', "BITS", 0, "An RSA key of 2048 to 8192 bits instead of EC P-256", 0},
    {"name", 'n', "NAME", 0, "init: the CA's common name (default 'Enoki CA')", 0},
    {"host", 'H', "NAME-OR-ADDRESS", 0, "check: would a client of this host take it?", 0},
    {"force", 'f', NULL, 0, "Replaces what is there", 0},
    {"json", 'j', NULL, 0, "show, check: JSON", 0},
    {0},
};

static uint32_t number(struct argp_state *state, const char *text)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value == 0 ||
        value > 100000)
        argp_error(state, "'%s' is not a number from 1 to 100000", text);
    return (uint32_t)value;
}

static error_t check_texts(struct request *request, struct argp_state *state)
{
    if (request->count == 0)
        argp_error(state, "ACTION is required: init, issue, show, check, renew or bundle");
    for (unsigned i = 0; i < ACTIONS; i++) {
        if (strcmp(request->texts[0], actions[i].name) != 0)
            continue;
        request->action = (enum action)i;
        if (request->count - 1 != actions[i].arguments)
            argp_error(state, "%s takes %s", actions[i].name, actions[i].form);
        return 0;
    }
    argp_error(state, "unknown action '%s': init, issue, show, check, renew or bundle",
               request->texts[0]);
    return EINVAL;
}

static error_t add_text(struct request *request, struct argp_state *state, const char *text)
{
    if (request->count == 3)
        argp_error(state, "too many arguments: '%s'", text);
    request->texts[request->count++] = text;
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;

    switch (key) {
    case 'd':
        request->directory = arg;
        return 0;
    case 's':
        if (request->options.san_count == SANS_MAX)
            argp_error(state, "at most %d names", SANS_MAX);
        request->sans[request->options.san_count++] = arg;
        return 0;
    case 'c':
        request->options.usage = ENOKI_TLS_CLIENT;
        return 0;
    case 'S':
        request->options.usage = ENOKI_TLS_SERVER;
        return 0;
    case 'b':
        request->options.usage = ENOKI_TLS_BOTH;
        return 0;
    case 'D':
        request->options.days = number(state, arg);
        return 0;
    case 'r':
        request->options.rsa_bits = number(state, arg);
        return 0;
    case 'n':
        request->options.ca_name = arg;
        return 0;
    case 'H':
        request->host = arg;
        return 0;
    case 'f':
        request->options.force = 1;
        return 0;
    case 'j':
        request->json = 1;
        return 0;
    case ARGP_KEY_ARG:
        return add_text(request, state, arg);
    case ARGP_KEY_END:
        return check_texts(request, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int show(const struct request *request, int *status_out, struct enoki_error *err)
{
    struct enoki_tls_info info;
    int rc = enoki_tls_inspect(request->directory, request->texts[1], &info, err);

    if (rc == 0)
        *status_out = print_certificate(&info, request->json);
    return rc;
}

static int check(const struct request *request)
{
    struct fault_list faults = {0};
    int count =
        enoki_tls_check(request->directory, request->texts[1], request->host, add_fault, &faults);
    int status = print_faults(request->texts[1], &faults, request->json);

    free_faults(&faults);
    return count > 0 ? 1 : status;
}

/* Says where the files are, unless a program asks. */
static void tell(const struct request *request)
{
    struct enoki_tls_info info;
    const char *name = request->action == INIT ? "ca" : request->texts[1];
    const char *folder = request->action == BUNDLE ? request->texts[2] : request->directory;
    char date[32] = "";
    struct tm parts;
    time_t expires;

    if (enoki_tls_inspect(folder, name, &info, NULL) != 0)
        return;
    expires = (time_t)info.expires;
    if (gmtime_r(&expires, &parts) != NULL)
        (void)strftime(date, sizeof(date), "%Y-%m-%d", &parts);
    (void)printf("%s/%s.crt: %s, valid until %s\n", folder, name, info.name, date);
}

static int run(const struct request *request, int *status_out, struct enoki_error *err)
{
    const char *directory = request->directory, *name = request->texts[1];
    int rc = 0;

    switch (request->action) {
    case INIT:
        rc = enoki_tls_init(directory, &request->options, err);
        break;
    case ISSUE:
        rc = enoki_tls_issue(directory, name, &request->options, err);
        break;
    case RENEW:
        rc = enoki_tls_renew(directory, name, request->options.days, err);
        break;
    case BUNDLE:
        rc = enoki_tls_bundle(directory, name, request->texts[2], request->options.force, err);
        break;
    case SHOW:
        return show(request, status_out, err);
    default:
        *status_out = check(request);
        return 0;
    }
    if (rc == 0)
        tell(request);
    return rc;
}

const struct argp certs_argp = {
    options,
    parse,
    "init\nissue NAME\nshow NAME\ncheck NAME\nrenew NAME\nbundle NAME OUT",
    "Makes and looks after TLS certificates in one folder: a CA (ca.crt, and its key in "
    "ca/ca.key), and NAME.crt and NAME.key that it issued. `bundle` copies what a node needs "
    "to the folder OUT, without the CA's key.\vExit status: 0, 1 for a failure (check: a fault "
    "was found), 2 for a usage error.",
    NULL,
    NULL,
    NULL,
};

int certs_command(int argc, char **argv)
{
    const struct enoki_tls_options defaults = ENOKI_TLS_OPTIONS_INIT;
    struct request request = {.directory = ".", .options = defaults};
    struct enoki_error err = ENOKI_ERROR_INIT;
    int status = 0;

    request.options.sans = request.sans;
    if (argp_parse(&certs_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    if (run(&request, &status, &err) == 0)
        return status;
    return say_failure(&err);
}
