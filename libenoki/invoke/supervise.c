#include "invoke/supervise.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "invoke/ended.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX 16u
#define KILL_AFTER_MS 2000u /* beyond the child's own drain limit */

struct child {
    pid_t pid; /* 0: free */
    int fd;
    bool ready;
    bool retiring;
};

struct parent {
    const struct en_supervise_options *options;
    struct child children[CHILDREN_MAX];
    pid_t pid; /* its own */
    int signals;
    sigset_t old_mask;
    bool was_ready;
    bool stopping;
    int status;
    uint64_t pause_ms;
    uint64_t start_at_ms; /* when the next child is due; UINT64_MAX: none is */
    uint64_t kill_at_ms;
};

static struct child *find_child(struct parent *parent, pid_t pid)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        if (parent->children[i].pid == pid)
            return &parent->children[i];
    }
    return NULL;
}

/* In the child: 0. */
static int run_child(struct parent *parent, int notify_fd)
{
    (void)close(parent->signals);
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        if (parent->children[i].pid != 0)
            (void)close(parent->children[i].fd);
    }
    /* The parent may have died before it could be told so. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent->pid ||
        sigprocmask(SIG_SETMASK, &parent->old_mask, NULL) != 0)
        return EXIT_FAILURE;
    return parent->options->run(parent->options->context, notify_fd);
}

static bool start_failed(struct parent *parent)
{
    parent->pause_ms = en_backoff_next(parent->pause_ms);
    parent->start_at_ms = en_clock_ms() + parent->pause_ms;
    return false;
}

/* True in the child. */
static bool start_child(struct parent *parent)
{
    struct child *child = find_child(parent, 0);
    int pair[2];
    pid_t pid;

    parent->start_at_ms = UINT64_MAX;
    if (child == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return start_failed(parent);
    pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        parent->status = run_child(parent, pair[1]);
        (void)close(pair[1]);
        return true;
    }
    (void)close(pair[1]);
    if (pid < 0) {
        en_log(parent->options->log, ENOKI_LOG_ERROR, "cannot fork: %s", strerror(errno));
        (void)close(pair[0]);
        return start_failed(parent);
    }
    *child = (struct child){.pid = pid, .fd = pair[0]};
    return false;
}

static void report_death(const struct parent *parent, const struct child *child, int wait_status)
{
    char text[EN_ENDED_TEXT_SIZE];

    en_ended_text(wait_status, text);
    if (WIFSIGNALED(wait_status))
        en_log(parent->options->log, ENOKI_LOG_ERROR, "process %d %s; %s", (int)child->pid, text,
               parent->stopping ? "stopping" : "the next one takes over");
    else if (WEXITSTATUS(wait_status) != 0 && parent->was_ready)
        en_log(parent->options->log, ENOKI_LOG_ERROR, "process %d %s", (int)child->pid, text);
}

static void on_death(struct parent *parent, struct child *child, int wait_status)
{
    bool ready = child->ready, retiring = child->retiring;
    bool clean = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;

    report_death(parent, child, wait_status);
    (void)close(child->fd);
    child->pid = 0;
    if (parent->stopping) {
        if (!clean)
            parent->status = EXIT_FAILURE;
    } else if (!retiring && ready) {
        /* Also if it ended by itself: somebody has to serve. */
        parent->pause_ms = 0;
        parent->start_at_ms = en_clock_ms();
    } else if (!retiring && parent->was_ready) {
        (void)start_failed(parent);
    } else if (!retiring) {
        /* It could not start and has said why. */
        parent->status = EXIT_FAILURE;
        parent->stopping = true;
    }
}

static void reap(struct parent *parent)
{
    int wait_status;
    pid_t pid;

    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        struct child *child = find_child(parent, pid);

        if (child != NULL)
            on_death(parent, child, wait_status);
    }
}

static void begin_stop(struct parent *parent)
{
    if (parent->stopping)
        return;
    parent->stopping = true;
    parent->start_at_ms = UINT64_MAX;
    parent->kill_at_ms = en_clock_ms() + parent->options->drain_timeout_ms + KILL_AFTER_MS;
    parent->options->stopping(parent->options->context);
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        if (parent->children[i].pid != 0)
            (void)kill(parent->children[i].pid, SIGTERM);
    }
}

static void on_signals(struct parent *parent)
{
    struct signalfd_siginfo info;

    while (read(parent->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            reap(parent);
        else
            begin_stop(parent);
    }
}

static void on_message(struct parent *parent, struct child *child)
{
    char message;

    if (recv(child->fd, &message, 1, MSG_DONTWAIT) != 1)
        return;
    if (message == EN_CHILD_READY) {
        child->ready = true;
        parent->pause_ms = 0;
        if (!parent->was_ready)
            parent->options->ready(parent->options->context);
        parent->was_ready = true;
    } else if (message == EN_CHILD_RETIRES && !child->retiring && !parent->stopping) {
        child->retiring = true;
        parent->start_at_ms = en_clock_ms();
    }
}

static int wait_time(const struct parent *parent)
{
    uint64_t until = parent->stopping ? parent->kill_at_ms : parent->start_at_ms;
    uint64_t now = en_clock_ms();

    if (until == UINT64_MAX)
        return -1;
    if (until <= now)
        return 0;
    return until - now > 60000 ? 60000 : (int)(until - now);
}

static bool wait_for_events(struct parent *parent)
{
    struct pollfd fds[CHILDREN_MAX + 1];
    struct child *whose[CHILDREN_MAX];
    nfds_t count = 0;

    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        if (parent->children[i].pid == 0)
            continue;
        whose[count] = &parent->children[i];
        fds[count++] = (struct pollfd){.fd = parent->children[i].fd, .events = POLLIN};
    }
    if (count == 0 && parent->stopping)
        return false;
    fds[count] = (struct pollfd){.fd = parent->signals, .events = POLLIN};
    if (poll(fds, count + 1, wait_time(parent)) < 0 && errno != EINTR)
        return false;
    for (nfds_t i = 0; i < count; i++) {
        if ((fds[i].revents & POLLIN) != 0)
            on_message(parent, whose[i]);
    }
    on_signals(parent);
    return true;
}

static void kill_all(struct parent *parent)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        if (parent->children[i].pid != 0)
            (void)kill(parent->children[i].pid, SIGKILL);
    }
    parent->kill_at_ms = UINT64_MAX;
    parent->status = EXIT_FAILURE;
}

int en_supervise(const struct en_supervise_options *options, int *is_child_out)
{
    struct parent parent = {.options = options,
                            .pid = getpid(),
                            .start_at_ms = UINT64_MAX,
                            .kill_at_ms = UINT64_MAX,
                            .status = EXIT_SUCCESS};
    sigset_t mask;

    *is_child_out = 0;
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGCHLD);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigaddset(&mask, SIGINT);
    if (sigprocmask(SIG_BLOCK, &mask, &parent.old_mask) != 0)
        return EXIT_FAILURE;
    parent.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (parent.signals < 0)
        return EXIT_FAILURE;
    if (start_child(&parent)) {
        *is_child_out = 1;
        return parent.status;
    }
    while (wait_for_events(&parent)) {
        uint64_t now = en_clock_ms();

        if (parent.stopping && now >= parent.kill_at_ms)
            kill_all(&parent);
        if (!parent.stopping && now >= parent.start_at_ms && start_child(&parent)) {
            *is_child_out = 1;
            return parent.status;
        }
    }
    (void)close(parent.signals);
    return parent.status;
}
