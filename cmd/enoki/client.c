#include "client.h"

#include "terminal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_DEFAULT "http://127.0.0.1:8080"
#define ANSWER_MAX_BYTES (64u << 20)
#define TOKEN_MAX_BYTES 1024u
#define CONNECT_LIMIT_MS 10000L

struct client {
    struct client_options options;
    char *base; /* "http://HOST:PORT", without a slash at its end */
    char *host;
    const char *socket; /* NULL: TCP */
    struct curl_slist *headers;
};

/* --- options ------------------------------------------------------------------------------------
 */

static const struct argp_option argp_options[] = {
    {NULL, 0, NULL, 0, "Where the node is:", 10},
    {"management", 'm', "URL", 0,
     "Its management address, http://, https:// or unix:PATH (ENOKI_MANAGEMENT; default "
     "http://127.0.0.1:8080)",
     10},
    {"token-file", 1001, "FILE", 0, "The node's token (ENOKI_TOKEN_FILE)", 10},
    {"ca", 1002, "FILE", 0, "Whom to believe with https (ENOKI_CA)", 10},
    {"cert", 1003, "FILE", 0, "Our certificate (ENOKI_CERT)", 10},
    {"key", 1004, "FILE", 0, "Its key (ENOKI_KEY)", 10},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct client_options *options = state->input;

    switch (key) {
    case 'm':
        options->url = arg;
        return 0;
    case 1001:
        options->token_file = arg;
        return 0;
    case 1002:
        options->ca = arg;
        return 0;
    case 1003:
        options->certificate = arg;
        return 0;
    case 1004:
        options->key = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp client_argp = {argp_options, parse, NULL, NULL, NULL, NULL, NULL};
const struct argp_child client_children[] = {{&client_argp, 0, NULL, 0}, {0}};

static void take_environment(const char **value, const char *name)
{
    const char *text = getenv(name);

    if (*value == NULL && text != NULL && text[0] != '\0')
        *value = text;
}

/* --- life ---------------------------------------------------------------------------------------
 */

static int add_header(struct client *client, const char *header, struct enoki_error *err)
{
    struct curl_slist *longer = curl_slist_append(client->headers, header);

    if (longer == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for a header");
    client->headers = longer;
    return 0;
}

static int read_token(struct client *client, struct enoki_error *err)
{
    char header[TOKEN_MAX_BYTES + 32] = "Authorization: Bearer ";
    size_t skip = strlen(header), len;
    FILE *file = fopen(client->options.token_file, "re");
    int rc;

    if (file == NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "--token-file %.300s: %s",
                               client->options.token_file, strerrordesc_np(errno));
    len = fread(header + skip, 1, TOKEN_MAX_BYTES, file);
    (void)fclose(file);
    while (len > 0 && isspace((unsigned char)header[skip + len - 1]))
        len--;
    header[skip + len] = '\0';
    if (len == 0 || strpbrk(header + skip, "\r\n") != NULL)
        rc = enoki_error_set(err, ENOKI_EINVAL,
                             "--token-file %.300s: no token in it, which is one "
                             "line",
                             client->options.token_file);
    else
        rc = add_header(client, header, err);
    explicit_bzero(header, sizeof(header));
    return rc;
}

/* Splits the address; a path behind it is refused, since paths are ours. */
static int read_url(struct client *client, struct enoki_error *err)
{
    const char *url = client->options.url, *host, *end, *colon;
    size_t len;

    if (strncasecmp(url, "unix:", 5) == 0) {
        client->socket = url + 5;
        client->base = strdup("http://localhost");
        client->host = strdup("127.0.0.1");
        return client->base == NULL || client->host == NULL ? ENOKI_ENOMEM : 0;
    }
    host = strstr(url, "://");
    if (host == NULL ||
        (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "-m '%.200s': allowed: http://HOST:PORT, https://HOST:PORT or "
                               "unix:PATH",
                               url);
    host += 3;
    len = strcspn(host, "/?#@");
    if (len == 0 || (host[len] != '\0' && strcmp(host + len, "/") != 0))
        return enoki_error_set(err, ENOKI_EINVAL, "-m '%.200s': nothing may follow HOST:PORT", url);
    end = host + len;
    colon = memrchr(host, ':', len);
    if (colon != NULL && (host[0] != '[' || colon[-1] == ']'))
        end = colon;
    client->base = strndup(url, (size_t)(host + len - url));
    client->host = strndup(host, (size_t)(end - host));
    return client->base == NULL || client->host == NULL ? ENOKI_ENOMEM : 0;
}

int client_new(struct client **out, struct client_options *options, struct enoki_error *err)
{
    struct client *client = calloc(1, sizeof(*client));
    int rc;

    if (client == NULL || curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        free(client);
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for HTTP");
    }
    take_environment(&options->url, "ENOKI_MANAGEMENT");
    take_environment(&options->token_file, "ENOKI_TOKEN_FILE");
    take_environment(&options->ca, "ENOKI_CA");
    take_environment(&options->certificate, "ENOKI_CERT");
    take_environment(&options->key, "ENOKI_KEY");
    if (options->url == NULL)
        options->url = URL_DEFAULT;
    client->options = *options;
    rc = read_url(client, err);
    if (rc == ENOKI_ENOMEM)
        (void)enoki_error_set(err, rc, "no memory for the address");
    if (rc == 0 && options->token_file != NULL)
        rc = read_token(client, err);
    if (rc == 0)
        rc = add_header(client, "Content-Type: application/json", err);
    if (rc == 0)
        rc = add_header(client, "Expect:", err);
    if (rc != 0) {
        client_free(client);
        return rc;
    }
    *out = client;
    return 0;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    curl_slist_free_all(client->headers);
    free(client->base);
    free(client->host);
    free(client);
    curl_global_cleanup();
}

const char *client_host(const struct client *client)
{
    return client->host;
}

/* --- asking -------------------------------------------------------------------------------------
 */

bool answer_add(struct answer *answer, const void *bytes, size_t len, size_t most)
{
    char *body = len > most - answer->len ? NULL : realloc(answer->body, answer->len + len + 1);

    if (body == NULL)
        return false;
    memcpy(body + answer->len, bytes, len);
    answer->body = body;
    answer->len += len;
    body[answer->len] = '\0';
    return true;
}

static size_t keep(char *bytes, size_t size, size_t count, void *context)
{
    return answer_add(context, bytes, size * count, ANSWER_MAX_BYTES) ? size * count : 0;
}

void client_set_tls(const struct client *client, CURL *handle)
{
    const struct client_options *options = &client->options;

    if (options->ca != NULL)
        (void)curl_easy_setopt(handle, CURLOPT_CAINFO, options->ca);
    if (options->certificate != NULL)
        (void)curl_easy_setopt(handle, CURLOPT_SSLCERT, options->certificate);
    if (options->key != NULL)
        (void)curl_easy_setopt(handle, CURLOPT_SSLKEY, options->key);
}

CURL *client_prepare(struct client *client, const char *method, const char *path,
                     struct answer *answer)
{
    CURL *handle = curl_easy_init();
    char *url = NULL;
    CURLcode code;

    *answer = (struct answer){.status = 0};
    if (handle == NULL || asprintf(&url, "%s%s", client->base, path) < 0) {
        curl_easy_cleanup(handle);
        return NULL;
    }
    code = curl_easy_setopt(handle, CURLOPT_URL, url); /* copied */
    free(url);
    if (code != CURLE_OK) {
        curl_easy_cleanup(handle);
        return NULL;
    }
    if (client->socket != NULL)
        (void)curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, client->socket);
    if (strcmp(method, "GET") != 0) {
        (void)curl_easy_setopt(handle, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, 0L);
    }
    (void)curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(handle, CURLOPT_HTTPHEADER, client->headers);
    (void)curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_LIMIT_MS);
    (void)curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, client->options.limit_ms);
    (void)curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, keep);
    (void)curl_easy_setopt(handle, CURLOPT_WRITEDATA, answer);
    client_set_tls(client, handle);
    return handle;
}

int client_explain(CURLcode code, const char *url, const char *nobody, struct enoki_error *err)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return enoki_error_set(err, ENOKI_EUNAVAILABLE, nobody, url);
    case CURLE_OPERATION_TIMEDOUT:
        return enoki_error_set(err, ENOKI_ETIMEOUT, "%.200s did not answer in time", url);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CONNECT_ERROR:
        return enoki_error_set(err, ENOKI_ETLS, "%.200s: %s: see --ca, --cert and --key", url,
                               curl_easy_strerror(code));
    case CURLE_WRITE_ERROR:
        return enoki_error_set(err, ENOKI_ELIMIT, "%.200s: the answer is too long", url);
    default:
        return enoki_error_set(err, ENOKI_EPROTO, "%.200s: %s", url, curl_easy_strerror(code));
    }
}

int client_finish(const struct client *client, CURL *handle, CURLcode code, struct answer *answer,
                  struct enoki_error *err)
{
    if (code != CURLE_OK)
        return client_explain(code, client->options.url,
                              "no node answers at %.200s: start one with enoki-run -c FILE (with "
                              "listen.management in it), or say where it is with -m",
                              err);
    (void)curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer->status);
    if (answer->body == NULL)
        answer->body = calloc(1, 1);
    return answer->body == NULL ? enoki_error_set(err, ENOKI_ENOMEM, "no memory") : 0;
}

/* The node's own words. */
static int refused(const struct client *client, struct answer *answer, struct enoki_error *err)
{
    while (answer->len > 0 && isspace((unsigned char)answer->body[answer->len - 1]))
        answer->body[--answer->len] = '\0';
    make_printable(answer->body, answer->len);
    if (answer->status == 401)
        return enoki_error_set(err, ENOKI_EDENIED,
                               "the node at %.200s wants its token: --token-file, or "
                               "ENOKI_TOKEN_FILE%s",
                               client->options.url,
                               client->options.token_file == NULL ? "" : "; this one is wrong");
    if (answer->len == 0)
        return enoki_error_set(err, ENOKI_EFUNCTION, "the node answered %ld", answer->status);
    return enoki_error_set(err, answer->status == 403 ? ENOKI_EDENIED : ENOKI_EFUNCTION, "%s",
                           answer->body);
}

int client_try(struct client *client, const char *method, const char *path, const char *body,
               struct answer *out, struct enoki_error *err)
{
    CURL *handle = client_prepare(client, method, path, out);
    int rc;

    if (handle == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for a request");
    if (body != NULL) {
        (void)curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        (void)curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body);
    }
    rc = client_finish(client, handle, curl_easy_perform(handle), out, err);
    curl_easy_cleanup(handle);
    if (rc != 0)
        answer_fini(out);
    return rc;
}

int client_check(const struct client *client, struct answer *answer, struct enoki_error *err)
{
    return answer->status == 200 ? 0 : refused(client, answer, err);
}

int client_ask(struct client *client, const char *method, const char *path, const char *body,
               struct answer *out, struct enoki_error *err)
{
    int rc = client_try(client, method, path, body, out, err);

    if (rc == 0)
        rc = client_check(client, out, err);
    if (rc != 0)
        answer_fini(out);
    return rc;
}

void answer_fini(struct answer *answer)
{
    free(answer->body);
    *answer = (struct answer){.status = 0};
}

struct stream {
    CURL *handle;
    client_sink_fn sink;
    void *context;
    struct answer refusal;
    bool ended; /* by the sink */
};

static size_t pass_on(char *bytes, size_t size, size_t count, void *context)
{
    struct stream *stream = context;
    long status = 0;

    (void)curl_easy_getinfo(stream->handle, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return keep(bytes, size, count, &stream->refusal);
    stream->ended = !stream->sink(stream->context, bytes, size * count);
    return stream->ended ? 0 : size * count;
}

int client_stream(struct client *client, const char *path, client_sink_fn sink, void *context,
                  struct enoki_error *err)
{
    struct stream stream = {.sink = sink, .context = context};
    CURLcode code;
    int rc;

    stream.handle = client_prepare(client, "GET", path, &stream.refusal);
    if (stream.handle == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for a request");
    (void)curl_easy_setopt(stream.handle, CURLOPT_WRITEFUNCTION, pass_on);
    (void)curl_easy_setopt(stream.handle, CURLOPT_WRITEDATA, &stream);
    code = curl_easy_perform(stream.handle);
    rc = stream.ended ? 0 : client_finish(client, stream.handle, code, &stream.refusal, err);
    if (rc == 0 && !stream.ended)
        rc = client_check(client, &stream.refusal, err);
    curl_easy_cleanup(stream.handle);
    answer_fini(&stream.refusal);
    return rc;
}
