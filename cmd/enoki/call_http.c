#include "calls.h"

#include <stdlib.h>
#include <string.h>

#define REPLY_MAX_BYTES (256u << 20)
#define CONNECT_LIMIT_MS 10000L

struct transfer {
    const struct call *call;
    bool is_grpc;
    CURL *handle;
    struct curl_slist *headers;
    char *frame; /* gRPC's message; NULL: the call's body is sent as it is */
    struct grpc_end end;
    struct answer reply;
};

static size_t keep(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;

    return answer_add(&transfer->reply, bytes, size * count, REPLY_MAX_BYTES) ? size * count : 0;
}

static size_t read_header(char *line, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;

    if (transfer->is_grpc)
        grpc_read_header(&transfer->end, line, size * count);
    return size * count;
}

static bool add_header(struct transfer *transfer, const char *header)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, header);

    if (longer == NULL)
        return false;
    transfer->headers = longer;
    return true;
}

static bool add_headers(struct transfer *transfer)
{
    const struct call *call = transfer->call;
    char deadline[48];
    bool ok = add_header(transfer, "Expect:");

    (void)snprintf(deadline, sizeof(deadline), "grpc-timeout: %ldm", call->timeout_ms % 100000000);
    if (transfer->is_grpc)
        ok = ok && add_header(transfer, "Content-Type: application/grpc") &&
             add_header(transfer, "TE: trailers") && add_header(transfer, deadline);
    else
        ok = ok && add_header(transfer, "Content-Type: application/octet-stream");
    if (call->is_async)
        ok = ok && add_header(transfer, "X-tinyFaaS-Async: true");
    for (size_t i = 0; i < call->header_count; i++)
        ok = ok && add_header(transfer, call->headers[i]);
    return ok;
}

/* grpc://HOST:PORT is http:// to libcurl. */
static bool set_url(struct transfer *transfer)
{
    const struct call *call = transfer->call;
    const char *rest = strstr(call->base, "://");
    bool is_secure = strncmp(call->base, "https", 5) == 0 || strncmp(call->base, "grpcs", 5) == 0;
    char *url = NULL;
    CURLcode code;

    if (rest == NULL ||
        asprintf(&url, "http%s%s%s%s", is_secure ? "s" : "", rest, transfer->is_grpc ? "" : "/",
                 transfer->is_grpc ? GRPC_PATH : call->function) < 0)
        return false;
    code = curl_easy_setopt(transfer->handle, CURLOPT_URL, url);
    free(url);
    if (transfer->is_grpc) {
        (void)curl_easy_setopt(transfer->handle, CURLOPT_HTTP_VERSION,
                               is_secure ? CURL_HTTP_VERSION_2TLS
                                         : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
        /* libcurl 7.88 sends no second request on a connection that began with HTTP/2. */
        (void)curl_easy_setopt(transfer->handle, CURLOPT_FORBID_REUSE, 1L);
    }
    return code == CURLE_OK;
}

static bool set_body(struct transfer *transfer)
{
    const struct call *call = transfer->call;
    CURL *handle = transfer->handle;
    const char *method = transfer->is_grpc ? "POST" : call->method;
    const char *body = call->body;
    size_t len = call->len;

    if (transfer->is_grpc) {
        transfer->frame = grpc_wrap(call, &len);
        body = transfer->frame;
        if (body == NULL)
            return false;
    }
    if (strcmp(method, "HEAD") == 0) {
        (void)curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    } else if (len > 0 || strcmp(method, "GET") != 0) {
        (void)curl_easy_setopt(handle, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
        (void)curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body == NULL ? "" : body);
    }
    return curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST,
                            strcmp(method, "HEAD") == 0 ? NULL : method) == CURLE_OK;
}

int transfer_new(struct transfer **out, const struct call *call, bool is_grpc,
                 struct enoki_error *err)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    CURL *handle = curl_easy_init();

    if (transfer == NULL || handle == NULL) {
        free(transfer);
        curl_easy_cleanup(handle);
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for a call");
    }
    *transfer =
        (struct transfer){.call = call, .is_grpc = is_grpc, .handle = handle, .end.status = -1};
    if (!add_headers(transfer) || !set_url(transfer) || !set_body(transfer)) {
        transfer_free(transfer);
        return enoki_error_set(err, ENOKI_EINVAL, "'%.200s' is no address to call", call->base);
    }
    (void)curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer->headers);
    (void)curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_LIMIT_MS);
    (void)curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, call->timeout_ms);
    (void)curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, keep);
    (void)curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
    (void)curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, read_header);
    (void)curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
    (void)curl_easy_setopt(handle, CURLOPT_PRIVATE, transfer);
    if (call->tls != NULL)
        client_set_tls(call->tls, handle);
    *out = transfer;
    return 0;
}

CURL *transfer_handle(const struct transfer *transfer)
{
    return transfer->handle;
}

static double milliseconds(CURL *handle, CURLINFO which)
{
    curl_off_t us = 0;

    return curl_easy_getinfo(handle, which, &us) == CURLE_OK ? (double)us / 1000 : 0;
}

int transfer_finish(struct transfer *transfer, CURLcode code, struct outcome *out,
                    struct enoki_error *err)
{
    CURL *handle = transfer->handle;
    struct grpc_end end = transfer->end;
    long status = 0;

    *out = (struct outcome){.body = transfer->reply.body, .len = transfer->reply.len};
    transfer->reply = (struct answer){.len = 0};
    transfer->end = (struct grpc_end){.status = -1};
    out->connect_ms = milliseconds(handle, CURLINFO_CONNECT_TIME_T);
    out->first_ms = milliseconds(handle, CURLINFO_STARTTRANSFER_TIME_T);
    out->total_ms = milliseconds(handle, CURLINFO_TOTAL_TIME_T);
    (void)curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        outcome_fini(out);
        return client_explain(code, transfer->call->base, "nothing answers at %.200s", err);
    }
    if (transfer->is_grpc && status == 200)
        return grpc_unwrap(&end, out, err);
    out->ok = status >= 200 && status < 300 && !transfer->is_grpc;
    (void)snprintf(out->status, sizeof(out->status), "%ld", status);
    return 0;
}

void transfer_free(struct transfer *transfer)
{
    if (transfer == NULL)
        return;
    curl_easy_cleanup(transfer->handle);
    curl_slist_free_all(transfer->headers);
    free(transfer->frame);
    answer_fini(&transfer->reply);
    free(transfer);
}
