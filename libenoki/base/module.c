#include "base/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static bool is_in(const char *folder, size_t folder_len, const char *name, char *out, size_t size)
{
    int len = snprintf(out, size, "%.*s/enoki/%s", (int)folder_len, folder, name);

    return len > 0 && (size_t)len < size && access(out, R_OK) == 0;
}

/* The file that holds this code. A program is known to the loader by the word that started it,
 * which may be a name of PATH. */
static const char *find_own(char *out, size_t size)
{
    Dl_info own = {0};
    ssize_t len;

    if (dladdr((const void *)(uintptr_t)en_module_find, &own) == 0)
        own.dli_fname = "libenoki.so";
    else if (strcmp(own.dli_fname, program_invocation_name) == 0) {
        len = readlink("/proc/self/exe", out, size - 1);
        if (len > 0) {
            out[len] = '\0';
            return out;
        }
    }
    (void)snprintf(out, size, "%s", own.dli_fname);
    return out;
}

int en_module_find(char *out, size_t size, const char *name, struct enoki_error *err)
{
    const char *folders = secure_getenv("ENOKI_MODULE_PATH");
    static const char *const from_programs[] = {ENOKI_LIBRARY_FROM_PROGRAMS, "../libenoki"};
    char beside[4096], program[4096];
    const char *own = find_own(program, sizeof(program));
    const char *slash;

    while (folders != NULL) {
        size_t len = strcspn(folders, ":");

        if (is_in(folders, len, name, out, size))
            return 0;
        folders = folders[len] == ':' ? folders + len + 1 : NULL;
    }
    slash = strrchr(own, '/');
    if (slash != NULL && is_in(own, (size_t)(slash - own), name, out, size))
        return 0;
    /* A program that carries the library in itself: enoki-run, installed or in a build folder. */
    for (size_t i = 0; slash != NULL && i < sizeof(from_programs) / sizeof(from_programs[0]); i++) {
        (void)snprintf(beside, sizeof(beside), "%.*s/%s", (int)(slash - own), own,
                       from_programs[i]);
        if (is_in(beside, strlen(beside), name, out, size))
            return 0;
    }
    return enoki_error_set(
        err, ENOKI_ENOTFOUND,
        "a part of libenoki is missing: '%s' belongs in the folder 'enoki' beside "
        "'%.200s'",
        name, own);
}

int en_module_load(const struct en_module **out, const char *name, struct enoki_error *err)
{
    char file[64], path[4096];
    void *handle;

    (void)snprintf(file, sizeof(file), "%s.so", name);
    if (en_module_find(path, sizeof(path), file, err) != 0) {
        if (err != NULL)
            err->status = ENOKI_EIO;
        return ENOKI_EIO;
    }
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == NULL)
        return enoki_error_set(err, ENOKI_EIO, "cannot load module '%s': %.300s", name, dlerror());
    *out = dlsym(handle, SYMBOL);
    return check(*out, name, path, err);
}
