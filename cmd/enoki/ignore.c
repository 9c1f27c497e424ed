#include "ignore.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES 65536u

/* Lines become texts: without comments, blanks around them and a slash at their end. */
static void split(struct ignore *ignore)
{
    char *to = ignore->text;
    size_t kept = 0;

    for (char *line = ignore->text, *next; line != NULL; line = next) {
        size_t len;

        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        line += strspn(line, " \t");
        len = strlen(line);
        while (len > 0 && strchr(" \t\r/", line[len - 1]) != NULL)
            len--;
        if (len == 0 || line[0] == '#')
            continue;
        memmove(to + kept, line, len);
        to[kept + len] = '\0';
        kept += len + 1;
    }
    ignore->len = kept;
}

int ignore_read(struct ignore *ignore, const char *folder, struct enoki_error *err)
{
    char path[4096];
    FILE *file;
    size_t len;
    int rc = 0;

    *ignore = (struct ignore){.len = 0};
    if (snprintf(path, sizeof(path), "%s/.enokiignore", folder) >= (int)sizeof(path))
        return enoki_error_set(err, ENOKI_EINVAL, "'%.200s...' is too long for a path", folder);
    file = fopen(path, "re");
    if (file == NULL && errno == ENOENT)
        return 0;
    if (file == NULL)
        return enoki_error_set(err, ENOKI_EIO, "%.400s: %s", path, strerrordesc_np(errno));
    ignore->text = malloc(FILE_MAX_BYTES);
    len = ignore->text == NULL ? 0 : fread(ignore->text, 1, FILE_MAX_BYTES, file);
    if (ignore->text == NULL)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "no memory for %.400s", path);
    else if (ferror(file) != 0)
        rc = enoki_error_set(err, ENOKI_EIO, "%.400s cannot be read", path);
    else if (len == FILE_MAX_BYTES || memchr(ignore->text, '\0', len) != NULL)
        rc = enoki_error_set(err, ENOKI_ELIMIT, "%.400s: allowed are lines of text, below 64 KiB",
                             path);
    (void)fclose(file);
    if (rc != 0) {
        ignore_fini(ignore);
        return rc;
    }
    ignore->text[len] = '\0';
    split(ignore);
    return 0;
}

void ignore_fini(struct ignore *ignore)
{
    free(ignore->text);
    *ignore = (struct ignore){.len = 0};
}

bool ignore_has(const struct ignore *ignore, const char *path)
{
    const char *slash = strrchr(path, '/'), *last = slash == NULL ? path : slash + 1;

    for (size_t at = 0; at < ignore->len; at += strlen(ignore->text + at) + 1) {
        const char *pattern = ignore->text + at;
        const char *whole = pattern[0] == '/' ? pattern + 1 : pattern;

        if (fnmatch(whole, path, FNM_PATHNAME) == 0 ||
            (strchr(pattern, '/') == NULL && fnmatch(pattern, last, 0) == 0))
            return true;
    }
    return false;
}
