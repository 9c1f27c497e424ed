#include "package.h"

#include "install.h"
#include "step.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a package of a language must have, and how it is made ready. */
struct language {
    const char *env;
    const char *needs;  /* a file; NULL: the step finds out */
    int (*install)(const char *folder, const char *root, struct builder *builder,
                   struct enoki_error *err); /* or NULL */
    const char *script; /* of a shell in the folder; NULL: nothing to do */
    bool is_library;    /* the code is the one .so of the folder, else what it needs */
};

#define C_SCRIPT                                                                                   \
    "if [ -f CMakeLists.txt ]; then "                                                              \
    "cmake -S . -B .build -DCMAKE_BUILD_TYPE=Release -DCMAKE_LIBRARY_OUTPUT_DIRECTORY=\"$PWD\" "   \
    "-DCMAKE_C_FLAGS=\"-I$ENOKI_INCLUDE\" || exit 1; exec cmake --build .build; fi; "              \
    "exec cc -shared -fPIC -O2 -g -o fn.so -I\"$ENOKI_INCLUDE\" *.c"

static const struct language languages[] = {
    {"python3", "fn.py", install_python, NULL, false},
    {"python3-kv", "fn.py", install_python, NULL, false},
    {"nodejs", "package.json", install_node, NULL, false},
    {"binary", "fn.sh", NULL, "chmod u+x fn.sh", false},
    {"host", "fn.host", NULL, "chmod u+x fn.host", false},
    {"so", NULL, NULL, NULL, true},
    {"c", NULL, NULL, C_SCRIPT, true},
};

#define LANGUAGE_COUNT (sizeof(languages) / sizeof(languages[0]))
#define STEP_LIMIT_MS 300000u

static const struct language *find(const char *env)
{
    for (size_t i = 0; i < LANGUAGE_COUNT; i++) {
        if (strcmp(languages[i].env, env) == 0)
            return &languages[i];
    }
    return NULL;
}

static int find_library(const char *folder, char *out, size_t size, struct enoki_error *err)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    unsigned count = 0;

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0) {
            (void)snprintf(out, size, "%s/%s", folder, entry->d_name);
            count++;
        }
    }
    if (entries != NULL)
        (void)closedir(entries);
    if (count == 1)
        return 0;
    return enoki_error_set(err, ENOKI_EINVAL,
                           "the package has %u libraries (.so) at its top; it needs one", count);
}

int package_run_step(const char *script, const char *folder, struct builder *builder,
                     struct enoki_error *err)
{
    int rc = identity_give(&builder->identity, folder, err);

    if (rc == 0)
        rc = step_run(script, folder, builder, STEP_LIMIT_MS, err);
    return rc == 0 ? identity_take(&builder->identity, folder, err) : rc;
}

int package_prepare(const char *env, const char *folder, const char *root,
                    struct builder *builder, char *code_out, size_t code_size,
                    struct enoki_error *err)
{
    const struct language *language = find(env);
    char path[4096];
    int rc = 0;

    if (language == NULL) {
        char known[256] = "";

        for (size_t i = 0; i < LANGUAGE_COUNT; i++)
            (void)snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
                           i > 0 ? ", " : "", languages[i].env);
        return enoki_error_set(err, ENOKI_EINVAL, "env '%.60s' is not known here; allowed: %s", env,
                               known);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", folder,
                   language->needs == NULL ? "" : language->needs);
    if (access(path, F_OK) != 0)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "the package has no %s at its top: env '%s' needs it",
                               language->needs, env);
    if (language->install != NULL)
        rc = language->install(folder, root, builder, err);
    if (rc == 0 && language->script != NULL)
        rc = package_run_step(language->script, folder, builder, err);
    if (rc != 0)
        return rc;
    if (language->is_library)
        return find_library(folder, code_out, code_size, err);
    (void)snprintf(code_out, code_size, "%s", path);
    return 0;
}
