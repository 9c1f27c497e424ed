#include "terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ERASE_LINE "\r\033[K"

bool terminal_has_colour(FILE *stream)
{
    const char *refused = getenv("NO_COLOR"), *kind = getenv("TERM");

    return isatty(fileno(stream)) && (refused == NULL || refused[0] == '\0') &&
           (kind == NULL || strcmp(kind, "dumb") != 0);
}

const char *terminal_colour(FILE *stream, enum colour colour)
{
    static const char *const codes[COLOURS] = {
        [PLAIN] = "\033[0m", [BOLD] = "\033[1m",     [DIM] = "\033[2m",
        [RED] = "\033[31m",  [GREEN] = "\033[32m",   [YELLOW] = "\033[33m",
        [BLUE] = "\033[34m", [MAGENTA] = "\033[35m", [CYAN] = "\033[36m"};

    return terminal_has_colour(stream) ? codes[colour] : "";
}

void terminal_size(unsigned *columns_out, unsigned *rows_out)
{
    struct winsize size;
    bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;

    *columns_out = is_known ? size.ws_col : 80;
    *rows_out = is_known && size.ws_row > 0 ? size.ws_row : 24;
}

static void say(enum colour colour, const char *format, va_list arguments)
{
    status_clear();
    (void)fprintf(stderr, "%senoki:%s ", terminal_colour(stderr, colour),
                  terminal_colour(stderr, PLAIN));
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
}

void say_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(RED, format, arguments);
    va_end(arguments);
}

void say_warning(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(YELLOW, format, arguments);
    va_end(arguments);
}

void make_printable(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            text[i] = '?';
    }
}

bool confirm(bool yes, const char *option, const char *format, ...)
{
    char answer[8];
    va_list arguments;

    if (yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        say_error("this needs %s where nobody can be asked", option);
        return false;
    }
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, " [y/N] ");
    return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

void status_show(const char *format, ...)
{
    va_list arguments;

    if (!isatty(STDERR_FILENO))
        return;
    (void)fprintf(stderr, ERASE_LINE "%s", terminal_colour(stderr, DIM));
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputs(terminal_colour(stderr, PLAIN), stderr);
    (void)fflush(stderr);
}

void status_clear(void)
{
    if (isatty(STDERR_FILENO))
        (void)fputs(ERASE_LINE, stderr);
}

int finish_output(void)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return 0;
    say_error("cannot write to standard output");
    return 1;
}
