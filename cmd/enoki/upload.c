#include "upload.h"

#include "functions.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 200
/* The node gives up earlier: an upload may wait for others, and a compiler. */
#define LIMIT_MS 1800000L
/* Of the package at a time, a multiple of 3: base64 then has no padding inside. */
#define PIECE_BYTES (3u * 4096u)

/* The request's body: head, the package in base64, tail. It is made while it is sent. */
struct body {
    const char *head;
    const char *tail;
    const unsigned char *zip;
    size_t head_len, tail_len, zip_len;
    size_t head_at, zip_at, tail_at;
    unsigned char piece[PIECE_BYTES / 3 * 4 + 1];
    size_t piece_len, piece_at;
};

static size_t take(char *to, size_t room, const void *from, size_t len, size_t *at)
{
    size_t n = len - *at < room ? len - *at : room;

    if (n == 0)
        return 0;
    memcpy(to, (const char *)from + *at, n);
    *at += n;
    return n;
}

static size_t read_body(char *to, size_t size, size_t count, void *context)
{
    struct body *body = context;
    size_t room = size * count;

    if (body->head_at < body->head_len)
        return take(to, room, body->head, body->head_len, &body->head_at);
    if (body->piece_at == body->piece_len && body->zip_at < body->zip_len) {
        size_t left = body->zip_len - body->zip_at, n = left < PIECE_BYTES ? left : PIECE_BYTES;

        body->piece_len = (size_t)EVP_EncodeBlock(body->piece, body->zip + body->zip_at, (int)n);
        body->piece_at = 0;
        body->zip_at += n;
    }
    if (body->piece_at < body->piece_len)
        return take(to, room, body->piece, body->piece_len, &body->piece_at);
    return take(to, room, body->tail, body->tail_len, &body->tail_at);
}

static void add(json_object *object, const char *key, const char *text)
{
    if (text != NULL)
        (void)json_object_object_add(object, key, json_object_new_string(text));
}

/* {"K": "FILE", ...} of texts with '='. */
static json_object *make_secrets(const struct upload *upload)
{
    json_object *object = json_object_new_object();

    for (size_t i = 0; i < upload->secret_count; i++) {
        const char *text = upload->secrets[i], *equals = strchr(text, '=');
        char *name = strndup(text, (size_t)(equals - text));

        if (name != NULL)
            add(object, name, equals + 1);
        free(name);
    }
    return object;
}

static json_object *make_settings(const struct upload *upload)
{
    json_object *object = json_object_new_object(), *variables = json_object_new_array();

    add(object, "name", upload->name);
    add(object, "env", upload->env);
    add(object, "workers", upload->workers);
    add(object, "runtime", upload->runtime);
    add(object, "timeout", upload->timeout);
    add(object, "instances", upload->instances);
    add(object, "async", upload->async);
    add(object, "url", upload->url);
    add(object, "subfolder_path", upload->subfolder);
    for (size_t i = 0; i < upload->variable_count; i++)
        (void)json_object_array_add(variables, json_object_new_string(upload->variables[i]));
    (void)json_object_object_add(object, "envs", variables);
    if (upload->secret_count > 0)
        (void)json_object_object_add(object, "secrets", make_secrets(upload));
    return object;
}

/* All of it with a URL, else a text that ends where the package begins. */
static char *make_head(const struct upload *upload)
{
    json_object *object = make_settings(upload);
    const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
    char *head = NULL;

    if (text != NULL && upload->url != NULL)
        head = strdup(text);
    else if (text == NULL || asprintf(&head, "%.*s,\"zip\":\"", (int)strlen(text) - 1, text) < 0)
        head = NULL;
    json_object_put(object);
    return head;
}

/* --- how far it is ------------------------------------------------------------------------------
 */

struct progress {
    struct client *client;
    const struct upload *upload;
    CURLM *multi;
    CURL *look; /* asks for the function's state; NULL: not now */
    struct answer state;
    bool is_starting;
    size_t total;
    time_t started;
};

static void begin_look(struct progress *self)
{
    char path[300];

    if (self->look != NULL || self->is_starting ||
        function_path(path, sizeof(path), self->upload->name, NULL) != 0)
        return;
    self->look = client_prepare(self->client, "GET", path, &self->state);
    if (self->look != NULL)
        (void)curl_multi_add_handle(self->multi, self->look);
}

static void end_look(struct progress *self)
{
    json_object *object = NULL;
    struct function_info function;
    long status = 0;

    if (self->look == NULL)
        return;
    (void)curl_easy_getinfo(self->look, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200 && self->state.body != NULL)
        object = json_tokener_parse(self->state.body);
    if (object != NULL) {
        function_read(object, &function);
        self->is_starting = function.is_replacing || strcmp(function.state, "starting") == 0;
        json_object_put(object);
    }
    (void)curl_multi_remove_handle(self->multi, self->look);
    curl_easy_cleanup(self->look);
    answer_fini(&self->state);
    self->look = NULL;
}

static void tell(struct progress *self, CURL *upload)
{
    curl_off_t sent = 0;
    char done[16], all[16];
    unsigned seconds = (unsigned)(time(NULL) - self->started);

    (void)curl_easy_getinfo(upload, CURLINFO_SIZE_UPLOAD_T, &sent);
    if ((size_t)sent < self->total) {
        status_show("%s: uploading %s of %s", self->upload->name, short_size(done, (uint64_t)sent),
                    short_size(all, self->total));
        return;
    }
    status_show("%s: %s (%u s)", self->upload->name, self->is_starting ? "starting" : "building",
                seconds);
    begin_look(self);
}

/* --- sending ------------------------------------------------------------------------------------
 */

static CURLcode run(struct progress *self, CURL *upload)
{
    CURLcode code = CURLE_FAILED_INIT;
    bool is_done = curl_multi_add_handle(self->multi, upload) != CURLM_OK;

    while (!is_done) {
        int running = 0, left = 0;
        const CURLMsg *message;

        if (curl_multi_perform(self->multi, &running) != CURLM_OK)
            break;
        while ((message = curl_multi_info_read(self->multi, &left)) != NULL) {
            if (message->msg == CURLMSG_DONE && message->easy_handle == upload) {
                code = message->data.result;
                is_done = true;
            } else if (message->msg == CURLMSG_DONE) {
                end_look(self);
            }
        }
        if (is_done)
            break;
        if (isatty(STDERR_FILENO))
            tell(self, upload);
        (void)curl_multi_poll(self->multi, NULL, 0, LOOK_MS, NULL);
    }
    status_clear();
    end_look(self);
    (void)curl_multi_remove_handle(self->multi, upload);
    return code;
}

static int send_body(struct client *client, const struct upload *upload, struct body *body,
                     struct answer *answer, struct enoki_error *err)
{
    struct progress progress = {
        .client = client, .upload = upload, .multi = curl_multi_init(), .started = time(NULL)};
    CURL *handle =
        client_prepare(client, "POST", upload->url != NULL ? "/uploadURL" : "/upload", answer);
    int rc;

    if (progress.multi == NULL || handle == NULL) {
        curl_easy_cleanup(handle);
        (void)curl_multi_cleanup(progress.multi);
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the upload");
    }
    progress.total = body->head_len + (body->zip_len + 2) / 3 * 4 + body->tail_len;
    (void)curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)progress.total);
    (void)curl_easy_setopt(handle, CURLOPT_READFUNCTION, read_body);
    (void)curl_easy_setopt(handle, CURLOPT_READDATA, body);
    (void)curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, LIMIT_MS);
    rc = client_finish(client, handle, run(&progress, handle), answer, err);
    if (rc == 0)
        rc = client_check(client, answer, err);
    curl_easy_cleanup(handle);
    (void)curl_multi_cleanup(progress.multi);
    if (rc != 0)
        answer_fini(answer);
    return rc;
}

int upload_send(struct client *client, const struct upload *upload, const struct package *package,
                struct answer *answer, struct enoki_error *err)
{
    struct body *body = calloc(1, sizeof(*body));
    char *head = make_head(upload);
    int rc;

    if (body == NULL || head == NULL) {
        rc = enoki_error_set(err, ENOKI_ENOMEM, "no memory for the upload");
    } else {
        *body = (struct body){.head = head, .head_len = strlen(head)};
        if (upload->url == NULL) {
            body->zip = package->zip;
            body->zip_len = package->len;
            body->tail = "\"}";
            body->tail_len = 2;
        }
        rc = send_body(client, upload, body, answer, err);
    }
    free(head);
    free(body);
    return rc;
}
