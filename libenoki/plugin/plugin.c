#include "plugin/plugin.h"

#include "plugin/diagnose.h"
#include "plugin/host.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYMBOL "enoki_function"

/* No minor version will ever need more; a larger size is damage, and is not read. */
#define DESCRIPTOR_MAX_BYTES 1024u
#define DESCRIPTOR_MIN_BYTES (offsetof(struct enoki_function, invoke) + sizeof(void *))
#define DESCRIPTOR_HEAD_BYTES offsetof(struct enoki_function, preload)

/* "MAJOR.MINOR" for messages. */
#define ABI_FORMAT "%u.%u"
#define ABI_ARGS(abi) (unsigned)((abi) >> 16), (unsigned)((abi)&0xffffu)

struct en_plugin {
    void *handle;
    struct enoki_function function;
    char directory[];
};

/* The size that the library's symbol table gives for the descriptor; 0 if it is no data. */
static size_t symbol_bytes(const void *address)
{
    const ElfW(Sym) *symbol = NULL;
    void *extra = NULL;
    Dl_info info;

    if (dladdr1(address, &info, &extra, RTLD_DL_SYMENT) == 0 || extra == NULL)
        return 0;
    symbol = extra;
    /* The type is in the low four bits, in both ELF classes. */
    return (symbol->st_info & 0xf) == STT_OBJECT ? symbol->st_size : 0;
}

static int check_size(const struct enoki_function *theirs, const char *path,
                      struct enoki_error *err)
{
    size_t bytes = symbol_bytes(theirs);

    if (bytes < DESCRIPTOR_HEAD_BYTES)
        return enoki_error_set(err, ENOKI_EPLUGIN,
                               "'%s': symbol '" SYMBOL "' is not a struct enoki_function (wanted: "
                               "ABI " ABI_FORMAT "): write it with ENOKI_FUNCTION(...)",
                               en_diagnose_path(path), ABI_ARGS(ENOKI_FUNCTION_ABI));
    if (theirs->abi >> 16 != ENOKI_FUNCTION_ABI_MAJOR)
        return enoki_error_set(
            err, ENOKI_EPLUGIN,
            "'%s': symbol '" SYMBOL "' has ABI " ABI_FORMAT ", this libenoki " ENOKI_VERSION
            " has " ABI_FORMAT ": rebuild the function with this libenoki's headers",
            en_diagnose_path(path), ABI_ARGS(theirs->abi), ABI_ARGS(ENOKI_FUNCTION_ABI));
    if (theirs->size < DESCRIPTOR_MIN_BYTES || theirs->size > DESCRIPTOR_MAX_BYTES ||
        theirs->size > bytes)
        return enoki_error_set(err, ENOKI_EPLUGIN,
                               "'%s': symbol '" SYMBOL "' (ABI " ABI_FORMAT ", here " ABI_FORMAT
                               ") says that it has %lu bytes, but has %zu: it is damaged, or was "
                               "not written by ENOKI_FUNCTION(...)",
                               en_diagnose_path(path), ABI_ARGS(theirs->abi),
                               ABI_ARGS(ENOKI_FUNCTION_ABI), (unsigned long)theirs->size, bytes);
    return 0;
}

static bool uses_newer_members(const struct enoki_function *theirs)
{
    const unsigned char *bytes = (const unsigned char *)theirs;

    for (size_t i = sizeof(*theirs); i < theirs->size; i++) {
        if (bytes[i] != 0)
            return true;
    }
    return false;
}

/* Copies what both sides know; nothing of the library is called before all checks have passed. */
static int take_descriptor(struct enoki_function *ours, const struct enoki_function *theirs,
                           const char *path, struct enoki_error *err)
{
    size_t known;
    int rc = check_size(theirs, path, err);

    if (rc != 0)
        return rc;
    if (uses_newer_members(theirs))
        return enoki_error_set(err, ENOKI_EPLUGIN,
                               "'%s': symbol '" SYMBOL "' has ABI " ABI_FORMAT
                               " and uses members that this libenoki " ENOKI_VERSION
                               " (ABI " ABI_FORMAT ") does not know: update libenoki, or leave "
                               "them out",
                               en_diagnose_path(path), ABI_ARGS(theirs->abi),
                               ABI_ARGS(ENOKI_FUNCTION_ABI));
    known = theirs->size < sizeof(*ours) ? theirs->size : sizeof(*ours);
    memset(ours, 0, sizeof(*ours));
    memcpy(ours, theirs, known);
    if (ours->invoke == NULL)
        return enoki_error_set(err, ENOKI_EPLUGIN,
                               "'%s': symbol '" SYMBOL "' (ABI " ABI_FORMAT ", here " ABI_FORMAT
                               ") has no invoke: write ENOKI_FUNCTION(.invoke = your_function)",
                               en_diagnose_path(path), ABI_ARGS(theirs->abi),
                               ABI_ARGS(ENOKI_FUNCTION_ABI));
    return 0;
}

static int open_library(void **handle_out, const char *path, struct enoki_error *err)
{
    const char *text;
    void *handle;
    int rc = en_diagnose_file(path, err);

    if (rc != 0)
        return rc;
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        text = dlerror();
        return en_diagnose_load(path, text == NULL ? "unknown reason" : text, err);
    }
    *handle_out = handle;
    return 0;
}

/* The file to load, and the folder of the function's code: a library's own, or what a host runs. */
struct place {
    char *code; /* as given, made absolute */
    char host[PATH_MAX];
    const char *file;
    size_t directory_len;
};

static int fail_path(const char *path, struct enoki_error *err)
{
    int rc = errno == ENOENT || errno == ENOTDIR ? ENOKI_ENOTFOUND
             : errno == ENOMEM                   ? ENOKI_ENOMEM
                                                 : ENOKI_EPLUGIN;

    return enoki_error_set(err, rc,
                           "'%s': %s: give the path of a function's library (.so) or folder",
                           en_diagnose_path(path), strerrordesc_np(errno));
}

/* "FOLDER/fn.py" means the folder, and that its language is Python whatever else is in it. */
static int find_beginning(struct place *place, const char *path, const char *file,
                          struct enoki_error *err)
{
    char folder[PATH_MAX];
    int len = snprintf(folder, sizeof(folder), "%.*s", (int)(file - path), path);

    if (len < 0 || (size_t)len >= sizeof(folder) || access(path, F_OK) != 0)
        return fail_path(path, err);
    place->code = realpath(len == 0 ? "." : folder, NULL);
    if (place->code == NULL)
        return fail_path(folder, err);
    place->file = place->host;
    place->directory_len = strlen(place->code);
    return en_host_find(place->host, sizeof(place->host), place->code, file, err);
}

static int find_place(struct place *place, const char *path, struct enoki_error *err)
{
    const char *slash = strrchr(path, '/'), *file = slash == NULL ? path : slash + 1;
    struct stat status;

    if (en_host_is_beginning(file))
        return find_beginning(place, path, file, err);
    /* An absolute path: dlopen() would look for a bare name in the system's folders. */
    place->code = realpath(path, NULL);
    if (place->code == NULL)
        return fail_path(path, err);
    place->file = place->code;
    place->directory_len = (size_t)(strrchr(place->code, '/') - place->code);
    if (place->directory_len == 0)
        place->directory_len = 1; /* the root folder */
    if (stat(place->code, &status) != 0 || !S_ISDIR(status.st_mode))
        return 0;
    place->file = place->host;
    place->directory_len = strlen(place->code);
    return en_host_find(place->host, sizeof(place->host), place->code, NULL, err);
}

int en_plugin_load(struct en_plugin **out, const char *path, struct enoki_error *err)
{
    const struct enoki_function *theirs;
    struct en_plugin *plugin = NULL;
    struct place place = {.code = NULL};
    int rc = find_place(&place, path, err);

    if (rc != 0)
        goto out;
    plugin = calloc(1, sizeof(*plugin) + place.directory_len + 1);
    if (plugin == NULL) {
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
        goto out;
    }
    memcpy(plugin->directory, place.code, place.directory_len);
    rc = open_library(&plugin->handle, place.file, err);
    if (rc != 0)
        goto out;
    theirs = dlsym(plugin->handle, SYMBOL);
    if (theirs == NULL) {
        rc = en_diagnose_symbol(place.file, SYMBOL, err);
        goto out;
    }
    rc = take_descriptor(&plugin->function, theirs, place.file, err);
    if (rc == 0) {
        *out = plugin;
        plugin = NULL;
    }
out:
    en_plugin_free(plugin);
    free(place.code);
    return rc;
}

void en_plugin_free(struct en_plugin *plugin)
{
    if (plugin == NULL)
        return;
    if (plugin->handle != NULL)
        (void)dlclose(plugin->handle);
    free(plugin);
}

const struct enoki_function *en_plugin_function(const struct en_plugin *plugin)
{
    return &plugin->function;
}

const char *en_plugin_directory(const struct en_plugin *plugin)
{
    return plugin->directory;
}
