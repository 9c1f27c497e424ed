/* The library's half of <enoki/tls.h>: loads the module and asks it. */
#include "tls/module.h"

#include <stdlib.h>

int en_tls_api_load(const struct en_tls_api **out, struct enoki_error *err)
{
    const struct en_module *module = NULL;
    int rc = en_module_load(&module, "tls", err);

    if (rc == 0)
        *out = (const struct en_tls_api *)(const void *)module;
    return rc;
}

int enoki_tls_init(const char *directory, const struct enoki_tls_options *options,
                   struct enoki_error *err)
{
    const struct en_tls_api *api;
    int rc = en_tls_api_load(&api, err);

    return rc != 0 ? rc : api->init(directory, options, err);
}

int enoki_tls_issue(const char *directory, const char *name,
                    const struct enoki_tls_options *options, struct enoki_error *err)
{
    const struct en_tls_api *api;
    int rc = en_tls_api_load(&api, err);

    return rc != 0 ? rc : api->issue(directory, name, options, err);
}

int enoki_tls_renew(const char *directory, const char *name, uint32_t days, struct enoki_error *err)
{
    const struct en_tls_api *api;
    int rc = en_tls_api_load(&api, err);

    return rc != 0 ? rc : api->renew(directory, name, days, err);
}

int enoki_tls_bundle(const char *directory, const char *name, const char *out, int force,
                     struct enoki_error *err)
{
    const struct en_tls_api *api;
    int rc = en_tls_api_load(&api, err);

    return rc != 0 ? rc : api->bundle(directory, name, out, force, err);
}

int enoki_tls_inspect(const char *directory, const char *name, struct enoki_tls_info *out,
                      struct enoki_error *err)
{
    const struct en_tls_api *api;
    int rc = en_tls_api_load(&api, err);

    return rc != 0 ? rc : api->inspect(directory, name, out, err);
}

int enoki_tls_check(const char *directory, const char *name, const char *host,
                    enoki_tls_fault_fn fault, void *context)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    const struct en_tls_api *api;

    if (en_tls_api_load(&api, &err) != 0) {
        fault(context, err.message);
        return 1;
    }
    return api->check(directory, name, host, fault, context);
}

int enoki_tls_load(struct enoki_tls **out, const char *directory, const char *name,
                   struct enoki_error *err)
{
    const struct en_tls_api *api;
    int rc = en_tls_api_load(&api, err);

    return rc != 0 ? rc : api->load(out, directory, name, err);
}

void enoki_tls_free(struct enoki_tls *tls)
{
    const struct en_tls_api *api;

    /* Whoever has one has the module. */
    if (tls != NULL && en_tls_api_load(&api, NULL) == 0)
        api->free(tls);
}

int enoki_tls_refresh(struct enoki_tls *tls, struct enoki_error *err)
{
    const struct en_tls_api *api;
    int rc = en_tls_api_load(&api, err);

    return rc != 0 ? rc : api->refresh(tls, err);
}

const char *enoki_tls_ca(const struct enoki_tls *tls)
{
    return tls->ca;
}

const char *enoki_tls_certificate(const struct enoki_tls *tls)
{
    return tls->certificate;
}

const char *enoki_tls_key(const struct enoki_tls *tls)
{
    return tls->key;
}

const char *enoki_tls_user(const struct enoki_tls *tls)
{
    return tls->user;
}

int64_t enoki_tls_expires(const struct enoki_tls *tls)
{
    return tls->expires;
}
