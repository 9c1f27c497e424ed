/* The module "remote": calls functions of other nodes over HTTP, by libcurl. */
#include "invoke/answer.h"
#include "invoke/remote.h"

#include "base/buffer.h"
#include "wire/http_chars.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The called side has its own limits; these keep one that is out of its mind in bounds. */
#define BODY_MAX_BYTES (64u << 20)
#define HEADERS_MAX_BYTES (256u << 10)
#define KEPT_BYTES (1u << 20)
#define LINE_MAX_BYTES 65536u

struct en_remote {
    CURL *handle;
    struct en_buffer headers; /* "Name: value\r\n" of the answer */
    struct en_buffer body;
    struct en_buffer line;
    int failed; /* while the answer was taken */
    char message[CURL_ERROR_SIZE];
};

static CURLcode started;

static void start(void)
{
    started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void close_client(struct en_remote *remote)
{
    if (remote->handle != NULL)
        curl_easy_cleanup(remote->handle);
    en_buffer_fini(&remote->headers);
    en_buffer_fini(&remote->body);
    en_buffer_fini(&remote->line);
    free(remote);
}

static int open_client(struct en_remote **out, struct enoki_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct en_remote *remote = calloc(1, sizeof(*remote));

    (void)pthread_once(&once, start);
    if (remote != NULL && started == CURLE_OK)
        remote->handle = curl_easy_init();
    if (remote == NULL || remote->handle == NULL) {
        free(remote);
        return enoki_error_set(err, started != CURLE_OK ? ENOKI_EIO : ENOKI_ENOMEM,
                               "libcurl does not start: %s",
                               started != CURLE_OK ? curl_easy_strerror(started) : "out of memory");
    }
    remote->headers.max = HEADERS_MAX_BYTES;
    remote->body.max = BODY_MAX_BYTES;
    remote->line.max = LINE_MAX_BYTES;
    *out = remote;
    return 0;
}

/* --- what comes ---------------------------------------------------------------------------------
 */

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct en_remote *remote = context;

    remote->failed = en_buffer_append(&remote->body, bytes, size * count);
    return remote->failed == 0 ? size * count : 0;
}

/* A status line begins a new answer: what came before was a 100. */
static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct en_remote *remote = context;
    size_t len = size * count;

    if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0)
        remote->headers.len = 0;
    else if (len > 2 && memchr(bytes, ':', len) != NULL && memchr(bytes, '\0', len) == NULL)
        remote->failed = en_buffer_append(&remote->headers, bytes, len);
    return remote->failed == 0 ? len : 0;
}

/* Of the connection, not of the answer. */
static bool is_hop(struct en_text name)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "connection", "date",
                                        "keep-alive"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (en_http_equals(name.data, name.len, names[i]))
            return true;
    return false;
}

static size_t split_headers(const struct en_buffer *lines, struct en_header *headers)
{
    const char *line = lines->len == 0 ? "" : lines->data, *end = line + lines->len;
    size_t count = 0;

    while (line < end && count < EN_HEADERS_MAX) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *next = stop == NULL ? end : stop + 1;
        const char *colon = memchr(line, ':', (size_t)(next - line));
        const char *value = colon == NULL ? next : colon + 1, *last = next;

        while (value < last && strchr(" \t", *value) != NULL)
            value++;
        while (last > value && strchr(" \t\r\n", last[-1]) != NULL)
            last--;
        if (colon != NULL) {
            headers[count].name = (struct en_text){line, (size_t)(colon - line)};
            headers[count].value = (struct en_text){value, (size_t)(last - value)};
            count += is_hop(headers[count].name) ? 0 : 1;
        }
        line = next;
    }
    return count;
}

static int make_answer(struct en_remote *remote, const struct en_remote_call *call,
                       struct enoki_answer **out, struct enoki_error *err)
{
    struct en_header headers[EN_HEADERS_MAX];
    size_t count = split_headers(&remote->headers, headers);
    long status = 0;
    int rc = 0;

    (void)curl_easy_getinfo(remote->handle, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 599)
        return enoki_error_set(err, ENOKI_EPROTO, "%.200s answers with status %ld, which is none",
                               call->url, status);
    rc = en_answer_new(
        out, (int)status, headers, count,
        (struct en_text){remote->body.data == NULL ? "" : remote->body.data, remote->body.len});
    return rc == 0 ? 0 : enoki_error_set(err, rc, "out of memory for an answer");
}

/* --- what goes ----------------------------------------------------------------------------------
 */

static bool add_line(struct curl_slist **lines, const char *line)
{
    struct curl_slist *more = curl_slist_append(*lines, line);

    if (more != NULL)
        *lines = more;
    return more != NULL;
}

/* NULL: out of memory. */
static struct curl_slist *make_headers(struct en_remote *remote, const struct en_remote_call *call)
{
    struct curl_slist *lines = NULL;
    /* Sent by libcurl unless told otherwise: a round trip for nothing, and a type that is a guess.
     */
    bool failed = !add_line(&lines, "Expect:");
    bool has_type = false;

    for (size_t i = 0; i < call->header_count && !failed; i++) {
        const struct en_header *header = &call->headers[i];

        has_type = has_type || en_http_equals(header->name.data, header->name.len, "content-type");
        remote->line.len = 0;
        failed = en_buffer_append(&remote->line, header->name.data, header->name.len) != 0 ||
                 en_buffer_append(&remote->line, header->value.len == 0 ? ";" : ": ",
                                  header->value.len == 0 ? 1 : 2) != 0 ||
                 en_buffer_append(&remote->line, header->value.data, header->value.len) != 0 ||
                 !add_line(&lines, remote->line.data);
    }
    if (!failed && !has_type)
        failed = !add_line(&lines, "Content-Type:");
    if (failed) {
        curl_slist_free_all(lines);
        return NULL;
    }
    return lines;
}

static bool set_target(struct en_remote *remote, const struct en_remote_call *call)
{
    CURL *handle = remote->handle;

    remote->line.len = 0;
    return en_buffer_appendf(&remote->line, "%s%.*s%s%.*s", call->url, (int)call->subpath.len,
                             call->subpath.data, call->query.len > 0 ? "?" : "",
                             (int)call->query.len, call->query.data) == 0 &&
           curl_easy_setopt(handle, CURLOPT_URL, remote->line.data) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           /* A node is called by its address, not by way of a proxy. */
           curl_easy_setopt(handle, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
               CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS,
                            (long)(call->timeout_ms > INT32_MAX ? INT32_MAX : call->timeout_ms)) ==
               CURLE_OK &&
           (call->ca == NULL || curl_easy_setopt(handle, CURLOPT_CAINFO, call->ca) == CURLE_OK) &&
           curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
}

static bool set_body(struct en_remote *remote, const struct en_remote_call *call)
{
    CURL *handle = remote->handle;
    bool is_head = strcmp(call->method, "HEAD") == 0;
    bool is_get = strcmp(call->method, "GET") == 0 && call->body.len == 0;
    CURLcode code = CURLE_OK;

    if (is_head)
        return curl_easy_setopt(handle, CURLOPT_NOBODY, 1L) == CURLE_OK;
    if (!is_get)
        code = curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    if (!is_get && code == CURLE_OK)
        code = curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call->body.data);
    return code == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK;
}

static bool set_sinks(struct en_remote *remote, const struct curl_slist *lines)
{
    CURL *handle = remote->handle;

    return curl_easy_setopt(handle, CURLOPT_HTTPHEADER, lines) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_USERAGENT, "enoki/" ENOKI_VERSION) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, remote->message) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_WRITEDATA, remote) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_HEADERDATA, remote) == CURLE_OK;
}

static int explain(const struct en_remote *remote, CURLcode code, const char *url,
                   struct enoki_error *err)
{
    int status = ENOKI_EUNAVAILABLE;

    if (remote->failed != 0)
        return enoki_error_set(err, remote->failed, "the answer of %.200s is too long: %s", url,
                               enoki_error_text(remote->failed));
    if (code == CURLE_OPERATION_TIMEDOUT)
        return enoki_error_set(err, ENOKI_ETIMEOUT, "%.200s did not answer in time", url);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return enoki_error_set(err, ENOKI_ETLS,
                               "%.200s shows a certificate that is not believed: %.150s; name its "
                               "CA with remotes_ca or --remote-ca",
                               url, remote->message);
    if (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_CACERT_BADFILE)
        status = ENOKI_ETLS;
    else if (code == CURLE_URL_MALFORMAT)
        status = ENOKI_EINVAL;
    else if (code == CURLE_OUT_OF_MEMORY)
        status = ENOKI_ENOMEM;
    else if (code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL)
        status = ENOKI_EPROTO;
    return enoki_error_set(err, status, "%.200s cannot be called: %.200s", url,
                           remote->message[0] != '\0' ? remote->message : curl_easy_strerror(code));
}

static int call_it(struct en_remote *remote, const struct en_remote_call *call,
                   struct enoki_answer **out, struct enoki_error *err)
{
    struct curl_slist *lines;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    int rc;

    if (call->timeout_ms == 0)
        return enoki_error_set(err, ENOKI_ETIMEOUT, "%.200s: no time is left for the call",
                               call->url);
    curl_easy_reset(remote->handle); /* connections stay */
    remote->headers.len = 0;
    en_buffer_clear(&remote->body, KEPT_BYTES);
    remote->failed = 0;
    remote->message[0] = '\0';
    lines = make_headers(remote, call);
    if (lines != NULL && set_target(remote, call) && set_body(remote, call) &&
        set_sinks(remote, lines))
        code = curl_easy_perform(remote->handle);
    rc = code == CURLE_OK ? make_answer(remote, call, out, err)
                          : explain(remote, code, call->url, err);
    curl_slist_free_all(lines);
    return rc;
}

extern EN_MODULE_EXPORT const struct en_remote_ops enoki_module;
const struct en_remote_ops enoki_module = {
    .module = {.name = "remote", .version = ENOKI_VERSION},
    .open = open_client,
    .call = call_it,
    .close = close_client,
};
