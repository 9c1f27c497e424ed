/*
 * uri.h - "SCHEME:WHERE?KEY=VALUE&..." taken apart. No I/O.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_URI_H
#define EN_URI_H

#include <enoki/error.h>

#include <stdbool.h>

/* What to do when a replica is behind the session. */
enum en_stale {
    EN_STALE_WAIT = 0,
    EN_STALE_FAIL,
    EN_STALE_ANY,
};

/* What was not given is NULL or 0, but where a default is named. */
struct en_uri {
    char *text; /* the copy that all others point into */
    const char *scheme;
    const char *where; /* of fred: "HOST:PORT[,HOST:PORT...]", without the slashes */
    const char *durability;
    const char *keygroup;
    const char *node;
    uint64_t max_value_bytes;
    uint64_t timeout_ms;
    /* Only with fred. */
    const char *tls;
    const char *user;
    const char *admin;
    const char *session;
    enum en_stale stale;
    uint64_t expiry_s;
    uint64_t start_ms; /* default EN_URI_START_MS; 0: for ever */
};

#define EN_URI_TIMEOUT_MS 5000u
#define EN_URI_START_MS 15000u

/* Values are taken as they are, without percent-decoding. An option that the scheme does not have
 * is refused. On success: en_uri_fini().
 * ENOKI_EINVAL, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_uri_parse(struct en_uri *uri, const char *text, struct enoki_error *err);
void en_uri_fini(struct en_uri *uri);

#endif
