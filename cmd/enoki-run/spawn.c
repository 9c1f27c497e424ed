#include "spawn.h"

#include "invoke/beside.h"
#include "net/pass.h"
#include "state/counts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

/* Where a runtime finds what it is given. */
enum { FRAMES_AT = 3, PEERS_AT, ROUTES_AT, COUNTS_AT, FIRST_FREE };
static char *const sockets_at[] = {"ENOKI_FD=3", "ENOKI_PEERS_FD=4", "ENOKI_ROUTES_FD=5",
                                   "ENOKI_COUNTS_FD=6"};
#define SOCKETS (sizeof(sockets_at) / sizeof(sockets_at[0]))
#define ENVIRONMENT_MAX 4096u

/* The runtime's ends. */
struct ends {
    int frames, peers, routes, counts, out, err;
};

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static int open_ends(struct spawned *out, struct ends *ends)
{
    int sockets[2], pipes[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
        return ENOKI_EIO;
    out->frames = sockets[0];
    ends->frames = sockets[1];
    if (en_pass_pair(sockets) != 0)
        return ENOKI_EIO;
    out->peers = sockets[0];
    ends->peers = sockets[1];
    if (en_pass_pair(sockets) != 0)
        return ENOKI_EIO;
    out->routes = sockets[0];
    ends->routes = sockets[1];
    if (en_counts_new(&ends->counts) != 0 ||
        (out->counts = fcntl(ends->counts, F_DUPFD_CLOEXEC, 0)) < 0)
        return ENOKI_EIO;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return ENOKI_EIO;
    out->out = pipes[0];
    ends->out = pipes[1];
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return ENOKI_EIO;
    out->err = pipes[0];
    ends->err = pipes[1];
    if (fcntl(out->out, F_SETFL, O_NONBLOCK) != 0 || fcntl(out->err, F_SETFL, O_NONBLOCK) != 0)
        return ENOKI_EIO;
    return 0;
}

/* Descriptors are moved above those that they become, so that no move overwrites another. */
static int add_actions(posix_spawn_file_actions_t *actions, struct ends *ends)
{
    int *const all[] = {&ends->frames, &ends->peers, &ends->routes,
                        &ends->counts, &ends->out,   &ends->err};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        int moved = fcntl(*all[i], F_DUPFD_CLOEXEC, FIRST_FREE);

        if (moved < 0)
            return errno;
        (void)close(*all[i]);
        *all[i] = moved;
    }
    return posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) != 0 ||
                   posix_spawn_file_actions_adddup2(actions, ends->out, STDOUT_FILENO) != 0 ||
                   posix_spawn_file_actions_adddup2(actions, ends->err, STDERR_FILENO) != 0 ||
                   posix_spawn_file_actions_adddup2(actions, ends->frames, FRAMES_AT) != 0 ||
                   posix_spawn_file_actions_adddup2(actions, ends->peers, PEERS_AT) != 0 ||
                   posix_spawn_file_actions_adddup2(actions, ends->routes, ROUTES_AT) != 0 ||
                   posix_spawn_file_actions_adddup2(actions, ends->counts, COUNTS_AT) != 0 ||
                   /* libcoap's sockets are not close-on-exec. */
                   posix_spawn_file_actions_addclosefrom_np(actions, FIRST_FREE) != 0
               ? ENOMEM
               : 0;
}

/* A group of its own: ^C reaches the front door alone, which stops what it started in order. The
 * loop's signals are blocked nowhere, and ignored ones are not ignored by functions. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;

    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)sigaddset(&defaults, SIGHUP);
    return posix_spawnattr_setpgroup(attributes, 0) != 0 ||
                   posix_spawnattr_setsigmask(attributes, &none) != 0 ||
                   posix_spawnattr_setsigdefault(attributes, &defaults) != 0 ||
                   posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP |
                                                            POSIX_SPAWN_SETSIGMASK |
                                                            POSIX_SPAWN_SETSIGDEF) != 0
               ? ENOMEM
               : 0;
}

/* This process's environment without what is ours, and where the sockets are. */
static void make_environment(char **made)
{
    size_t count = 0;

    for (char **at = environ; *at != NULL && count + SOCKETS + 1 < ENVIRONMENT_MAX; at++) {
        if (strncmp(*at, "ENOKI_", strlen("ENOKI_")) != 0 ||
            strncmp(*at, "ENOKI_MODULE_PATH=", strlen("ENOKI_MODULE_PATH=")) == 0)
            made[count++] = *at;
    }
    for (size_t i = 0; i < SOCKETS; i++)
        made[count++] = sockets_at[i];
    made[count] = NULL;
}

static int start(pid_t *pid, char *const *argv, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const *environment)
{
    char path[PATH_MAX];
    int rc = ENOENT;

    if (en_beside(path, argv[0]))
        rc = posix_spawn(pid, path, actions, attributes, argv, environment);
    if (rc == ENOENT)
        rc = posix_spawnp(pid, argv[0], actions, attributes, argv, environment);
    return rc;
}

static int spawn_it(struct spawned *out, char *const *argv, struct ends *ends)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment = calloc(ENVIRONMENT_MAX, sizeof(*environment));
    int rc;

    if (environment == NULL)
        return ENOMEM;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    make_environment(environment);
    rc = add_actions(&actions, ends);
    if (rc == 0)
        rc = set_attributes(&attributes);
    if (rc == 0)
        rc = start(&out->pid, argv, &actions, &attributes, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    free(environment);
    return rc;
}

int spawn_runtime(struct spawned *out, char *const *argv, struct enoki_error *err)
{
    struct ends ends = {-1, -1, -1, -1, -1, -1};
    int rc;

    *out = (struct spawned){-1, -1, -1, -1, -1, -1, -1, -1};
    rc = open_ends(out, &ends) != 0 ? errno : spawn_it(out, argv, &ends);
    close_if_open(&ends.frames);
    close_if_open(&ends.peers);
    close_if_open(&ends.routes);
    close_if_open(&ends.counts);
    close_if_open(&ends.out);
    close_if_open(&ends.err);
    if (rc == 0) {
        /* A direct call: glibc of Debian 12 has the wrapper, older ones do not. */
        out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
        if (out->pidfd >= 0)
            return 0;
        rc = errno;
        (void)kill(out->pid, SIGKILL);
    }
    close_if_open(&out->frames);
    close_if_open(&out->peers);
    close_if_open(&out->routes);
    close_if_open(&out->counts);
    close_if_open(&out->out);
    close_if_open(&out->err);
    return enoki_error_set(err, rc == ENOENT ? ENOKI_ENOTFOUND : ENOKI_EIO,
                           "'%s' cannot be started: %s%s", argv[0], strerrordesc_np(rc),
                           rc == ENOENT ? ": install it beside enoki-run" : "");
}
