/*
 * enoki-confine - becomes another program, with less: another user, no way to get privileges, no
 * descriptors but the named ones, a working directory of its own, fewer system calls. enoki-run
 * starts runtimes and build steps through it, so that nothing of a function runs with more.
 */
#include "filter.h"

#include "invoke/beside.h"
#include "invoke/door.h"

#include <enoki/function.h>

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEEDS_MAX 8
/* Of what runs out of memory on this machine, functions end first. */
#define OOM_SCORE "500"

struct confinement {
    bool has_user;
    uid_t user;
    gid_t group;
    const char *directory; /* NULL: as it is */
    const char *seccomp;   /* NULL: as it is */
    bool reap;
    const char *needs[NEEDS_MAX];
    size_t need_count;
    char **argv;
};

enum { KEY_USER = 256, KEY_GROUP, KEY_DIRECTORY, KEY_SECCOMP, KEY_NEEDS, KEY_REAP };

static const struct argp_option options[] = {
    {"user", KEY_USER, "NUMBER", 0, "Run as this user, without other groups", 0},
    {"group", KEY_GROUP, "NUMBER", 0, "and this group", 0},
    {"directory", KEY_DIRECTORY, "DIR", 0, "Work there; also HOME and TMPDIR", 0},
    {"seccomp", KEY_SECCOMP, "NAMES", 0, "Forbid system calls, but not these", 0},
    {"needs", KEY_NEEDS, "PATH", 0, "Check that the user can read it; repeatable", 0},
    {"reap", KEY_REAP, NULL, 0, "Wait for the program, then end all that it left behind", 0},
    {NULL, 0, NULL, 0, NULL, 0}};

static bool take_number(const char *text, unsigned long max, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out <= max;
}

static error_t take_option(int key, char *text, struct argp_state *state)
{
    struct confinement *to = state->input;
    unsigned long number = 0;

    if ((key == KEY_USER || key == KEY_GROUP) && !take_number(text, UINT32_MAX - 1, &number))
        argp_error(state, "'%s' is no such number", text);
    switch (key) {
    case KEY_USER:
        to->has_user = true;
        to->user = (uid_t)number;
        return 0;
    case KEY_GROUP:
        to->group = (gid_t)number;
        return 0;
    case KEY_DIRECTORY:
        to->directory = text;
        return 0;
    case KEY_SECCOMP:
        to->seccomp = text;
        return 0;
    case KEY_NEEDS:
        if (to->need_count == NEEDS_MAX)
            argp_error(state, "--needs: at most %d", NEEDS_MAX);
        to->needs[to->need_count++] = text;
        return 0;
    case KEY_REAP:
        to->reap = true;
        return 0;
    case ARGP_KEY_ARGS:
        to->argv = state->argv + state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which program?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int fail(struct enoki_error *err, const char *what, const char *which)
{
    return enoki_error_set(err, ENOKI_EIO, "%s%.300s: %s", what, which, strerrordesc_np(errno));
}

/* Best effort: without it all processes are chosen alike. */
static void offer_to_oom_killer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, OOM_SCORE, strlen(OOM_SCORE)) < 0)
        errno = 0;
    (void)close(fd);
}

static int set_directory(const struct confinement *to, struct enoki_error *err)
{
    if (to->directory == NULL)
        return 0;
    if (chdir(to->directory) != 0)
        return fail(err, "the working directory ", to->directory);
    if (setenv("TMPDIR", to->directory, 1) != 0 || setenv("HOME", to->directory, 1) != 0 ||
        setenv("PWD", to->directory, 1) != 0)
        return fail(err, "the environment", "");
    return 0;
}

static int set_user(const struct confinement *to, struct enoki_error *err)
{
    if (!to->has_user)
        return 0;
    if (setgroups(0, NULL) != 0 || setresgid(to->group, to->group, to->group) != 0 ||
        setresuid(to->user, to->user, to->user) != 0)
        return enoki_error_set(err, ENOKI_EIO, "cannot become user %u: %s", to->user,
                               strerrordesc_np(errno));
    if (to->user != 0 && setresuid(0, 0, 0) == 0)
        return enoki_error_set(err, ENOKI_EIO, "user %u can become root again: not started",
                               to->user);
    (void)unsetenv("USER");
    (void)unsetenv("LOGNAME");
    return to->user != 0 && setenv("ENOKI_OWN_USER", "1", 1) != 0 ? ENOKI_ENOMEM : 0;
}

/* The folder on the way that keeps the user out, or the end itself. */
static int check_way(const char *path, struct enoki_error *err)
{
    char part[PATH_MAX];

    if (access(path, R_OK) == 0 || errno == ENOENT || strlen(path) >= sizeof(part))
        return 0; /* what is not there has its own message later */
    for (const char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
        if (access(part, X_OK) != 0)
            return enoki_error_set(err, ENOKI_EDENIED,
                                   "user %u, who runs the function, cannot enter '%s' on the way "
                                   "to '%.200s': give others the way (chmod o+x), move it, or set "
                                   "functions[].user or isolation.users = \"shared\"",
                                   geteuid(), part, path);
    }
    return enoki_error_set(err, ENOKI_EDENIED,
                           "user %u, who runs the function, cannot read '%.200s': let others read "
                           "it, or its group, and set functions[].group",
                           geteuid(), path);
}

/* Standard ones, and those that a front door gives a runtime (invoke/door.h). */
static unsigned highest_descriptor(void)
{
    static const char *const given[] = {"ENOKI_FD", "ENOKI_PEERS_FD", "ENOKI_ROUTES_FD",
                                         "ENOKI_COUNTS_FD"};
    unsigned long highest = STDERR_FILENO, number;

    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        const char *text = getenv(given[i]);

        if (text != NULL && take_number(text, INT_MAX, &number) && number > highest)
            highest = number;
    }
    return (unsigned)highest;
}

static int confine(const struct confinement *to, struct enoki_error *err)
{
    const struct rlimit none = {0, 0};
    int rc;

    (void)umask(077);
    offer_to_oom_killer();
    /* Before the user: the way there need not be open to others. */
    rc = set_directory(to, err);
    if (rc == 0)
        rc = set_user(to, err);
    for (size_t i = 0; i < to->need_count && rc == 0; i++)
        rc = check_way(to->needs[i], err);
    if (rc == 0 && setrlimit(RLIMIT_CORE, &none) != 0)
        rc = fail(err, "no core files", "");
    if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        rc = fail(err, "no_new_privs", "");
    if (rc == 0 && close_range(highest_descriptor() + 1, UINT_MAX, 0) != 0)
        rc = fail(err, "closing descriptors", "");
    if (rc == 0 && to->seccomp != NULL)
        rc = filter_load(to->seccomp, err);
    return rc;
}

static int become(const struct confinement *to, struct enoki_error *err)
{
    char path[PATH_MAX];

    if (strchr(to->argv[0], '/') == NULL && en_beside(path, to->argv[0])) {
        (void)execv(path, to->argv);
        if (errno != ENOENT)
            return fail(err, "cannot start ", path);
    }
    (void)execvp(to->argv[0], to->argv);
    return fail(err, "cannot start ", to->argv[0]);
}

/* To the front door that waits for this process to become a runtime, if there is one. */
static int report(const struct confinement *to, const struct enoki_error *err)
{
    struct enoki_error none = ENOKI_ERROR_INIT;
    struct en_door door = {.fd = -1};

    if (!to->reap && en_door_find(&door, &none) == 0 && door.fd >= 0)
        en_door_fail(&door, err);
    else
        (void)fprintf(stderr, "%s\n", err->message);
    return EXIT_FAILURE;
}

/* Ends every child, and so whoever they had left to us, until there is none. */
static void end_children(void)
{
    char path[64];
    int status;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    for (;;) {
        FILE *list = fopen(path, "re");
        int pid;

        while (list != NULL && fscanf(list, "%d", &pid) == 1)
            (void)kill(pid, SIGKILL);
        if (list != NULL)
            (void)fclose(list);
        if (waitpid(-1, &status, 0) < 0 && errno == ECHILD)
            return;
    }
}

/* This process keeps its user: what it started cannot end it. */
static int reap(const struct confinement *to)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    pid_t parent = getpid(), pid, ended;
    int status = 0;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        return EXIT_FAILURE;
    pid = fork();
    if (pid == 0) {
        /* In this order: who becomes another user has no such signal any more. */
        if (confine(to, &err) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
            getppid() != parent || become(to, &err) != 0)
            _exit(report(to, &err));
    }
    while (pid > 0 && (ended = waitpid(-1, &status, 0)) != pid) {
        if (ended < 0 && errno != EINTR)
            break;
    }
    end_children();
    if (pid < 0)
        return EXIT_FAILURE;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void print_version(FILE *out, struct argp_state *state)
{
    (void)state;
    (void)fprintf(out, "enoki-confine (enoki) %s\n", enoki_version());
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options,     take_option, "PROGRAM [ARGUMENT...]",
                                     "Runs a program with fewer privileges.", NULL, NULL, NULL};
    struct confinement to = {.has_user = false};
    struct enoki_error err = ENOKI_ERROR_INIT;

    argp_err_exit_status = 2;
    argp_program_version_hook = print_version;
    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &to) != 0)
        return 2;
    if (to.reap)
        return reap(&to);
    if (confine(&to, &err) != 0 || become(&to, &err) != 0)
        return report(&to, &err);
    return EXIT_SUCCESS;
}
