/* garbage - sends the front door, on the way that is for calls of other functions, what no caller
 * would: nothing, a lot, no socket, no name, and sockets that speak nonsense. */
#include <enoki/function.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUTES 5 /* ENOKI_ROUTES_FD */

static void pass(const void *message, size_t len, int fd)
{
    struct iovec part = {(void *)(uintptr_t)message, len};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct msghdr parts = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        parts.msg_control = control.room;
        parts.msg_controllen = sizeof(control.room);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
    }
    (void)sendmsg(ROUTES, &parts, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One end goes with the message, the other says this, and then no more. */
static void speak(const char *message, size_t len, const char *words, size_t words_len)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return;
    pass(message, len, pair[1]);
    (void)send(pair[0], words, words_len, MSG_NOSIGNAL);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    static const char hello[] = "\x08\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0enok\1\0\1\0"
                                "\x04\0\0\0\x42\0\0\0\1\0\0\0\0\0\0\0call";
    char longest[2000];
    int file = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)instance;
    memset(longest, 'x', sizeof(longest));
    for (int i = 0; i < 50; i++) {
        pass("\1echo", 5, -1);
        pass("\1echo", 5, file);
        pass("\1", 1, file);
        pass("\7echo", 5, file);
        pass(longest, sizeof(longest), file);
        for (char how = 0; how < 4; how++) {
            char message[] = {how, 'e', 'c', 'h', 'o'};

            speak(message, sizeof(message), "GET / HTTP/1.1\r\n\r\n", 18);
            speak(message, sizeof(message), hello, sizeof(hello) - 1);
            speak(message, 1, hello, 24);
            speak(longest, sizeof(longest), hello, 24);
            speak(message, sizeof(message), "", 0);
        }
    }
    (void)close(file);
    return enoki_call_reply(call, "sent", 4, err);
}

ENOKI_FUNCTION(.invoke = invoke);
