#include "plugin/host.h"

#include "base/module.h"
#include "plugin/diagnose.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file that a package of the language has, and its host. */
static const struct {
    const char *file;
    const char *host;
} hosts[] = {
    {"fn.py", "python3.so"},
    {"fn.sh", "shell.so"},
    {"package.json", "nodejs.so"},
    {"fn.host", "external.so"},
};

bool en_host_is_beginning(const char *file)
{
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (strcmp(hosts[i].file, file) == 0)
            return true;
    }
    return false;
}

int en_host_find(char *out, size_t size, const char *folder, const char *first,
                 struct enoki_error *err)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        int len = snprintf(path, sizeof(path), "%s/%s", folder, hosts[i].file);

        if (first != NULL && strcmp(first, hosts[i].file) != 0)
            continue;
        if (len > 0 && (size_t)len < sizeof(path) && access(path, F_OK) == 0)
            return en_module_find(out, size, hosts[i].host, err);
    }
    return enoki_error_set(err, ENOKI_EPLUGIN,
                           "folder '%s' has no function: there is no fn.py (Python), package.json "
                           "(Node.js), fn.sh (a program) or fn.host (a program that speaks "
                           "proto/frame.md) in it; give C and C++ as a library (.so)",
                           en_diagnose_path(folder));
}
