#include "output.h"

#include "mark.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads per wake-up, and lines that a pipe may have per millisecond: a function that writes without
 * end must not keep the loop. Its pipe is full meanwhile, and it waits. */
#define READS 4
#define LINES_PER_MS 10u
/* Memory for a line that is kept for the next one. */
#define KEEP_BYTES 512u
/* A line with its mark, escaped again. */
#define MARKED_MAX_BYTES (8u * LINE_MAX_BYTES)

struct instance_output {
    struct output_options options;
    struct en_watch *watch;
    struct en_timer *resume;
    struct en_buffer line;
    unsigned lines; /* since it last waited */
};

static size_t left_of(const struct instance_output *output, const char *at)
{
    return output->line.len - (size_t)(at - output->line.data);
}

static void pass_on(struct instance_output *output)
{
    const struct output_options *options = &output->options;
    struct en_buffer marked = EN_BUFFER_INIT(MARKED_MAX_BYTES);
    const struct en_log_field fields[] = {{"function", options->function},
                                          {"stream", options->is_stderr ? "stderr" : "stdout"}};

    if (options->is_stderr && mark_line(output->line.data, output->line.len, options->log->json,
                                        options->function, &marked)) {
        ssize_t written = write(options->log->fd, marked.data, marked.len);

        (void)written; /* nobody is left to tell */
    } else if (!options->has_file) {
        /* A NUL would end the text. */
        for (char *at = output->line.data; (at = memchr(at, '\0', left_of(output, at))) != NULL;)
            *at = ' ';
        en_log_fields(options->log, ENOKI_LOG_INFO, output->line.data, fields, 2);
    }
    en_buffer_fini(&marked);
}

static void end_line(struct instance_output *output)
{
    const struct output_options *options = &output->options;

    if (en_buffer_reserve(&output->line, 1) != 0)
        return;
    lines_add(options->lines, options->handler, options->is_stderr, output->line.data,
              output->line.len);
    pass_on(output);
    en_buffer_clear(&output->line, KEEP_BYTES);
    output->lines++;
}

/* What is too long for one line goes on in the next. */
static void add(struct instance_output *output, const char *bytes, size_t len)
{
    while (len > 0) {
        size_t room = LINE_MAX_BYTES - output->line.len;
        size_t part = len < room ? len : room;

        if (en_buffer_append(&output->line, bytes, part) != 0)
            return; /* no memory: the line lacks a part */
        bytes += part;
        len -= part;
        if (output->line.len == LINE_MAX_BYTES)
            end_line(output);
    }
}

static void take(struct instance_output *output, const char *bytes, size_t len)
{
    while (len > 0) {
        const char *newline = memchr(bytes, '\n', len);
        size_t part = newline == NULL ? len : (size_t)(newline - bytes);

        add(output, bytes, part);
        if (newline == NULL)
            return;
        end_line(output);
        bytes += part + 1;
        len -= part + 1;
    }
}

/* False: nothing is there now, or ever again. */
static bool read_once(struct instance_output *output)
{
    char bytes[4096];
    ssize_t n = read(output->options.fd, bytes, sizeof(bytes));

    if (n > 0)
        take(output, bytes, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        en_watch_pause(output->watch);
    return n > 0;
}

static void on_ready(void *context, bool readable, bool writable)
{
    struct instance_output *output = context;
    bool more = true;

    (void)readable;
    (void)writable;
    for (int i = 0; i < READS && more && output->lines < LINES_PER_MS; i++)
        more = read_once(output);
    if (more) {
        uint64_t now = en_clock_ms();

        en_watch_pause(output->watch);
        en_timer_set(output->resume, now + 1 + output->lines / LINES_PER_MS, now);
    }
    output->lines = 0;
}

static void on_resume(void *context)
{
    struct instance_output *output = context;

    if (en_watch_set(output->watch, true, false) != 0)
        en_timer_set(output->resume, en_clock_ms() + 100, en_clock_ms());
}

int output_new(struct instance_output **out, struct en_loop *loop,
               const struct output_options *options)
{
    struct instance_output *output = calloc(1, sizeof(*output));
    int rc;

    if (output == NULL)
        return ENOKI_ENOMEM;
    output->options = *options;
    output->line.max = LINE_MAX_BYTES + 1; /* a newline behind it */
    rc = en_timer_new(&output->resume, loop, on_resume, output);
    if (rc == 0)
        rc = en_watch_new(&output->watch, loop, options->fd, on_ready, output);
    if (rc == 0)
        rc = en_watch_set(output->watch, true, false);
    if (rc != 0) {
        en_watch_free(output->watch);
        en_timer_free(output->resume);
        free(output);
        return rc;
    }
    *out = output;
    return 0;
}

void output_free(struct instance_output *output)
{
    if (output == NULL)
        return;
    for (int i = 0; i < READS * READS && read_once(output); i++)
        ;
    if (output->line.len > 0)
        end_line(output);
    en_buffer_fini(&output->line);
    en_timer_free(output->resume);
    en_watch_free(output->watch);
    (void)close(output->options.fd);
    free(output);
}
