#include "invoke/door.h"

#include "base/checked.h"
#include "state/counts.h"
#include "wire/frame_invoke.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_MAX_BYTES (8u << 20)

static int take_fd(const char *name, int *out, struct enoki_error *err)
{
    const char *text = getenv(name);
    uint64_t number;

    *out = -1;
    if (text == NULL)
        return 0;
    if (!en_parse_u64(text, strlen(text), INT_MAX, &number) ||
        fcntl((int)number, F_SETFD, FD_CLOEXEC) != 0)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "%s='%.20s' is no open descriptor: only a front door sets it", name,
                               text);
    *out = (int)number;
    return unsetenv(name) == 0 ? 0 : ENOKI_ENOMEM;
}

static int attach_counts(struct enoki_error *err)
{
    int fd, rc = take_fd("ENOKI_COUNTS_FD", &fd, err);

    if (rc != 0 || fd < 0)
        return rc;
    return en_counts_attach(fd) == 0
               ? 0
               : enoki_error_set(err, ENOKI_EINVAL, "ENOKI_COUNTS_FD cannot be mapped");
}

int en_door_find(struct en_door *out, struct enoki_error *err)
{
    int rc = take_fd("ENOKI_FD", &out->fd, err);

    if (rc == 0)
        rc = take_fd("ENOKI_PEERS_FD", &out->peers, err);
    if (rc == 0)
        rc = take_fd("ENOKI_ROUTES_FD", &out->routes, err);
    if (rc == 0)
        rc = attach_counts(err);
    /* A front door that died already is noticed by the greeting. */
    if (rc == 0 && out->fd >= 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        rc = enoki_error_set(err, ENOKI_EIO, "prctl: %s", strerrordesc_np(errno));
    return rc;
}

static bool send_all(int fd, const struct en_buffer *bytes)
{
    size_t sent = 0;

    while (sent < bytes->len) {
        ssize_t n = send(fd, bytes->data + sent, bytes->len - sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static bool receive_all(int fd, char *to, size_t len)
{
    while (len > 0) {
        ssize_t n = recv(fd, to, len, MSG_WAITALL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        to += n;
        len -= (size_t)n;
    }
    return true;
}

static int take_variables(struct en_frame_reader *reader, const struct en_frame_start *start,
                          struct en_arena *arena, struct enoki_function_settings *function)
{
    struct enoki_variable *variables =
        en_arena_get(arena, (size_t)start->variable_count + 1, sizeof(*variables));

    for (uint32_t i = 0; variables != NULL && i < start->variable_count; i++) {
        struct en_text name, value;

        en_frame_variable_take(reader, &name, &value);
        if (reader->is_bad)
            return ENOKI_EPROTO;
        variables[i].name = en_arena_textf(arena, "%.*s", (int)name.len, name.data);
        variables[i].value = en_arena_textf(arena, "%.*s", (int)value.len, value.data);
        if (variables[i].name == NULL || variables[i].value == NULL)
            return ENOKI_ENOMEM;
    }
    if (variables == NULL)
        return ENOKI_ENOMEM;
    function->variables = variables;
    function->variable_count = start->variable_count;
    return en_frame_is_at_end(reader) ? 0 : ENOKI_EPROTO;
}

/* START's payload into *out. */
static int receive_start(int fd, struct en_buffer *out)
{
    char head_bytes[EN_FRAME_HEAD_BYTES];
    struct en_frame_head head;
    int rc;

    if (!receive_all(fd, head_bytes, sizeof(head_bytes)))
        return ENOKI_ECLOSED;
    if (en_frame_head_read(head_bytes, &head) != 0 || head.type != EN_FRAME_START)
        return ENOKI_EPROTO;
    rc = en_buffer_reserve(out, head.len);
    if (rc != 0)
        return rc;
    if (!receive_all(fd, out->data, head.len))
        return ENOKI_ECLOSED;
    out->len = head.len;
    return 0;
}

int en_door_greet(const struct en_door *door, struct en_arena *arena,
                  struct enoki_function_settings *function, struct enoki_error *err)
{
    struct en_buffer bytes = EN_BUFFER_INIT(START_MAX_BYTES);
    struct en_frame_start start;
    int rc = en_frame_hello_put(&bytes);

    if (rc == 0 && !send_all(door->fd, &bytes))
        rc = ENOKI_ECLOSED;
    bytes.len = 0;
    if (rc == 0)
        rc = receive_start(door->fd, &bytes);
    if (rc == 0) {
        struct en_frame_reader reader = {(const unsigned char *)bytes.data, bytes.len, false};

        rc = en_frame_start_take(&reader, &start);
        if (rc == 0)
            rc = take_variables(&reader, &start, arena, function);
    }
    en_buffer_fini(&bytes);
    if (rc != 0)
        return enoki_error_set(err, rc, "the front door did not say what to run: %s",
                               enoki_error_text(rc));
    return 0;
}

void en_door_fail(const struct en_door *door, const struct enoki_error *err)
{
    struct en_buffer bytes = EN_BUFFER_INIT(2 * ENOKI_ERROR_MESSAGE_BYTES);

    if (en_frame_failed_put(&bytes, 0, err->status, err->message) == 0)
        (void)send(door->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    en_buffer_fini(&bytes);
}
