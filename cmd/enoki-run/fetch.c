/* The macros that check types stand in the way of pointers to the functions. */
#define CURL_DISABLE_TYPECHECK
#include "fetch.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <string.h>

#define CONNECT_LIMIT_MS 10000L
#define LIMIT_MS 300000L
/* Slower than this for so long is not worth waiting for. */
#define SLOW_BYTES_PER_S 100L
#define SLOW_S 30L
#define HOPS_MAX 5

struct curl {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_easy_init) easy_init;
    __typeof__(&curl_easy_cleanup) easy_cleanup;
    __typeof__(&curl_easy_setopt) setopt;
    __typeof__(&curl_easy_perform) perform;
    __typeof__(&curl_easy_getinfo) getinfo;
};

struct transfer {
    const struct curl *curl;
    const struct fetch_options *options;
    struct en_buffer *out;
    int failed; /* of out */
    char message[CURL_ERROR_SIZE];
};

static int load(struct curl *curl, struct enoki_error *err)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    const struct {
        const char *name;
        void *place;
    } symbols[] = {
        {"curl_global_init", &curl->global_init}, {"curl_easy_init", &curl->easy_init},
        {"curl_easy_cleanup", &curl->easy_cleanup}, {"curl_easy_setopt", &curl->setopt},
        {"curl_easy_perform", &curl->perform}, {"curl_easy_getinfo", &curl->getinfo}};
    void *library = NULL;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && library == NULL; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *symbol = library == NULL ? NULL : dlsym(library, symbols[i].name);

        if (symbol == NULL)
            return enoki_error_set(err, ENOKI_ENOTFOUND,
                                   "libcurl is missing: install libcurl4, or upload the package "
                                   "itself");
        memcpy(symbols[i].place, &symbol, sizeof(symbol));
    }
    /* Never unloaded: it is needed again, and TLS libraries do not like to go. */
    if (curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return enoki_error_set(err, ENOKI_EIO, "libcurl does not start");
    return 0;
}

static bool is_allowed(const char *allowed, const char *url)
{
    for (const char *at = allowed; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, "\n");

        if (strncmp(url, at, len) == 0)
            return true;
        at += len + (at[len] == '\n' ? 1 : 0);
    }
    return false;
}

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;

    transfer->failed = en_buffer_append(transfer->out, bytes, size * count);
    return transfer->failed == 0 ? size * count : 0;
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    const struct fetch_options *options = context;

    (void)down_total, (void)down, (void)up_total, (void)up;
    return options->stopped != NULL && options->stopped(options->context) ? 1 : 0;
}

static bool set_bounds(struct transfer *transfer, CURL *handle)
{
    __typeof__(&curl_easy_setopt) set = transfer->curl->setopt;

    return set(handle, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           set(handle, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           set(handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_LIMIT_MS) == CURLE_OK &&
           set(handle, CURLOPT_TIMEOUT_MS, LIMIT_MS) == CURLE_OK &&
           set(handle, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_S) == CURLE_OK &&
           set(handle, CURLOPT_LOW_SPEED_TIME, SLOW_S) == CURLE_OK &&
           set(handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)FETCH_MAX_BYTES) == CURLE_OK;
}

static bool set_options(struct transfer *transfer, CURL *handle, const char *url)
{
    __typeof__(&curl_easy_setopt) set = transfer->curl->setopt;

    return set(handle, CURLOPT_URL, url) == CURLE_OK &&
           set(handle, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           set(handle, CURLOPT_USERAGENT, "enoki") == CURLE_OK &&
           set(handle, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           set(handle, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
           set(handle, CURLOPT_XFERINFODATA, transfer->options) == CURLE_OK &&
           set(handle, CURLOPT_ERRORBUFFER, transfer->message) == CURLE_OK &&
           set(handle, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           set(handle, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
}

static int explain(const struct transfer *transfer, CURLcode code, const char *url,
                   struct enoki_error *err)
{
    int status = code == CURLE_OPERATION_TIMEDOUT ? ENOKI_ETIMEOUT : ENOKI_EIO;

    if (code == CURLE_FILESIZE_EXCEEDED || transfer->failed == ENOKI_ELIMIT)
        return enoki_error_set(err, ENOKI_ELIMIT, "%.200s: the package is longer than %u MiB", url,
                               FETCH_MAX_BYTES >> 20);
    if (transfer->failed != 0)
        return enoki_error_set(err, transfer->failed, "%.200s: no memory for the package", url);
    return enoki_error_set(err, status, "%.200s: %.200s", url,
                           transfer->message[0] != '\0' ? transfer->message
                                                        : "it cannot be fetched");
}

/* One GET; where a redirect leads is written to *next, which is the handle's; else NULL. */
static int get(struct transfer *transfer, CURL *handle, const char *url, char **next,
               struct enoki_error *err)
{
    long status = 0;
    CURLcode code;

    *next = NULL;
    transfer->message[0] = '\0';
    transfer->out->len = 0;
    if (!is_allowed(transfer->options->allowed, url))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "%.200s: this node does not fetch from there: deploy.urls of its "
                               "configuration says from where",
                               url);
    if (!set_bounds(transfer, handle) || !set_options(transfer, handle, url))
        return enoki_error_set(err, ENOKI_ENOTFOUND, "libcurl is too old: 7.85 is needed");
    code = transfer->curl->perform(handle);
    if (code != CURLE_OK)
        return explain(transfer, code, url, err);
    (void)transfer->curl->getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    (void)transfer->curl->getinfo(handle, CURLINFO_REDIRECT_URL, next);
    if (*next != NULL || (status >= 200 && status < 300))
        return 0;
    return enoki_error_set(err, ENOKI_EIO, "%.200s answers with status %ld, no package", url,
                           status);
}

int fetch_url(const struct fetch_options *options, const char *url, struct en_buffer *out,
              struct enoki_error *err)
{
    static struct curl curl; /* of the builder's thread */
    static bool is_loaded;
    struct transfer transfer = {.curl = &curl, .options = options, .out = out};
    char at[2048], *next = NULL;
    CURL *handle;
    int rc = is_loaded ? 0 : load(&curl, err);

    is_loaded = rc == 0;
    if (rc != 0)
        return rc;
    if (strlen(url) >= sizeof(at))
        return enoki_error_set(err, ENOKI_EINVAL, "url: longer than %zu bytes", sizeof(at) - 1);
    handle = curl.easy_init();
    if (handle == NULL)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "no memory to fetch a package");
    (void)strcpy(at, url);
    for (int hop = 0; rc == 0; hop++) {
        rc = get(&transfer, handle, at, &next, err);
        if (rc != 0 || next == NULL)
            break;
        if (hop == HOPS_MAX || strlen(next) >= sizeof(at))
            rc = enoki_error_set(err, ENOKI_EIO, "%.200s: it redirects too often", url);
        else
            (void)strcpy(at, next);
    }
    if (handle != NULL)
        curl.easy_cleanup(handle);
    return rc;
}
