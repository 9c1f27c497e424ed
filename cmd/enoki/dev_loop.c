#include "dev_loop.h"

#include "dev_child.h"
#include "dev_log.h"
#include "dev_watch.h"
#include "terminal.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* An editor writes a file in several steps. */
#define QUIET_MS 10u

struct dev {
    struct dev_plan plan;
    struct dev_watch *watch;
    int signals;
    struct dev_child build, node;
    struct dev_log *log;
    bool changed;       /* and not built yet */
    double quiet_at_ms; /* when it is built */
    double saved_ms;    /* the first change */
    double built_in_ms; /* the last build took */
    double build_at_ms; /* it has begun */
    bool awaits_ready;
    bool serves;   /* some version does */
    bool gives_up; /* the node, which never served: it would try the same again */
    bool ending;
};

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static void tell_what_goes_on(const struct dev *dev)
{
    (void)fprintf(stderr, "%s: %s\n", dev->plan.name,
                  dev->serves ? "the version before goes on" : "waiting for a change");
}

/* --- building -----------------------------------------------------------------------------------
 */

static int begin_build(struct dev *dev, struct enoki_error *err)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)dev_plan_script(&dev->plan),
                    NULL};
    int rc;

    if (dev->build.pid != 0) { /* of what is old already */
        dev_child_signal(&dev->build, SIGKILL);
        (void)dev_child_end(&dev->build);
    }
    dev->changed = false;
    dev->plan.version++;
    dev->build_at_ms = now_ms();
    rc = dev_plan_set_environment(&dev->plan, err);
    if (rc == 0)
        rc = dev_child_start(&dev->build, argv, dev->plan.watched, err);
    dev_plan_clear_environment(); /* the function must not see them */
    return rc;
}

/* enoki-run, beside this program. */
static int start_node(struct dev *dev, struct enoki_error *err)
{
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - sizeof("enoki-run"));
    char *slash;
    char *argv[] = {
        program, (char[]){"-c"}, (char[]){"node.conf"}, (char[]){"--log-format"}, (char[]){"json"},
        NULL};

    if (len < 0)
        return enoki_error_set(err, ENOKI_EIO, "/proc/self/exe: %s", strerrordesc_np(errno));
    program[len] = '\0';
    slash = strrchr(program, '/');
    (void)strcpy(slash + 1, "enoki-run");
    if (access(program, X_OK) != 0)
        (void)strcpy(program, "enoki-run");
    return dev_child_start(&dev->node, argv, dev->plan.folder, err);
}

static int use_version(struct dev *dev, struct enoki_error *err)
{
    int rc = dev_plan_switch(&dev->plan, err);

    if (rc != 0)
        return rc;
    dev->awaits_ready = true;
    if (dev->gives_up) {
        (void)dev_child_end(&dev->node);
        dev->gives_up = false;
    }
    if (dev->node.pid == 0)
        return start_node(dev, err);
    (void)kill(dev->node.pid, SIGHUP);
    return 0;
}

/* What a compiler says is shown as it comes. */
static int read_build(struct dev *dev, struct enoki_error *err)
{
    char bytes[4096];
    ssize_t len;
    int status;

    while ((len = read(dev->build.fd, bytes, sizeof(bytes))) > 0)
        (void)fwrite(bytes, 1, (size_t)len, stderr);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    status = dev_child_end(&dev->build);
    dev->built_in_ms = now_ms() - dev->build_at_ms;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return use_version(dev, err);
    say_error("'%s' is not built", dev->plan.options->path);
    tell_what_goes_on(dev);
    return 0;
}

/* --- the node -----------------------------------------------------------------------------------
 */

static void tell_ready(struct dev *dev)
{
    double took_ms = now_ms() - dev->saved_ms;

    if (!dev->awaits_ready)
        return; /* its runtime had died, and is there again */
    dev->awaits_ready = false;
    (void)fprintf(stderr, "%s%s:%s %s in %.0f ms, built in %.0f ms\n",
                  terminal_colour(stderr, GREEN), dev->serves ? "reloaded" : "ready",
                  terminal_colour(stderr, PLAIN), dev->log->url, took_ms, dev->built_in_ms);
    dev->serves = true;
}

static void take_line(struct dev *dev)
{
    dev->log->line[dev->log->len] = '\0';
    dev->log->len = 0;
    switch (dev_log_show(dev->log, dev->log->line)) {
    case DEV_READY:
        tell_ready(dev);
        break;
    case DEV_FAILED:
        if (!dev->awaits_ready)
            break;
        dev->awaits_ready = false;
        tell_what_goes_on(dev);
        if (!dev->serves) {
            dev->gives_up = true;
            (void)kill(dev->node.pid, SIGTERM);
        }
        break;
    default:
        break;
    }
}

static int read_node(struct dev *dev, struct enoki_error *err)
{
    char bytes[4096];
    ssize_t len;
    int status;

    while ((len = read(dev->node.fd, bytes, sizeof(bytes))) > 0) {
        for (ssize_t i = 0; i < len; i++) {
            if (bytes[i] != '\n')
                dev->log->line[dev->log->len++] = bytes[i];
            if (bytes[i] == '\n' || dev->log->len == sizeof(dev->log->line) - 1)
                take_line(dev);
        }
    }
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    status = dev_child_end(&dev->node);
    if (dev->ending || dev->gives_up) {
        dev->gives_up = false;
        return 0;
    }
    return enoki_error_set(err, ENOKI_EFUNCTION, "enoki-run has ended by itself, %s %d",
                           WIFEXITED(status) ? "with status" : "by signal",
                           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* --- the loop -----------------------------------------------------------------------------------
 */

static int wants(void *context, const char *path)
{
    return dev_plan_wants(context, path);
}

static void look_at_files(struct dev *dev)
{
    if (!dev_watch_take(dev->watch, wants, &dev->plan))
        return;
    if (!dev->changed)
        dev->saved_ms = now_ms();
    dev->changed = true;
    dev->quiet_at_ms = now_ms() + QUIET_MS;
}

static void take_signal(struct dev *dev)
{
    struct signalfd_siginfo info;

    if (read(dev->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    dev_child_signal(&dev->build, SIGKILL);
    if (dev->node.pid != 0)
        (void)kill(dev->node.pid, dev->ending ? SIGKILL : SIGTERM);
    dev->ending = true;
}

/* -1, which poll() leaves out: there is no such child. */
static int fd_of(const struct dev_child *child)
{
    return child->pid != 0 ? child->fd : -1;
}

/* One thing that happens. */
static int turn(struct dev *dev, struct enoki_error *err)
{
    struct pollfd waits[] = {{.fd = dev->signals, .events = POLLIN},
                             {.fd = dev_watch_fd(dev->watch), .events = POLLIN},
                             {.fd = fd_of(&dev->node), .events = POLLIN},
                             {.fd = dev->ending ? -1 : fd_of(&dev->build), .events = POLLIN}};
    double left_ms = dev->changed && !dev->ending ? dev->quiet_at_ms - now_ms() : INFINITY;

    if (left_ms <= 0)
        return begin_build(dev, err);
    if (poll(waits, 4, left_ms < 1000 ? (int)left_ms + 1 : -1) < 0)
        return errno == EINTR ? 0
                              : enoki_error_set(err, ENOKI_EIO, "poll: %s", strerrordesc_np(errno));
    if (waits[0].revents != 0)
        take_signal(dev);
    if (waits[1].revents != 0)
        look_at_files(dev);
    if (waits[2].revents != 0)
        return read_node(dev, err);
    return waits[3].revents != 0 ? read_build(dev, err) : 0;
}

static int run(struct dev *dev, struct enoki_error *err)
{
    int rc;

    (void)fprintf(stderr, "%s: watching %s; builds and items are in %s\n", dev->plan.name,
                  dev->plan.source, dev->plan.folder);
    dev->saved_ms = now_ms();
    rc = begin_build(dev, err);
    while (rc == 0 && (!dev->ending || dev->node.pid != 0))
        rc = turn(dev, err);
    dev_child_signal(&dev->build, SIGKILL);
    (void)dev_child_end(&dev->build);
    if (dev->node.pid != 0)
        (void)kill(dev->node.pid, SIGTERM);
    (void)dev_child_end(&dev->node);
    return rc;
}

int dev_loop_run(const struct dev_options *options, struct enoki_error *err)
{
    struct dev dev = {.signals = -1, .log = calloc(1, sizeof(*dev.log))};
    sigset_t ends;
    int rc;

    if (dev.log == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the log");
    rc = dev_plan_make(&dev.plan, options, err);
    if (rc == 0)
        rc = dev_watch_new(&dev.watch, dev.plan.watched, dev_plan_is_deep(&dev.plan), err);
    dev.log->name = dev.plan.name;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    if (rc == 0) {
        dev.signals = signalfd(-1, &ends, SFD_CLOEXEC);
        rc = dev.signals < 0
                 ? enoki_error_set(err, ENOKI_EIO, "signalfd: %s", strerrordesc_np(errno))
                 : run(&dev, err);
    }
    if (dev.signals >= 0)
        (void)close(dev.signals);
    dev_watch_free(dev.watch);
    free(dev.log);
    return rc;
}
