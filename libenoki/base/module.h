/*
 * module.h - parts of the library that are loaded on first use, because few need them and the
 * libraries behind them are large: "rpc" (gRPC, protobuf-c) and "tls" (OpenSSL).
 *
 * A module is enoki/NAME.so beside the library, or in a folder of ENOKI_MODULE_PATH (for builds
 * that are not installed; ignored in set-user-id programs). It exports one symbol, enoki_module:
 * a struct whose first member is a struct en_module. Once loaded it stays: gRPC cannot be unloaded.
 *
 * Threads  any thread.
 * Fork     after: a process that has loaded one must not fork workers.
 */
#ifndef EN_MODULE_H
#define EN_MODULE_H

#include <enoki/error.h>

struct en_module {
    const char *name;
    const char *version; /* ENOKI_VERSION of its build; must be the library's */
};

/* What a module's source begins with. */
#define EN_MODULE_EXPORT __attribute__((visibility("default")))

/* *out is the module's enoki_module, borrowed for ever. ENOKI_EIO: not there, damaged, or of
 * another version; the message says where it was looked for. */
ENOKI_MUST_CHECK int en_module_load(const struct en_module **out, const char *name,
                                    struct enoki_error *err);

/* Where the file enoki/NAME is, absolute if the library's own path is. ENOKI_ENOTFOUND: nowhere;
 * the message says where it belongs. ENOKI_ELIMIT: longer than size. */
ENOKI_MUST_CHECK int en_module_find(char *out, size_t size, const char *name,
                                    struct enoki_error *err);

#endif
