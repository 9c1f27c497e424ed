#include "stamp.h"

#include "plugin/host.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of a larger folder the rest is not looked at: calls wait meanwhile. */
#define FILES_MAX 20000u
#define OPEN_MAX 8
#define PRIME UINT64_C(1099511628211)

/* nftw() has no place for a context. */
static _Thread_local uint64_t sum;
static _Thread_local unsigned files;

static uint64_t mix(uint64_t stamp, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++)
        stamp = (stamp ^ at[i]) * PRIME;
    return stamp;
}

static uint64_t stamp_of_file(const char *name, const struct stat *status)
{
    const uint64_t words[] = {status->st_ino, (uint64_t)status->st_size,
                              (uint64_t)status->st_mtim.tv_sec, (uint64_t)status->st_mtim.tv_nsec};

    return mix(mix(UINT64_C(14695981039346656037), name, strlen(name)), words, sizeof(words));
}

/* The order in which a folder tells its files does not matter: they are added up. */
static int add_file(const char *path, const struct stat *status, int type, struct FTW *where)
{
    const char *name = path + where->base;
    struct stat target;

    if (where->level > 0 && (name[0] == '.' || strcmp(name, "__pycache__") == 0))
        return type == FTW_D ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
    if (type == FTW_SL && stat(path, &target) == 0)
        status = &target;
    if (type == FTW_F || type == FTW_SL)
        sum += stamp_of_file(path, status);
    return ++files < FILES_MAX ? FTW_CONTINUE : FTW_STOP;
}

static uint64_t stamp_of_path(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? stamp_of_file(path, &status) : 0;
}

static uint64_t stamp_of_code(const char *code)
{
    const char *slash = strrchr(code, '/'), *file = slash == NULL ? code : slash + 1;
    char folder[PATH_MAX], *real;
    struct stat status;

    (void)snprintf(folder, sizeof(folder), "%.*s",
                   en_host_is_beginning(file) ? (int)(file - code) : (int)strlen(code), code);
    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
        return stamp_of_path(code);
    real = realpath(folder, NULL);
    sum = 0;
    files = 0;
    if (real != NULL)
        (void)nftw(real, add_file, OPEN_MAX, FTW_PHYS | FTW_ACTIONRETVAL);
    free(real);
    return sum;
}

uint64_t stamp_of(const struct settings *settings)
{
    const struct enoki_function_settings *function = &settings->function;
    uint64_t stamp = settings->env != NULL ? 0 : stamp_of_code(function->code);

    for (size_t i = 0; i < function->secret_count; i++)
        stamp = mix(stamp, &(uint64_t){stamp_of_path(function->secrets[i].value)},
                    sizeof(uint64_t));
    return stamp;
}
