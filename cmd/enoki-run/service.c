#include "service.h"

#include "base/checked.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STATUS_MS 5000u
#define MESSAGE_BYTES 512u

struct service {
    struct node *node;
    struct en_timer *timer;
    int fd;
    uint64_t every_ms;     /* signs of life, and looks at the status */
    bool is_watched;       /* signs of life are asked for */
    bool is_stopping;
    char status[128];      /* that was told last */
};

/* A path, or '@' and a name that is in no folder. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    int fd;

    if ((path[0] != '/' && path[0] != '@') || len >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static void tell(struct service *service, const char *lines)
{
    /* Who does not listen does not want to know. */
    (void)!send(service->fd, lines, strlen(lines), MSG_NOSIGNAL);
}

static void write_status(const struct service *service, char *out, size_t size)
{
    size_t count = node_function_count(service->node), up = 0, failed = 0;
    int len;

    for (size_t i = 0; i < count; i++) {
        const struct function *function = node_function_at(service->node, i);

        up += function_takes_calls(function) ? 1 : 0;
        failed += function_state(function) == FUNCTION_FAILED ? 1 : 0;
    }
    len = snprintf(out, size, "%zu of %zu functions ready", up, count);
    if (failed > 0 && len > 0 && (size_t)len < size)
        (void)snprintf(out + len, size - (size_t)len, ", %zu failed", failed);
}

static void look(struct service *service, const char *first)
{
    char status[sizeof(service->status)], lines[MESSAGE_BYTES];

    write_status(service, status, sizeof(status));
    if (first[0] == '\0' && strcmp(status, service->status) == 0)
        return;
    (void)snprintf(service->status, sizeof(service->status), "%s", status);
    (void)snprintf(lines, sizeof(lines), "%sSTATUS=%s\n", first, status);
    tell(service, lines);
}

/* That this runs is the sign of life: calls are passed on by the same thread. */
static void on_timer(void *context)
{
    struct service *service = context;

    if (service->is_watched)
        tell(service, "WATCHDOG=1\n");
    if (!service->is_stopping)
        look(service, "");
    en_timer_set(service->timer, en_clock_ms() + service->every_ms, en_clock_ms());
}

/* Half of what systemd waits, 0 if it does not. */
static uint64_t read_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t every_us = 0, owner = (uint64_t)getpid();

    if (usec == NULL || !en_parse_u64(usec, strlen(usec), INT64_MAX, &every_us) ||
        (pid != NULL && !en_parse_u64(pid, strlen(pid), INT32_MAX, &owner)) ||
        owner != (uint64_t)getpid())
        return 0;
    return every_us / 2000;
}

int service_new(struct service **out, struct node *node, struct enoki_error *err)
{
    const char *path = getenv("NOTIFY_SOCKET");
    int fd = path == NULL ? -1 : connect_to(path);
    uint64_t watchdog_ms = read_watchdog();
    struct service *service = NULL;
    int rc = 0;

    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    *out = NULL;
    if (fd < 0)
        return 0;
    service = calloc(1, sizeof(*service));
    rc = service == NULL ? ENOKI_ENOMEM
                         : en_timer_new(&service->timer, node_loop(node), on_timer, service);
    if (rc != 0) {
        (void)close(fd);
        free(service);
        return enoki_error_set(err, rc, "systemd cannot be told anything: %s",
                               enoki_error_text(rc));
    }
    service->node = node;
    service->fd = fd;
    service->is_watched = watchdog_ms != 0;
    service->every_ms = watchdog_ms != 0 && watchdog_ms < STATUS_MS ? watchdog_ms : STATUS_MS;
    en_timer_set(service->timer, en_clock_ms() + service->every_ms, en_clock_ms());
    *out = service;
    return 0;
}

void service_free(struct service *service)
{
    if (service == NULL)
        return;
    en_timer_free(service->timer);
    (void)close(service->fd);
    free(service);
}

void service_ready(struct service *service)
{
    if (service != NULL)
        look(service, "READY=1\n");
}

void service_reloading(struct service *service)
{
    char lines[MESSAGE_BYTES];

    if (service == NULL)
        return;
    (void)snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%llu\n",
                   (unsigned long long)(en_clock_ns() / 1000));
    tell(service, lines);
}

void service_stopping(struct service *service)
{
    if (service == NULL || service->is_stopping)
        return;
    service->is_stopping = true;
    tell(service, "STOPPING=1\nSTATUS=waiting for the last calls\n");
}
