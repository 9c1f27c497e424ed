#include "calls.h"
#include "commands.h"
#include "functions.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX 64u
#define BODY_MAX_BYTES (256u << 20)
#define CONCURRENCY_MAX 256u
#define COUNT_MAX 10000000u

struct request {
    struct client_options node;
    const char *protocol, *url, *data;
    struct call call;
    const char *headers[HEADERS_MAX];
    bool timing;
    unsigned long timeout_s;
    struct load_options load;
    char base[256];
};

static const struct argp_option options[] = {
    {"data", 'd', "DATA", 0, "The body: text, @FILE, or @- for standard input", 0},
    {"request", 'X', "METHOD", 0, "The method (default POST); not for gRPC", 0},
    {"header", 'H', "NAME: VALUE", 0, "A header, or metadata of gRPC; repeatable", 0},
    {"async", 'a', NULL, 0, "Do not wait for the answer, only until the call is accepted", 0},
    {"protocol", 'p', "http|grpc|coap", 0, "Over what (default http)", 0},
    {"url", 'u', "URL", 0,
     "Where functions are called, such as http://10.0.0.5:8000 (default: the node is asked)", 0},
    {"timeout", 2, "SECONDS", 0, "How long to wait for the answer (default 60)", 0},
    {"psk", 3, "FILE", 0, "CoAP over DTLS: a line IDENTITY:HEXKEY", 0},
    {"timing", 't', NULL, 0, "Tell status and times on standard error", 0},
    {"repeat", 'r', "N", 0, "Call so often; prints rate and times instead of answers", 0},
    {"concurrency", 'c', "N", 0, "So many calls at once (with --repeat; default 1)", 0},
    {0},
};

static unsigned long number(struct argp_state *state, const char *option, const char *text,
                            unsigned long most)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || value == 0 ||
        value > most)
        argp_error(state, "%s '%s': allowed: 1 to %lu", option, text, most);
    return value;
}

static void take_header(struct request *request, const char *text, struct argp_state *state)
{
    const char *colon = strchr(text, ':');

    if (colon == NULL || colon == text || strpbrk(text, "\r\n") != NULL ||
        request->call.header_count == HEADERS_MAX)
        argp_error(state, "-H '%s': allowed: NAME: VALUE, at most %u times", text, HEADERS_MAX);
    else
        request->headers[request->call.header_count++] = text;
}

static void take_protocol(struct request *request, const char *text, struct argp_state *state)
{
    if (strcmp(text, "http") != 0 && strcmp(text, "grpc") != 0 && strcmp(text, "coap") != 0)
        argp_error(state, "-p '%s': allowed: http, grpc, coap", text);
    request->protocol = text;
}

/* A URL tells its protocol. */
static error_t take_end(struct request *request, struct argp_state *state)
{
    static const char *const protocols[] = {"http", "grpc", "coap"};

    for (size_t i = 0; request->protocol == NULL && i < 3; i++) {
        if (request->url == NULL || strncmp(request->url, protocols[i], 4) == 0)
            request->protocol = protocols[i];
    }
    if (request->protocol == NULL)
        argp_error(state, "--url '%s': allowed: http://, grpc:// or coap:// and HOST:PORT",
                   request->url);
    if (strlen(request->call.method) > 20 ||
        strspn(request->call.method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(request->call.method))
        argp_error(state, "-X '%s': a method is capital letters", request->call.method);
    if (request->call.function == NULL)
        argp_error(state, "the NAME of a function is required");
    if (strcmp(request->protocol, "coap") == 0 && request->load.concurrency > 1)
        argp_error(state, "CoAP calls are made one after the other: leave -c out");
    return 0;
}

/* How the call is made, not what it is. */
static error_t parse_manner(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;

    switch (key) {
    case 2:
        request->timeout_s = number(state, "--timeout", arg, 86400);
        return 0;
    case 3:
        request->call.psk_file = arg;
        return 0;
    case 't':
        request->timing = true;
        return 0;
    case 'r':
        request->load.count = number(state, "--repeat", arg, COUNT_MAX);
        return 0;
    case 'c':
        request->load.concurrency = number(state, "--concurrency", arg, CONCURRENCY_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &request->node;
        return 0;
    case 'd':
        request->data = arg;
        return 0;
    case 'X':
        request->call.method = arg;
        return 0;
    case 'H':
        take_header(request, arg, state);
        return 0;
    case 'a':
        request->call.is_async = true;
        return 0;
    case 'p':
        take_protocol(request, arg, state);
        return 0;
    case 'u':
        request->url = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (request->call.function != NULL)
            argp_error(state, "too many arguments: '%s'; the body is given with -d", arg);
        request->call.function = arg;
        return 0;
    case ARGP_KEY_END:
        return take_end(request, state);
    default:
        return parse_manner(key, arg, state);
    }
}

const struct argp invoke_argp = {
    options,
    parse,
    "NAME",
    "Calls a function as its users do, over any protocol that the node listens on, and writes the "
    "answer to standard output." EXIT_STATUS,
    client_children,
    NULL,
    NULL,
};

/* --- the body -----------------------------------------------------------------------------------
 */

static int read_stream(FILE *file, const char *name, char **out, size_t *len_out,
                       struct enoki_error *err)
{
    char *bytes = NULL;
    size_t len = 0, room = 0;

    for (;;) {
        size_t got;

        if (len == room) {
            char *longer = room >= BODY_MAX_BYTES ? NULL : realloc(bytes, room = room * 2 + 65536);

            if (longer == NULL) {
                free(bytes);
                return enoki_error_set(err, ENOKI_ELIMIT, "-d @%.300s: allowed: %u MiB", name,
                                       BODY_MAX_BYTES >> 20);
            }
            bytes = longer;
        }
        got = fread(bytes + len, 1, room - len, file);
        len += got;
        if (got == 0)
            break;
    }
    if (ferror(file) != 0) {
        free(bytes);
        return enoki_error_set(err, ENOKI_EINVAL, "-d @%.300s: %s", name, strerrordesc_np(errno));
    }
    *out = bytes;
    *len_out = len;
    return 0;
}

/* *owned_out is to be freed. */
static int read_data(struct request *request, char **owned_out, struct enoki_error *err)
{
    const char *data = request->data;
    FILE *file;
    int rc;

    if (data == NULL)
        return 0;
    if (data[0] != '@') {
        request->call.body = data;
        request->call.len = strlen(data);
        return 0;
    }
    file = strcmp(data, "@-") == 0 ? stdin : fopen(data + 1, "re");
    if (file == NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "-d %.300s: %s", data, strerrordesc_np(errno));
    rc = read_stream(file, data + 1, owned_out, &request->call.len, err);
    if (file != stdin)
        (void)fclose(file);
    request->call.body = *owned_out;
    return rc;
}

/* --- where --------------------------------------------------------------------------------------
 */

/* A node that listens on every address is called where it is managed. */
static int set_base(struct request *request, const struct client *client, const char *url,
                    struct enoki_error *err)
{
    static const char *const any[] = {"://0.0.0.0:", "://[::]:"};
    int len = snprintf(request->base, sizeof(request->base), "%s", url);

    for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
        const char *at = strstr(url, any[i]);

        if (at != NULL)
            len = snprintf(request->base, sizeof(request->base), "%.*s://%s:%s", (int)(at - url),
                           url, client_host(client), at + strlen(any[i]));
    }
    if (len < 0 || (size_t)len >= sizeof(request->base))
        return enoki_error_set(err, ENOKI_EINVAL, "'%.60s...' is too long for an address", url);
    if (len > 0 && request->base[len - 1] == '/')
        request->base[len - 1] = '\0';
    request->call.base = request->base;
    return 0;
}

/* "http", or "https" where only that is there. */
static const char *endpoint(json_object *answer, const char *protocol)
{
    json_object *endpoints = NULL, *url = NULL;
    char secure[16];

    (void)snprintf(secure, sizeof(secure), "%ss", protocol);
    if (!json_object_object_get_ex(answer, "endpoints", &endpoints) ||
        (!json_object_object_get_ex(endpoints, protocol, &url) &&
         !json_object_object_get_ex(endpoints, secure, &url)) ||
        !json_object_is_type(url, json_type_string))
        return NULL;
    return json_object_get_string(url);
}

static int ask_where(struct request *request, struct client *client, struct enoki_error *err)
{
    json_object *answer = NULL;
    const char *url;
    int rc = functions_get(client, "/functions", &answer, err);

    if (rc != 0)
        return rc;
    url = endpoint(answer, request->protocol);
    rc = url == NULL
             ? enoki_error_set(err, ENOKI_EUNAVAILABLE,
                               "this node does not listen for %s: listen = { %s = "
                               "\"ADDRESS:PORT\"; } in its file makes it, or say where with "
                               "--url",
                               request->protocol, request->protocol)
             : set_base(request, client, url, err);
    json_object_put(answer);
    return rc;
}

static int find_where(struct request *request, struct client *client, struct enoki_error *err)
{
    const char *gap = request->url == NULL ? NULL : strstr(request->url, "://");
    size_t len = strlen(request->protocol);

    if (request->url == NULL)
        return ask_where(request, client, err);
    if (gap == NULL || strncmp(request->url, request->protocol, len) != 0 ||
        (request->url + len != gap && strncmp(request->url + len, "s://", 4) != 0))
        return enoki_error_set(err, ENOKI_EINVAL, "--url '%.100s': allowed: %s://HOST:PORT",
                               request->url, request->protocol);
    return set_base(request, client, request->url, err);
}

/* --- calling ------------------------------------------------------------------------------------
 */

static int call_once(const struct request *request, struct outcome *outcome,
                     struct enoki_error *err)
{
    struct transfer *transfer = NULL;
    int rc;

    if (strcmp(request->protocol, "coap") == 0)
        return coap_call(&request->call, outcome, err);
    rc = transfer_new(&transfer, &request->call, request->load.is_grpc, err);
    if (rc == 0)
        rc = transfer_finish(transfer, curl_easy_perform(transfer_handle(transfer)), outcome, err);
    transfer_free(transfer);
    return rc;
}

static int print_outcome(const struct request *request, struct outcome *outcome)
{
    const char *name = request->call.function;

    if (request->timing)
        (void)fprintf(stderr,
                      "%s; connected after %.2f ms, first byte %.2f ms, all %.2f ms; %zu "
                      "bytes\n",
                      outcome->status, outcome->connect_ms, outcome->first_ms, outcome->total_ms,
                      outcome->len);
    if (outcome->ok) {
        if (outcome->len > 0)
            (void)fwrite(outcome->body, 1, outcome->len, stdout);
        if (outcome->len > 0 && isatty(STDOUT_FILENO) && outcome->body[outcome->len - 1] != '\n')
            (void)putchar('\n');
        return finish_output();
    }
    while (outcome->len > 0 && isspace((unsigned char)outcome->body[outcome->len - 1]))
        outcome->len--;
    if (outcome->len > 0)
        make_printable(outcome->body, outcome->len);
    say_error("'%s' answered %s%s%.*s", name, outcome->status, outcome->len > 0 ? ": " : "",
              (int)(outcome->len < 4096 ? outcome->len : 4096),
              outcome->len > 0 ? outcome->body : "");
    return 1;
}

static int run(struct request *request, struct client *client, struct enoki_error *err)
{
    struct outcome outcome = {.ok = false};
    int rc = find_where(request, client, err), status;

    if (rc != 0)
        return say_failure(err);
    if (request->load.count > 0)
        return load_run(&request->call, &request->load);
    rc = call_once(request, &outcome, err);
    status = rc == 0 ? print_outcome(request, &outcome) : say_failure(err);
    outcome_fini(&outcome);
    return status;
}

int invoke_command(int argc, char **argv)
{
    static struct request request = {.call.method = "POST", .timeout_s = 60, .load.concurrency = 1};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct client *client = NULL;
    char path[300], *owned = NULL;
    int status;

    if (argp_parse(&invoke_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    request.node.limit_ms = ANSWER_LIMIT_MS;
    request.call.timeout_ms = (long)request.timeout_s * 1000;
    request.call.headers = request.headers;
    request.load.is_grpc = strcmp(request.protocol, "grpc") == 0;
    if (function_path(path, sizeof(path), request.call.function, &err) != 0 ||
        read_data(&request, &owned, &err) != 0 || client_new(&client, &request.node, &err) != 0) {
        status = say_failure(&err);
    } else {
        request.call.tls = client;
        status = run(&request, client, &err);
    }
    free(owned);
    client_free(client);
    return status;
}
