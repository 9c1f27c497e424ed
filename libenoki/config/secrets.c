#include "config/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_known(const struct enoki_variable *variables, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(variables[i].name, name) == 0)
            return true;
    }
    return false;
}

/* NULL, or what is wrong. Regular files only: a pipe might not end. */
static const char *read_file(const char *path, char *out, size_t *len_out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    size_t len = 0;
    ssize_t got = -1;

    if (fd < 0)
        return strerrordesc_np(errno);
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        do {
            got = read(fd, out + len, EN_SECRET_MAX_BYTES + 2 - len);
            len += got > 0 ? (size_t)got : 0;
        } while (got > 0 || (got < 0 && errno == EINTR));
    }
    (void)close(fd);
    if (got < 0)
        return "it is no file that can be read";
    if (len > 0 && out[len - 1] == '\n')
        len--;
    if (len > EN_SECRET_MAX_BYTES)
        return "it is longer than 64 KiB";
    if (memchr(out, '\0', len) != NULL)
        return "it has a NUL, which no variable can have";
    out[len] = '\0';
    *len_out = len;
    return NULL;
}

static int read_one(const struct enoki_variable *secret, struct en_arena *arena,
                    struct enoki_variable *out, struct enoki_error *err)
{
    char text[EN_SECRET_MAX_BYTES + 3];
    size_t len = 0;
    const char *complaint = read_file(secret->value, text, &len);
    char *value;

    if (complaint != NULL)
        return enoki_error_set(err, ENOKI_ECONFIG, "secret '%.60s': %.300s: %s", secret->name,
                               secret->value, complaint);
    value = en_arena_get(arena, len + 1, 1);
    if (value == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the secrets");
    memcpy(value, text, len);
    explicit_bzero(text, sizeof(text));
    *out = (struct enoki_variable){secret->name, value};
    return 0;
}

int en_secrets_read(struct enoki_function_settings *function, struct en_arena *arena,
                    struct enoki_error *err)
{
    size_t count = function->variable_count;
    struct enoki_variable *all;
    int rc = 0;

    if (function->secret_count == 0)
        return 0;
    all = en_arena_get(arena, count + function->secret_count, sizeof(*all));
    if (all == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the secrets");
    if (count > 0)
        memcpy(all, function->variables, count * sizeof(*all));
    for (size_t i = 0; i < function->secret_count && rc == 0; i++) {
        if (!is_known(all, count, function->secrets[i].name))
            rc = read_one(&function->secrets[i], arena, &all[count++], err);
    }
    if (rc != 0)
        return rc;
    function->variables = all;
    function->variable_count = count;
    return 0;
}
