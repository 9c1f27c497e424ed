#include "invoke/bounds.h"

#include "config/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* For the signal's handler, which gets no context. */
static const struct en_log *watched_log;

/* Where the sanitizers keep their books is private memory too, terabytes of it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BOUNDS_MEMORY 0
#else
#define BOUNDS_MEMORY 1
#endif

/* Never above what this process was given. */
static int set(__rlimit_resource_t resource, const char *name, uint64_t value,
               struct enoki_error *err)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0)
        return enoki_error_set(err, ENOKI_EIO, "limit %s: %s", name, strerrordesc_np(errno));
    if (limit.rlim_max > value)
        limit.rlim_max = value;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit) != 0)
        return enoki_error_set(err, ENOKI_EIO, "limit %s of %llu: %s", name,
                               (unsigned long long)value, strerrordesc_np(errno));
    return 0;
}

/* The signal comes at the system call itself, never in the middle of other code of ours: it is safe
 * to log here. */
static void on_forbidden(int number, siginfo_t *info, void *context)
{
    char digits[16];
    const char *name = en_syscall_name(info->si_syscall);
    struct en_log_field fields[] = {{"limit", "seccomp"}, {"syscall", name}};

    (void)context;
    (void)snprintf(digits, sizeof(digits), "%d", info->si_syscall);
    if (name == NULL)
        fields[1].value = digits;
    en_log_fields(watched_log, ENOKI_LOG_ERROR, "a forbidden system call", fields, 2);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static int watch(const struct en_log *log, struct enoki_error *err)
{
    struct sigaction action = {.sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO | SA_NODEFER};

    watched_log = log;
    if (sigaction(SIGSYS, &action, NULL) != 0)
        return enoki_error_set(err, ENOKI_EIO, "sigaction: %s", strerrordesc_np(errno));
    return 0;
}

int en_bounds_set(const struct enoki_limits *limits, const struct en_bounds_room *room,
                  const struct en_log *log, struct enoki_error *err)
{
    bool own_user = getenv("ENOKI_OWN_USER") != NULL;
    int rc = watch(log, err);

    if (rc == 0 && limits->max_memory_bytes != 0 && BOUNDS_MEMORY)
        rc = set(RLIMIT_DATA, "memory", limits->max_memory_bytes, err);
    if (rc == 0 && limits->max_files != 0)
        rc = set(RLIMIT_NOFILE, "files", limits->max_files + room->descriptors, err);
    if (rc == 0 && limits->max_file_bytes != 0)
        rc = set(RLIMIT_FSIZE, "file_size", limits->max_file_bytes, err);
    if (rc == 0 && limits->max_processes != 0 && own_user)
        rc = set(RLIMIT_NPROC, "processes", limits->max_processes + room->processes, err);
    if (own_user)
        (void)unsetenv("ENOKI_OWN_USER");
    return rc;
}

const char *en_bounds_of_signal(int signal_number)
{
    switch (signal_number) {
    case SIGSYS:
        return "seccomp";
    case SIGXFSZ:
        return "file_size";
    case SIGXCPU:
        return "cpu";
    default:
        return NULL;
    }
}

const char *en_bounds_of_failure(const struct enoki_limits *limits, int code)
{
    int fd;

    if (code == ENOKI_ENOMEM && limits->max_memory_bytes != 0)
        return "memory";
    fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        (void)close(fd);
    return fd < 0 && errno == EMFILE ? "files" : NULL;
}
