/*
 * manage_state.h - the inside of the management API, for the files that make it up: manage.c (the
 * site), manage_functions.c, manage_logs.c, manage_reports.c (its paths).
 *
 * Threads  loop thread.
 */
#ifndef MANAGE_STATE_H
#define MANAGE_STATE_H

#include "access.h"
#include "manage.h"
#include "upload.h"

#define MANAGE_REPLY_MAX_BYTES (64u << 20)

struct manage {
    struct node *node;
    struct uploads *uploads;
    struct access access;
    struct en_site site;       /* over TCP */
    struct en_site local_site; /* over the Unix socket, and from root's processes and the like */
    struct en_site closed_site;
    struct enoki_limits limits;
    struct enoki_limits closed_limits;
    const char *deploy_path;
};

/* Answers one path: consumes the call. */
typedef void (*manage_fn)(struct manage *manage, struct enoki_invocation *inv);

/* Answers with a body of that type; NULL: text. */
void manage_reply(struct enoki_invocation *inv, int status, const char *type,
                  const struct en_buffer *body);

/* There is no such function. */
void manage_fail_name(struct enoki_invocation *inv, int status, const char *name, size_t len);

/* manage_functions.c */
void manage_upload(struct manage *manage, struct enoki_invocation *inv);
void manage_upload_url(struct manage *manage, struct enoki_invocation *inv);
void manage_delete(struct manage *manage, struct enoki_invocation *inv);
void manage_wipe(struct manage *manage, struct enoki_invocation *inv);
void manage_roll_back(struct manage *manage, struct enoki_invocation *inv);

/* manage_logs.c */
void manage_logs(struct manage *manage, struct enoki_invocation *inv);

/* manage_reports.c */
void manage_list(struct manage *manage, struct enoki_invocation *inv);
void manage_list_all(struct manage *manage, struct enoki_invocation *inv);
void manage_describe(struct manage *manage, struct enoki_invocation *inv, const char *name);
void manage_metrics(struct manage *manage, struct enoki_invocation *inv);
void manage_page(struct manage *manage, struct enoki_invocation *inv);
void manage_health(struct manage *manage, struct enoki_invocation *inv);
void manage_ready(struct manage *manage, struct enoki_invocation *inv);

#endif
