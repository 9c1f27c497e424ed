/*
 * upload.h - sends a package to a node, and waits until the function is ready there.
 */
#ifndef UPLOAD_H
#define UPLOAD_H

#include "client.h"
#include "package.h"

/* What the node is told beside the package; NULL: the node's default. */
struct upload {
    const char *name, *env, *workers, *runtime, *timeout, *instances, *async;
    const char **variables; /* "K=V" */
    size_t variable_count;
    const char **secrets; /* "K=FILE" */
    size_t secret_count;
    const char *url; /* where the node fetches the package; NULL: it is sent */
    const char *subfolder;
};

/* package is not looked at with a URL. The node's answer is the caller's; on a terminal it tells
 * how far things are. */
ENOKI_MUST_CHECK int upload_send(struct client *client, const struct upload *upload,
                                 const struct package *package, struct answer *answer,
                                 struct enoki_error *err);

#endif
