/*
 * client.h - HTTP with the management API of a running node (enoki-run -c), by libcurl.
 *
 *   struct client_options options = CLIENT_OPTIONS_INIT;   filled by the argp child client_argp
 *   client_new(&client, &options, &err);
 *   client_ask(client, "GET", "/functions", NULL, &answer, &err);
 *   client_free(client);
 *
 * Where the node is: -m, else ENOKI_MANAGEMENT, else http://127.0.0.1:8080; "unix:PATH" is a Unix
 * socket. The token comes from a file, never from the command line, which everybody can read.
 *
 * Memory   answers are the caller's.    Threads  one.
 * Errors   ENOKI_EINVAL: the address or a file is not good; ENOKI_EUNAVAILABLE: nobody answers
 *          there; ENOKI_EDENIED: token or certificate is missing or wrong; ENOKI_EFUNCTION: the
 *          node refuses, the message is its own; ENOKI_EPROTO, ENOKI_ENOMEM.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <enoki/error.h>

#include <argp.h>
#include <curl/curl.h>
#include <stdbool.h>

struct client;

struct client_options {
    const char *url;
    const char *token_file;
    const char *ca; /* PEM files */
    const char *certificate;
    const char *key;
    long limit_ms; /* for a whole answer; 0: none but for the connection */
};

/* -m and its kin. An argp with this child sets child_inputs[0] to a struct client_options. */
extern const struct argp client_argp;
/* Of an argp that has these options and no other's. */
extern const struct argp_child client_children[];

struct answer {
    long status;
    char *body; /* NUL-terminated */
    size_t len;
};

/* What options leave open is filled in from the environment. */
ENOKI_MUST_CHECK int client_new(struct client **out, struct client_options *options,
                                struct enoki_error *err);
void client_free(struct client *client);

/* Asks, and wants 200; body NULL: none, else JSON. */
ENOKI_MUST_CHECK int client_ask(struct client *client, const char *method, const char *path,
                                const char *body, struct answer *out, struct enoki_error *err);
/* The same, where status codes are the caller's: 0 for every answer. */
ENOKI_MUST_CHECK int client_try(struct client *client, const char *method, const char *path,
                                const char *body, struct answer *out, struct enoki_error *err);
void answer_fini(struct answer *answer);

/* More of its body, up to so many bytes in all; false: that would be too many, or no memory. */
bool answer_add(struct answer *answer, const void *bytes, size_t len, size_t most);

/* Every piece of the body as it comes; what is no 200 goes into err instead. sink returns false to
 * end it, which is no failure. */
typedef bool (*client_sink_fn)(void *context, const char *bytes, size_t len);
ENOKI_MUST_CHECK int client_stream(struct client *client, const char *path, client_sink_fn sink,
                                   void *context, struct enoki_error *err);

/* A handle with address, TLS, token and limits set; the answer goes to *answer. For what has a body
 * of its own or runs beside others. curl_easy_cleanup() it before client_free(). NULL: no memory.
 */
CURL *client_prepare(struct client *client, const char *method, const char *path,
                     struct answer *answer);
/* What became of it: 0, or the error in words. */
ENOKI_MUST_CHECK int client_finish(const struct client *client, CURL *handle, CURLcode code,
                                   struct answer *answer, struct enoki_error *err);

/* Another status than 200 is an error, whose message is the node's. */
ENOKI_MUST_CHECK int client_check(const struct client *client, struct answer *answer,
                                  struct enoki_error *err);

/* What went wrong below HTTP, in words; nobody, with %s for the URL, if nobody answers there. */
int client_explain(CURLcode code, const char *url, const char *nobody, struct enoki_error *err)
    __attribute__((format(printf, 3, 0)));

/* The host of the address, as in a URL: "127.0.0.1", "[::1]"; "127.0.0.1" of a Unix socket. */
const char *client_host(const struct client *client);

/* --ca, --cert and --key, for calls to functions too. */
void client_set_tls(const struct client *client, CURL *handle);

#endif
