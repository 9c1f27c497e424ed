#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define OTHER_SCREEN "\033[?1049h\033[?25l"
#define FIRST_SCREEN "\033[?25h\033[?1049l"
#define TO_START "\033[H"
#define ERASE_REST_OF_LINE "\033[K"
#define ERASE_BELOW "\033[J"

/* One terminal, one screen: signal handlers reach nothing else. */
static struct {
    bool is_open;
    struct termios before;
    sigset_t mask;
    volatile sig_atomic_t ended;
    char *picture;
    size_t len;
} screen;

static void on_end(int number)
{
    (void)number;
    screen.ended = 1;
}

static void on_resize(int number)
{
    (void)number;
}

/* Signals arrive in screen_wait() alone. */
static void take_signals(void)
{
    const struct sigaction end = {.sa_handler = on_end}, resize = {.sa_handler = on_resize};
    sigset_t blocked;

    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGINT);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigaddset(&blocked, SIGHUP);
    (void)sigaddset(&blocked, SIGWINCH);
    (void)sigprocmask(SIG_BLOCK, &blocked, &screen.mask);
    (void)sigaction(SIGINT, &end, NULL);
    (void)sigaction(SIGTERM, &end, NULL);
    (void)sigaction(SIGHUP, &end, NULL);
    (void)sigaction(SIGWINCH, &resize, NULL);
}

static bool put(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, len);

        if (n < 0 && errno != EINTR)
            return false;
        bytes += n < 0 ? 0 : n;
        len -= n < 0 ? 0 : (size_t)n;
    }
    return true;
}

int screen_open(struct enoki_error *err)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &screen.before) != 0)
        return enoki_error_set(err, ENOKI_EIO, "standard input: %s", strerrordesc_np(errno));
    take_signals();
    raw = screen.before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    screen.is_open = true;
    (void)put(OTHER_SCREEN, strlen(OTHER_SCREEN));
    return 0;
}

void screen_close(void)
{
    if (!screen.is_open)
        return;
    screen.is_open = false;
    (void)put(FIRST_SCREEN, strlen(FIRST_SCREEN));
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen.before);
    (void)sigprocmask(SIG_SETMASK, &screen.mask, NULL);
}

FILE *screen_begin(void)
{
    return open_memstream(&screen.picture, &screen.len);
}

bool screen_end(FILE *picture)
{
    bool is_good = fclose(picture) == 0 && put(TO_START, strlen(TO_START));
    const char *at = screen.picture;

    while (is_good && at != NULL && *at != '\0') {
        size_t len = strcspn(at, "\n");

        /* No newline behind the last line: the picture must not move up. */
        is_good = put(at, len) && put(ERASE_REST_OF_LINE, strlen(ERASE_REST_OF_LINE)) &&
                  (at[len] == '\0' || at[len + 1] == '\0' || put("\r\n", 2));
        at += len + (at[len] == '\n' ? 1 : 0);
    }
    is_good = is_good && put(ERASE_BELOW, strlen(ERASE_BELOW));
    free(screen.picture);
    screen.picture = NULL;
    return is_good;
}

int screen_wait(unsigned ms)
{
    struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec limit = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    int ready = ppoll(&keys, 1, &limit, &screen.mask);
    unsigned char key;

    if (screen.ended)
        return 'q';
    if (ready <= 0)
        return 0;
    return read(STDIN_FILENO, &key, 1) == 1 ? key : 'q';
}
