/*
 * deploy.h - the JSON of an upload (spec/platform.md section 2), and what it asks for. Foreign.
 *
 * Threads  any thread.
 */
#ifndef DEPLOY_H
#define DEPLOY_H

#include "store.h"

struct deploy_request;

/* Keys in any case; unknown ones are ignored; what follows the first value is not read. With a URL
 * instead of a package, deploy_set_package() must follow.
 * ENOKI_EPROTO: no such JSON; ENOKI_EINVAL: a value is not taken; ENOKI_ENOMEM */
ENOKI_MUST_CHECK int deploy_parse(struct deploy_request **out, const char *text, size_t len,
                                  bool by_url, struct enoki_error *err);
/* The package from the URL: its memory becomes the request's. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int deploy_set_package(struct deploy_request *request, struct en_buffer *package,
                                        struct enoki_error *err);
/* Both borrowed until deploy_free(). */
const struct deployment *deploy_get(const struct deploy_request *request, const void **zip,
                                    size_t *len);
void deploy_free(struct deploy_request *request);

/* A text member of an object, its key in any case: NULL if it is not there. */
struct json_object;
const char *deploy_text(struct json_object *object, const char *key);

bool deploy_is_true(struct json_object *object, const char *key);

/* mkdir, private. ENOKI_EIO */
ENOKI_MUST_CHECK int deploy_make_folder(const char *path, struct enoki_error *err);

#endif
