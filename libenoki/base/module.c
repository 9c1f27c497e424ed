#include "base/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOL "enoki_module"

static int check(const struct en_module *module, const char *name, const char *path,
                 struct enoki_error *err)
{
    if (module == NULL || module->name == NULL || strcmp(module->name, name) != 0)
        return enoki_error_set(err, ENOKI_EIO, "'%.300s' is no module of libenoki: install it anew",
                               path);
    if (strcmp(module->version, ENOKI_VERSION) != 0)
        return enoki_error_set(err, ENOKI_EIO,
                               "'%.300s' is of version %.20s, libenoki of " ENOKI_VERSION
                               ": install both anew",
                               path, module->version);
    return 0;
}

/* ENOKI_ENOTFOUND: there is no such file. */
static int load_from(const struct en_module **out, const char *folder, size_t folder_len,
                     const char *name, struct enoki_error *err)
{
    char path[4096];
    FILE *file;
    void *handle;
    int len = snprintf(path, sizeof(path), "%.*s/enoki/%s.so", (int)folder_len, folder, name);

    if (len < 0 || (size_t)len >= sizeof(path))
        return ENOKI_ENOTFOUND;
    file = fopen(path, "re");
    if (file == NULL)
        return ENOKI_ENOTFOUND;
    (void)fclose(file);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == NULL)
        return enoki_error_set(err, ENOKI_EIO, "cannot load module '%s': %.300s", name, dlerror());
    *out = dlsym(handle, SYMBOL);
    return check(*out, name, path, err);
}

int en_module_load(const struct en_module **out, const char *name, struct enoki_error *err)
{
    const char *folders = secure_getenv("ENOKI_MODULE_PATH");
    Dl_info own = {0};
    int rc = ENOKI_ENOTFOUND;

    while (rc == ENOKI_ENOTFOUND && folders != NULL) {
        size_t len = strcspn(folders, ":");

        rc = load_from(out, folders, len, name, err);
        folders = folders[len] == ':' ? folders + len + 1 : NULL;
    }
    if (rc == ENOKI_ENOTFOUND && dladdr((const void *)(uintptr_t)en_module_load, &own) != 0) {
        const char *slash = strrchr(own.dli_fname, '/');

        if (slash != NULL)
            rc = load_from(out, own.dli_fname, (size_t)(slash - own.dli_fname), name, err);
    }
    if (rc == ENOKI_ENOTFOUND)
        return enoki_error_set(
            err, ENOKI_EIO,
            "libenoki's module '%s' is missing: it belongs at enoki/%s.so beside "
            "'%.200s'",
            name, name, own.dli_fname != NULL ? own.dli_fname : "libenoki.so");
    return rc;
}
