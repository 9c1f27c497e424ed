#include "invoke/strays.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Children of the killed are adopted in turn: so often. */
#define ROUNDS 64

void en_strays_adopt(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static void end_one(pid_t pid)
{
    /* All of its group at once: one by one, others would fork meanwhile. */
    if (getpgid(pid) == pid)
        (void)kill(-pid, SIGKILL);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

/* As many as one read tells; the next round is for the others. */
static unsigned end_some(bool (*is_known)(void *context, pid_t pid), void *context)
{
    char text[4096], path[64];
    unsigned count = 0;
    ssize_t len;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    fd = open(path, O_RDONLY | O_CLOEXEC);
    len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        (void)close(fd);
    text[len < 0 ? 0 : len] = '\0';
    for (char *at = text, *end; (end = strchr(at, ' ')) != NULL; at = end + 1) {
        pid_t pid = (pid_t)strtol(at, NULL, 10);

        if (pid <= 0 || is_known(context, pid))
            continue;
        end_one(pid);
        count++;
    }
    return count;
}

unsigned en_strays_end(bool (*is_known)(void *context, pid_t pid), void *context)
{
    unsigned count = 0, more = 1;

    for (int i = 0; i < ROUNDS && more > 0; i++) {
        more = end_some(is_known, context);
        count += more;
    }
    return count;
}
