#include "step.h"

#include "confine.h"

#include "base/clock.h"
#include "invoke/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

/* In front of every step: seconds of CPU, KiB of memory, blocks of a file. */
#define BOUNDS "ulimit -t 300; ulimit -v 4194304; ulimit -f 1048576; ulimit -c 0; "
/* The number of processes is one of its user's: with a user of its own only. */
#define BOUNDS_OF_OWN "ulimit -p 512; "
#define VARIABLES_MAX 64u

extern char **environ;

/* The end of what a step wrote. */
struct tail {
    char text[STEP_OUTPUT_MAX_BYTES];
    size_t len;
    bool is_cut;
};

static void add(struct tail *tail, const char *bytes, size_t len)
{
    size_t all = tail->len + len;

    if (all > sizeof(tail->text)) {
        size_t gone = all - sizeof(tail->text);

        memmove(tail->text, tail->text + gone, tail->len - gone);
        tail->len -= gone;
        tail->is_cut = true;
    }
    memcpy(tail->text + tail->len, bytes, len);
    tail->len += len;
}

/* Its whole lines, without empty ones at the end. */
static void keep(const struct tail *tail, struct en_buffer *output)
{
    const char *from = tail->text, *end = tail->text + tail->len;
    const char *newline = tail->is_cut ? memchr(from, '\n', tail->len) : NULL;

    if (newline != NULL)
        from = newline + 1;
    while (end > from && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
        end--;
    en_buffer_clear(output, 0);
    (void)!en_buffer_append(output, from, (size_t)(end - from)); /* it failed without words, then */
}

/* Nothing of this process's environment but what compilers, pip and npm need, also behind a proxy:
 * its variables are written in either case. */
static void make_environment(char **made, char *include)
{
    static const char *const kept[] = {
        "PATH=",       "LANG=",          "HOME=",         "PIP_",
        "npm_config_", "http_proxy=",    "https_proxy=",  "no_proxy=",
        "all_proxy=",  "SSL_CERT_FILE=", "SSL_CERT_DIR=", "NODE_EXTRA_CA_CERTS=",
        "PKG_CONFIG_PATH=",
    };
    size_t count = 0;

    for (char **at = environ; *at != NULL && count + 2 < VARIABLES_MAX; at++) {
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
            if (strncasecmp(*at, kept[i], strlen(kept[i])) == 0) {
                made[count++] = *at;
                break;
            }
        }
    }
    made[count++] = include;
    made[count] = NULL;
}

/* The SDK's headers: of the prefix that this program is in, or of the sources it was built from. */
static void find_include(char *out, size_t size)
{
    char folder[PATH_MAX], header[PATH_MAX];

    if (en_beside(header, "../include/enoki/function.h") && access(header, R_OK) == 0 &&
        en_beside(folder, "../include"))
        (void)snprintf(out, size, "ENOKI_INCLUDE=%.3000s", folder);
    else
        (void)snprintf(out, size, "ENOKI_INCLUDE=%s", ENOKI_SOURCE_INCLUDE);
}

static int start(pid_t *pid, const char *script, const char *folder,
                 const struct identity *identity, int out)
{
    char include[4096], *environment[VARIABLES_MAX];
    char *text = NULL;
    char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, NULL, NULL};
    struct confine confine;
    char path[PATH_MAX], **confined;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int rc;

    if (asprintf(&text, BOUNDS "%s%s", identity->is_other ? BOUNDS_OF_OWN : "", script) < 0)
        return ENOMEM;
    argv[2] = text;
    confined = confine_step(&confine, identity, folder) != 0 ? NULL : confine_argv(&confine, argv);
    if (confined == NULL || !en_beside(path, confined[0])) {
        confine_fini(&confine);
        free(text);
        return ENOMEM;
    }
    find_include(include, sizeof(include));
    make_environment(environment, include);
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) != 0 ||
                 posix_spawn_file_actions_adddup2(&actions, out, 1) != 0 ||
                 posix_spawn_file_actions_adddup2(&actions, out, 2) != 0 ||
                 posix_spawnattr_setpgroup(&attributes, 0) != 0 ||
                 posix_spawnattr_setsigmask(&attributes, &none) != 0 ||
                 posix_spawnattr_setflags(&attributes,
                                          POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK) != 0
             ? ENOMEM
             : posix_spawn(pid, path, &actions, &attributes, confined, environment);
    confine_fini(&confine);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    free(text);
    return rc;
}

/* Until the output ends; false: the time did first. */
static bool collect(int fd, uint64_t until_ms, struct tail *tail)
{
    char bytes[4096];

    for (;;) {
        uint64_t now = en_clock_ms();
        struct pollfd waits = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (now >= until_ms)
            return false;
        if (poll(&waits, 1, (int)(until_ms - now)) <= 0)
            continue;
        n = read(fd, bytes, sizeof(bytes));
        if (n == 0 || (n < 0 && errno != EINTR))
            return true;
        if (n > 0)
            add(tail, bytes, (size_t)n);
    }
}

int step_run(const char *script, const char *folder, struct builder *builder, uint64_t limit_ms,
             struct enoki_error *err)
{
    struct tail tail = {.len = 0};
    int pipes[2], status = 0, rc;
    bool in_time;
    pid_t pid;

    if (pipe2(pipes, O_CLOEXEC) != 0)
        return enoki_error_set(err, ENOKI_EIO, "pipe: %s", strerrordesc_np(errno));
    rc = start(&pid, script, folder, &builder->identity, pipes[1]);
    (void)close(pipes[1]);
    if (rc != 0) {
        (void)close(pipes[0]);
        return enoki_error_set(err, ENOKI_EIO, "a step cannot be started: %s", strerrordesc_np(rc));
    }
    in_time = collect(pipes[0], en_clock_ms() + limit_ms, &tail);
    (void)kill(-pid, SIGKILL); /* what it left behind too; it has ended itself, or must now */
    (void)close(pipes[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    keep(&tail, &builder->output);
    if (!in_time)
        return enoki_error_set(err, ENOKI_ETIMEOUT, "building took longer than %llu s",
                               (unsigned long long)(limit_ms / 1000));
    return enoki_error_set(err, ENOKI_EFUNCTION, "building failed");
}
