#include "invoke/beside.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool en_beside(char out[PATH_MAX], const char *name)
{
    ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);
    size_t folder;

    if (len <= 0)
        return false;
    out[len] = '\0';
    folder = (size_t)(strrchr(out, '/') + 1 - out);
    return snprintf(out + folder, PATH_MAX - folder, "%s", name) < (int)(PATH_MAX - folder);
}
