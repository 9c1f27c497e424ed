#include "config/parse.h"

#include "base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SHOWN 200 /* characters of a path in a message */
#define READ_BYTES 16384u

/* Regular files only: a device has no end. */
static int open_file(const char *path, int *fd_out, struct enoki_error *err)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return enoki_error_set(err,
                               errno == ENOENT || errno == ENOTDIR ? ENOKI_ENOTFOUND : ENOKI_EIO,
                               "%.*s: %s: give the path of a configuration file", PATH_SHOWN, path,
                               strerrordesc_np(errno));
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)close(fd);
        return enoki_error_set(err, ENOKI_ECONFIG,
                               "%.*s: not a regular file: give the path of a configuration file",
                               PATH_SHOWN, path);
    }
    *fd_out = fd;
    return 0;
}

static int read_file(int fd, struct en_buffer *text, const char *path, struct enoki_error *err)
{
    int rc;

    for (;;) {
        ssize_t got;

        rc = en_buffer_reserve(text, READ_BYTES);
        if (rc != 0)
            break;
        got = read(fd, text->data + text->len, READ_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return enoki_error_set(err, ENOKI_EIO, "%.*s: %s", PATH_SHOWN, path,
                                   strerrordesc_np(errno));
        text->len += (size_t)got;
        text->data[text->len] = '\0';
        if (got == 0)
            break;
    }
    if (rc == ENOKI_ENOMEM)
        return enoki_error_set(err, rc, "out of memory");
    if (rc != 0 || text->len > EN_CONFIG_MAX_BYTES)
        return enoki_error_set(err, ENOKI_ECONFIG, "%.*s:1: longer than %u bytes: no configuration",
                               PATH_SHOWN, path, EN_CONFIG_MAX_BYTES);
    return 0;
}

int enoki_config_load(struct enoki_config **out, const char *path, struct enoki_error *err)
{
    struct en_buffer text = EN_BUFFER_INIT(EN_CONFIG_MAX_BYTES + 2 * READ_BYTES);
    int fd = -1;
    int rc = open_file(path, &fd, err);

    if (rc != 0)
        return rc;
    rc = read_file(fd, &text, path, err);
    if (rc == 0)
        rc = en_config_parse(out, text.data, text.len, path, err);
    (void)close(fd);
    en_buffer_fini(&text);
    return rc;
}
