#include "external/external.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS_FD 3
#define STATE_FD 4
/* Above all that the program is given. */
#define ASIDE_FD 10
/* A program that has closed its socket is about to end. */
#define END_MS 1000u
/* Whose socket was closed has so long to end by itself. */
#define GRACE_MS 700u

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void en_external_wait(struct en_external *self, uint64_t until_ms)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};

    if (until_ms == UINT64_MAX)
        (void)pthread_cond_wait(&self->changed, &self->lock);
    else
        (void)pthread_cond_timedwait(&self->changed, &self->lock, &until);
}

/* --- the child: only what is allowed between fork and exec in a process with threads ---------- */

static bool place(int from, int to)
{
    int aside = fcntl(from, F_DUPFD_CLOEXEC, ASIDE_FD);

    return aside >= 0 && dup2(aside, to) == to;
}

static _Noreturn void become(const struct en_external *self, int told, pid_t parent)
{
    int calls = fcntl(self->far_ends[0], F_DUPFD_CLOEXEC, ASIDE_FD);
    int state = fcntl(self->far_ends[1], F_DUPFD_CLOEXEC, ASIDE_FD);
    int tell = fcntl(told, F_DUPFD_CLOEXEC, ASIDE_FD);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;
    int number;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    if (calls >= 0 && state >= 0 && tell >= 0 && nothing >= 0 && setpgid(0, 0) == 0 &&
        prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
        place(nothing, STDIN_FILENO) && place(calls, CALLS_FD) && place(state, STATE_FD) &&
        chdir(self->directory) == 0)
        (void)execve(self->words.path, self->words.arguments, self->words.environment);
    number = errno;
    (void)!write(tell, &number, sizeof(number));
    _exit(127);
}

/* --- the keeper: the thread that is the program's parent, because a program dies with the thread
 * that has started it ---------------------------------------------------------------------------*/

/* 0, or an errno: also what made the child fail before its program began. */
static int start_child(struct en_external *self, pid_t *child)
{
    int told[2] = {-1, -1}, number = 0;
    pid_t parent = getpid();

    if (pipe2(told, O_CLOEXEC) != 0)
        return errno;
    *child = fork();
    if (*child == 0)
        become(self, told[1], parent);
    number = *child < 0 ? errno : 0;
    (void)close(told[1]);
    if (*child > 0) {
        (void)setpgid(*child, *child); /* whoever is first */
        if (read(told[0], &number, sizeof(number)) == (ssize_t)sizeof(number))
            (void)waitpid(*child, NULL, 0);
        else
            number = 0;
    }
    (void)close(told[0]);
    return number;
}

/* What is left of the time until READY, for poll(). */
static int greeting_time(uint64_t until_ms)
{
    uint64_t now = en_clock_ms();

    return until_ms == UINT64_MAX ? -1 : now >= until_ms ? 0 : (int)(until_ms - now);
}

static void become_ready(struct en_external *self)
{
    (void)pthread_mutex_lock(&self->lock);
    self->phase = EN_EXTERNAL_RUNNING;
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
}

static void attend_state(struct en_external *self, short events)
{
    if ((events & POLLIN) == 0 || en_external_serve_state(self))
        close_end(&self->state_fd); /* it has closed it, or somebody else serves it now */
}

/* Serves it until it ends, or does not get ready: why not. */
static int attend(struct en_external *self, int end, struct enoki_error *err)
{
    const uint64_t limit_ms = self->settings.function->limits.start_timeout_ms;
    uint64_t until_ms = en_clock_ms() + limit_ms;
    int rc = 0;

    while (rc >= 0) {
        struct pollfd fds[3] = {{.fd = end, .events = POLLIN},
                                {.fd = self->state_fd, .events = POLLIN},
                                {.fd = rc == 0 ? self->calls_fd : -1, .events = POLLIN}};
        int ready = poll(fds, 3, greeting_time(until_ms));

        if (ready == 0)
            return enoki_error_set(err, ENOKI_ETIMEOUT,
                                   "the function's program was not ready within %llu ms: what it "
                                   "loads takes too long, or never ends",
                                   (unsigned long long)limit_ms);
        if (ready < 0)
            continue; /* a signal */
        if (fds[1].revents != 0)
            attend_state(self, fds[1].revents);
        if (fds[2].revents != 0)
            rc = en_external_greet(self, err);
        if (rc == 1 && until_ms != UINT64_MAX) {
            until_ms = UINT64_MAX;
            become_ready(self);
        }
        if (fds[0].revents != 0)
            return rc == 1 ? 0 : rc == 0 ? ENOKI_ECLOSED : rc;
    }
    return rc;
}

static void describe(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status))
        (void)snprintf(out, size, "signal: %s", sigdescr_np(WTERMSIG(status)));
    else
        (void)snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}

/* With the lock. */
static void await_stop(struct en_external *self)
{
    uint64_t until_ms = en_clock_ms() + GRACE_MS;

    while (self->is_stopping && self->pid > 0 && en_clock_ms() < until_ms) {
        siginfo_t ended = {.si_pid = 0};

        if (waitid(P_PID, (id_t)self->pid, &ended, WEXITED | WNOWAIT | WNOHANG) == 0 &&
            ended.si_pid != 0)
            return;
        en_external_wait(self, en_clock_ms() + 2);
    }
}

/* Its end, by force if it is not coming. */
static void reap(struct en_external *self, pid_t child)
{
    siginfo_t ended;

    (void)pthread_mutex_lock(&self->lock);
    await_stop(self);
    en_external_kill(self);
    (void)pthread_mutex_unlock(&self->lock);
    while (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT) != 0 && errno == EINTR)
        ;
    /* From here on its number may be another's. */
    (void)pthread_mutex_lock(&self->lock);
    en_external_kill(self); /* what it left behind */
    (void)waitpid(child, &self->status, 0);
    self->pid = 0;
    (void)pthread_mutex_unlock(&self->lock);
}

static int open_sockets(struct en_external *self, struct enoki_error *err)
{
    const struct timeval look = {.tv_usec = EN_EXTERNAL_LOOK_MS * 1000};
    const int type = SOCK_STREAM | SOCK_CLOEXEC;
    int calls[2], state[2];

    if (socketpair(AF_UNIX, type, 0, calls) != 0)
        return enoki_error_set(err, ENOKI_EIO, "socketpair: %s", strerrordesc_np(errno));
    self->calls_fd = calls[0];
    self->far_ends[0] = calls[1];
    if (setsockopt(self->calls_fd, SOL_SOCKET, SO_RCVTIMEO, &look, sizeof(look)) != 0)
        return enoki_error_set(err, ENOKI_EIO, "setsockopt: %s", strerrordesc_np(errno));
    if (socketpair(AF_UNIX, type, 0, state) != 0)
        return enoki_error_set(err, ENOKI_EIO, "socketpair: %s", strerrordesc_np(errno));
    self->state_fd = state[0];
    self->far_ends[1] = state[1];
    return 0;
}

static void close_sockets(struct en_external *self)
{
    close_end(&self->calls_fd);
    close_end(&self->state_fd);
    close_end(&self->far_ends[0]);
    close_end(&self->far_ends[1]);
    en_buffer_clear(&self->input, 0);
    self->skip = 0;
    self->is_greeted = false;
}

/* One program's life; 0: it was ready once. */
static int live(struct en_external *self, struct enoki_error *err)
{
    pid_t child = -1;
    int rc = open_sockets(self, err), number = rc == 0 ? start_child(self, &child) : 0, end;
    char how[64];

    close_end(&self->far_ends[0]);
    close_end(&self->far_ends[1]);
    if (rc != 0)
        return rc;
    if (number != 0)
        return enoki_error_set(err, ENOKI_EPLUGIN, "'%.300s' cannot be started: %s",
                               self->words.path, strerrordesc_np(number));
    (void)pthread_mutex_lock(&self->lock);
    self->pid = child;
    if (self->is_stopping)
        (void)shutdown(self->calls_fd, SHUT_RDWR);
    (void)pthread_mutex_unlock(&self->lock);
    end = pidfd_open(child, 0);
    rc = end < 0 ? enoki_error_set(err, ENOKI_EIO, "pidfd_open: %s", strerrordesc_np(errno))
                 : attend(self, end, err);
    close_end(&end);
    (void)shutdown(self->calls_fd, SHUT_RDWR); /* its children may hold the other end */
    reap(self, child);
    describe(self->status, how, sizeof(how));
    if (rc == ENOKI_ECLOSED)
        return enoki_error_set(err, ENOKI_EFUNCTION,
                               "the function's program ended before it was ready (%s): look at "
                               "what it wrote",
                               how);
    return rc;
}

static void *keep(void *context)
{
    struct en_external *self = context;

    (void)pthread_mutex_lock(&self->lock);
    while (!self->is_stopping) {
        struct enoki_error err = ENOKI_ERROR_INIT;
        int rc;

        if (!self->is_wanted || self->in_flight > 0) {
            (void)pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        close_sockets(self);
        self->is_wanted = self->is_hung = self->is_used_up = false;
        self->doubt_ms = 0;
        self->phase = EN_EXTERNAL_STARTING;
        (void)pthread_mutex_unlock(&self->lock);
        rc = live(self, &err);
        (void)pthread_mutex_lock(&self->lock);
        self->phase = EN_EXTERNAL_ENDED;
        self->is_wanted = rc == 0; /* the next call finds another; one that fails waits for it */
        if (rc != 0) {
            self->failures++;
            self->failure = err;
        }
        (void)pthread_cond_broadcast(&self->changed);
    }
    (void)pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* --- the others' -------------------------------------------------------------------------------
 */

int en_external_keep(struct en_external *self, struct enoki_error *err)
{
    self->has_keeper = pthread_create(&self->keeper, NULL, keep, self) == 0;
    if (self->has_keeper)
        return 0;
    return enoki_error_set(err, ENOKI_EIO, "cannot start a thread for the function's program");
}

void en_external_kill(struct en_external *self)
{
    if (self->pid > 0)
        (void)kill(-self->pid, SIGKILL);
}

void en_external_judge(struct en_external *self)
{
    if (self->doubt_ms == 0 || en_clock_ms() < self->doubt_ms)
        return;
    self->doubt_ms = 0;
    self->is_hung = true;
    en_external_kill(self);
}

void en_external_await_end(struct en_external *self, char *how, size_t size)
{
    uint64_t until_ms = en_clock_ms() + END_MS;

    (void)pthread_mutex_lock(&self->lock);
    while (self->phase == EN_EXTERNAL_RUNNING && en_clock_ms() < until_ms)
        en_external_wait(self, until_ms);
    en_external_kill(self); /* it has closed its socket, and goes on */
    while (self->phase == EN_EXTERNAL_RUNNING)
        (void)pthread_cond_wait(&self->changed, &self->lock);
    describe(self->status, how, size);
    (void)pthread_mutex_unlock(&self->lock);
}

void en_external_end(struct en_external *self)
{
    (void)pthread_mutex_lock(&self->lock);
    self->is_stopping = true;
    if (self->pid > 0)
        (void)shutdown(self->calls_fd, SHUT_RDWR);
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
    if (self->has_keeper)
        (void)pthread_join(self->keeper, NULL);
    self->has_keeper = false;
    close_sockets(self);
}
