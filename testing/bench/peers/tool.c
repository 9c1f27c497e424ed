#include "tool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t tool_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void tool_die(const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

uint64_t tool_number(const char *name, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value < min || value > max)
        tool_die("%s is '%s', must be a number from %llu to %llu", name, text,
                 (unsigned long long)min, (unsigned long long)max);
    return value;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

void tool_sort(uint64_t *samples, size_t count)
{
    qsort(samples, count, sizeof(*samples), compare);
}

uint64_t tool_quantile(const uint64_t *sorted, size_t count, double fraction)
{
    size_t index = (size_t)((double)count * fraction);

    if (count == 0)
        return 0;
    return sorted[index < count ? index : count - 1];
}

void tool_print_calls(uint64_t *samples, size_t count, uint64_t errors, uint64_t took_ns)
{
    tool_sort(samples, count);
    (void)printf("{\"calls\": %llu, \"errors\": %llu, \"rps\": %.1f, \"p50_us\": %.1f, "
                 "\"p99_us\": %.1f}\n",
                 (unsigned long long)count, (unsigned long long)errors,
                 (double)count * 1e9 / (double)took_ns,
                 (double)tool_quantile(samples, count, 0.5) / 1e3,
                 (double)tool_quantile(samples, count, 0.99) / 1e3);
}

int tool_connect(uint16_t port, int flags)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int one = 1;
    int saved;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
        goto out;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
        errno == EINPROGRESS)
        return fd;
out:
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}
