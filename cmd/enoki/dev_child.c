#include "dev_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A terminal's ^C is for us alone: we end our children in order. */
static void become(char *const argv[], const char *folder, int out, pid_t parent)
{
    sigset_t none;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)setpgid(0, 0);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent || null < 0 ||
        dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(out, STDERR_FILENO) < 0 || chdir(folder) != 0)
        _exit(127);
    (void)execvp(argv[0], argv);
    _exit(127);
}

int dev_child_start(struct dev_child *child, char *const argv[], const char *folder,
                    struct enoki_error *err)
{
    pid_t self = getpid(), pid;
    int pipes[2];

    if (pipe2(pipes, O_CLOEXEC) != 0)
        return enoki_error_set(err, ENOKI_EIO, "pipe: %s", strerrordesc_np(errno));
    pid = fork();
    if (pid == 0)
        become(argv, folder, pipes[1], self);
    (void)close(pipes[1]);
    if (pid < 0) {
        (void)close(pipes[0]);
        return enoki_error_set(err, ENOKI_EIO, "%.200s cannot be started: %s", argv[0],
                               strerrordesc_np(errno));
    }
    (void)setpgid(pid, pid); /* whoever of the two is first */
    (void)fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    *child = (struct dev_child){pid, pipes[0]};
    return 0;
}

void dev_child_signal(const struct dev_child *child, int number)
{
    if (child->pid != 0)
        (void)kill(-child->pid, number);
}

int dev_child_end(struct dev_child *child)
{
    int status = 0;

    if (child->pid == 0)
        return 0;
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)close(child->fd);
    *child = (struct dev_child){0, -1};
    return status;
}
