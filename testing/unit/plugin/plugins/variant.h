/* variant.h - descriptors as other versions and careless hands would build them. */
#ifndef TESTING_VARIANT_H
#define TESTING_VARIANT_H

#include <enoki/function.h>

/* A descriptor of a later minor version: ours and one member more. */
struct variant_newer {
    struct enoki_function known;
    int (*later)(void);
};

/* One of an earlier version, before close was added. */
struct variant_older {
    uint32_t abi;
    uint32_t size;
    int (*preload)(const struct enoki_env *env, struct enoki_error *err);
    int (*open)(const struct enoki_env *env, void **instance_out, struct enoki_error *err);
    int (*invoke)(void *instance, struct enoki_call *call, struct enoki_error *err);
};

#define VARIANT_EXPORT extern __attribute__((visibility("default")))
#define VARIANT_DECLARE(type)                                                                      \
    VARIANT_EXPORT const type enoki_function;                                                      \
    const type enoki_function

#define VARIANT_NEWER_MINOR (ENOKI_FUNCTION_ABI + 1)

static inline int variant_invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_reply(call, "ok", 2, err);
}

#endif
