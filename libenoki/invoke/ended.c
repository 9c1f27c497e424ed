#include "invoke/ended.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 1000

void en_ended_text(int wait_status, char text[EN_ENDED_TEXT_SIZE])
{
    int number = WTERMSIG(wait_status);

    if (WIFSIGNALED(wait_status))
        (void)snprintf(text, EN_ENDED_TEXT_SIZE, "was killed by signal %d (%s)", number,
                       strsignal(number));
    else
        (void)snprintf(text, EN_ENDED_TEXT_SIZE, "ended with status %d", WEXITSTATUS(wait_status));
}

void en_ended_wait(pid_t child, char text[EN_ENDED_TEXT_SIZE])
{
    struct pollfd end = {.fd = pidfd_open(child, 0), .events = POLLIN};
    int wait_status = 0;

    if (end.fd >= 0 && poll(&end, 1, WAIT_MS) == 1 &&
        waitpid(child, &wait_status, WNOHANG) == child)
        en_ended_text(wait_status, text);
    else
        (void)snprintf(text, EN_ENDED_TEXT_SIZE, "hung up");
    if (end.fd >= 0)
        (void)close(end.fd);
}
