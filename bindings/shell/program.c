#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES 65536u

/* A run while it goes on. */
struct run {
    const struct program *program;
    struct program_output *out;
    size_t capacity;
    size_t given; /* of the input */
    int input;    /* ours; -1: closed */
    int output;
    int64_t end_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* --- the child: only what is allowed between fork and exec in a process with threads ---------- */

static _Noreturn void become(const struct program *program, int input, int output, int told,
                             pid_t parent)
{
    char *const words[] = {(char *)(uintptr_t)program->path, NULL};
    sigset_t none;
    int number;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* The workers' are not a program's: what is ignored would stay so, and no trap could be set. */
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
        dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(output, STDERR_FILENO) >= 0 && chdir(program->directory) == 0)
        (void)execve(program->path, words, (char *const *)(uintptr_t)program->words);
    number = errno;
    (void)!write(told, &number, sizeof(number));
    _exit(127);
}

/* --- the parent ------------------------------------------------------------------------------- */

/* The child's number, or -1 and errno: also what made it fail before its program began. */
static pid_t start(struct run *run)
{
    int input[2] = {-1, -1}, output[2] = {-1, -1}, told[2] = {-1, -1};
    pid_t parent = getpid(), child = -1;
    int number = 0;

    /* A socket, because writing to it never raises SIGPIPE. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) == 0 &&
        pipe2(output, O_CLOEXEC) == 0 && pipe2(told, O_CLOEXEC) == 0)
        child = fork();
    if (child == 0)
        become(run->program, input[1], output[1], told[1], parent);
    number = errno;
    close_end(&input[1]);
    close_end(&output[1]);
    close_end(&told[1]);
    if (child > 0 && read(told[0], &number, sizeof(number)) == (ssize_t)sizeof(number)) {
        (void)waitpid(child, NULL, 0);
        child = -1;
    }
    close_end(&told[0]);
    if (child < 0) {
        close_end(&input[0]);
        close_end(&output[0]);
        errno = number;
        return -1;
    }
    run->input = input[0];
    run->output = output[0];
    (void)setpgid(child, child); /* whoever is first */
    return child;
}

static void give(struct run *run)
{
    const struct program *program = run->program;
    ssize_t given = send(run->input, (const char *)program->input + run->given,
                         program->input_len - run->given, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (given > 0)
        run->given += (size_t)given;
    /* A program need not read its input. */
    if (run->given == program->input_len || (given < 0 && errno != EAGAIN && errno != EINTR))
        close_end(&run->input);
}

/* 1: more may come; 0: the end. */
static int take(struct run *run)
{
    struct program_output *out = run->out;
    ssize_t got;

    if (run->capacity - out->len < READ_BYTES) {
        char *larger = realloc(out->bytes, run->capacity * 2 + READ_BYTES);

        if (larger == NULL)
            return ENOKI_ENOMEM;
        out->bytes = larger;
        run->capacity = run->capacity * 2 + READ_BYTES;
    }
    got = read(run->output, out->bytes + out->len, READ_BYTES);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN ? 1 : ENOKI_EIO;
    out->len += (size_t)got;
    if (out->len > run->program->output_max)
        return ENOKI_ELIMIT;
    return got > 0;
}

/* Until its output ends; 0 or a code. */
static int talk(struct run *run)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = run->output, .events = POLLIN},
                                {.fd = run->input, .events = POLLOUT}};
        int64_t left = run->end_ms - now_ms();
        int rc;

        if (left <= 0)
            return ENOKI_ETIMEOUT;
        if (poll(fds, 2, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
            return ENOKI_EIO;
        if (fds[1].revents != 0)
            give(run);
        rc = fds[0].revents != 0 ? take(run) : 1;
        if (rc <= 0)
            return rc;
    }
}

static int explain(const struct program *program, int rc, struct enoki_error *err)
{
    switch (rc) {
    case ENOKI_ETIMEOUT:
        return enoki_error_set(err, rc, "fn.sh ran out of time and was killed");
    case ENOKI_ELIMIT:
        return enoki_error_set(err, rc, "fn.sh wrote more than %zu bytes and was killed",
                               program->output_max);
    case ENOKI_ENOMEM:
        return enoki_error_set(err, rc, "out of memory for what fn.sh wrote");
    default:
        return enoki_error_set(err, rc, "fn.sh: %s", strerrordesc_np(errno));
    }
}

int program_run(const struct program *program, struct program_output *out, struct enoki_error *err)
{
    struct run run = {.program = program, .out = out, .input = -1, .output = -1};
    pid_t child;
    int rc;

    *out = (struct program_output){NULL, 0, 0};
    run.end_ms = now_ms() + program->within_ms;
    child = start(&run);
    if (child < 0)
        return explain(program, ENOKI_EIO, err);
    if (program->input_len == 0)
        close_end(&run.input);
    rc = talk(&run);
    close_end(&run.input);
    close_end(&run.output);
    /* Who has closed its output is given no more time than who writes. */
    while (rc == 0 && waitpid(child, &out->status, WNOHANG) == 0) {
        const struct timespec moment = {0, 1000000};

        if (now_ms() >= run.end_ms)
            rc = ENOKI_ETIMEOUT;
        else
            (void)nanosleep(&moment, NULL);
    }
    if (rc != 0) {
        (void)kill(-child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        free(out->bytes);
        out->bytes = NULL;
        return explain(program, rc, err);
    }
    return 0;
}
