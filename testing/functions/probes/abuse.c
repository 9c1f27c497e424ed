/*
 * abuse.c - does to its surroundings what the call's body says, as a hostile or broken function
 * would. "WORD ARGUMENT".
 */
#include <enoki/function.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIECE (1u << 20)

static int who(struct enoki_call *call, struct enoki_error *err)
{
    char folder[4096] = "";
    const char *temporary = getenv("TMPDIR"), *home = getenv("HOME");
    mode_t mask = umask(0);

    (void)umask(mask);
    return enoki_call_replyf(call, err, "%u %u %d %03o %s %s %s\n", getuid(), getgid(),
                             getgroups(0, NULL), mask, getcwd(folder, sizeof(folder)),
                             temporary == NULL ? "-" : temporary, home == NULL ? "-" : home);
}

static int descriptors(struct enoki_call *call, struct enoki_error *err)
{
    char text[4096] = "", target[200], path[40];

    for (int fd = 0; fd < 4096; fd++) {
        ssize_t len;

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        len = readlink(path, target, sizeof(target) - 1);
        if (len < 0 || strlen(text) + (size_t)len + 16 > sizeof(text))
            continue;
        target[len] = '\0';
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d %s\n", fd, target);
    }
    return enoki_call_replyf(call, err, "%s", text);
}

/* All that it gets, written to; then it says so. */
static int fill(struct enoki_error *err)
{
    for (size_t total = 0; total < (8ull << 30); total += PIECE) {
        char *piece = malloc(PIECE);

        if (piece == NULL)
            return enoki_error_set(err, ENOKI_ENOMEM, "no memory after %zu MiB", total / PIECE);
        memset(piece, 1, PIECE);
    }
    return enoki_error_set(err, ENOKI_EFUNCTION, "there was no end of memory");
}

/* The same, but it does not look at what malloc says. */
static void fill_blindly(void)
{
    for (int i = 0; i < 8192; i++)
        memset(malloc(PIECE), 1, PIECE);
}

static int open_all(struct enoki_error *err)
{
    int count = 0;

    while (count < 1000000 && open("/dev/null", O_RDONLY) >= 0)
        count++;
    return enoki_error_set(err, ENOKI_EFUNCTION, "no more than %d descriptors: %s", count,
                           strerror(errno));
}

static int write_file(struct enoki_error *err)
{
    static char piece[PIECE];
    int fd = open("endless", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    for (int i = 0; fd >= 0 && i < 4096; i++) {
        if (write(fd, piece, sizeof(piece)) < 0)
            break;
    }
    return enoki_error_set(err, ENOKI_EFUNCTION, "the file has an end: %s", strerror(errno));
}

static void write_output(long mebibytes)
{
    char line[1024];

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (long i = 0; i < mebibytes * 1024; i++) {
        if (write(STDOUT_FILENO, line, sizeof(line)) < 0)
            return;
    }
}

/* Processes that do nothing, each in a group and a session of its own, until there are no more. */
static int fork_on(struct enoki_call *call, long most, struct enoki_error *err)
{
    long count = 0;

    while (count < most) {
        pid_t pid = fork();

        if (pid == 0) {
            (void)setsid();
            for (;;)
                (void)pause();
        }
        if (pid < 0)
            break;
        count++;
    }
    return enoki_call_replyf(call, err, "%ld\n", count);
}

static void bomb(void)
{
    for (;;)
        (void)fork();
}

/* Into every socket that it finds; its answer's too. */
static void write_garbage(void)
{
    char garbage[4096];

    memset(garbage, 0xff, sizeof(garbage));
    for (int fd = 3; fd < 4096; fd++)
        (void)send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int read_path(struct enoki_call *call, const char *path, struct enoki_error *err)
{
    char bytes[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
    int number = errno;

    if (fd >= 0)
        (void)close(fd);
    if (n < 0 && number != EISDIR)
        return enoki_call_replyf(call, err, "%s\n", strerror(number));
    return enoki_call_replyf(call, err, "read %zd\n", n);
}

static int kill_one(struct enoki_call *call, const char *argument, struct enoki_error *err)
{
    pid_t pid = strcmp(argument, "parent") == 0 ? getppid() : (pid_t)atol(argument);

    return enoki_call_replyf(call, err, "%s\n", kill(pid, SIGKILL) == 0 ? "done" : strerror(errno));
}

static int call_kernel(struct enoki_call *call, long number, struct enoki_error *err)
{
    long result;

    errno = 0;
    result = syscall(number, 0L, 0L, 0L, 0L, 0L, 0L);
    return enoki_call_replyf(call, err, "%ld %s\n", result, strerror(errno));
}

static int end_badly(const char *word, const char *argument, struct enoki_error *err)
{
    if (strcmp(word, "close") == 0)
        closefrom(0);
    else if (strcmp(word, "garbage") == 0)
        write_garbage();
    else if (strcmp(word, "bomb") == 0)
        bomb();
    else if (strcmp(word, "blindly") == 0)
        fill_blindly();
    else if (strcmp(word, "output") == 0)
        write_output(atol(argument));
    else if (strcmp(word, "cpu") == 0)
        for (;;)
            __asm__ volatile("" ::: "memory");
    else
        return enoki_error_set(err, ENOKI_EINVAL, "'%s' is no abuse", word);
    return 0;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    char word[32] = "", argument[256] = "";

    (void)instance;
    (void)sscanf(enoki_call_body(call, NULL), "%31s %255s", word, argument);
    if (strcmp(word, "who") == 0)
        return who(call, err);
    if (strcmp(word, "descriptors") == 0)
        return descriptors(call, err);
    if (strcmp(word, "fill") == 0)
        return fill(err);
    if (strcmp(word, "open") == 0)
        return open_all(err);
    if (strcmp(word, "file") == 0)
        return write_file(err);
    if (strcmp(word, "fork") == 0)
        return fork_on(call, atol(argument), err);
    if (strcmp(word, "read") == 0)
        return read_path(call, argument, err);
    if (strcmp(word, "kill") == 0)
        return kill_one(call, argument, err);
    if (strcmp(word, "syscall") == 0)
        return call_kernel(call, atol(argument), err);
    return end_badly(word, argument, err);
}

ENOKI_FUNCTION(.invoke = invoke);
