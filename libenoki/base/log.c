#include "base/log.h"

#include "base/buffer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A longer line is cut: a log must not grow with its input. */
#define LINE_MAX_BYTES 8192u

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static bool needs_quotes(const char *text)
{
    return text[0] == '\0' || strpbrk(text, " \"=\\\t\r\n") != NULL;
}

/* Escapes as JSON does; the same reads well inside the quotes of key="value". */
static int append_escaped(struct en_buffer *line, const char *text)
{
    int rc = 0;

    for (const unsigned char *c = (const unsigned char *)text; *c != '\0' && rc == 0; c++) {
        if (*c == '"' || *c == '\\')
            rc = en_buffer_appendf(line, "\\%c", *c);
        else if (*c == '\n')
            rc = en_buffer_append_text(line, "\\n");
        else if (*c < 0x20 || *c == 0x7f)
            rc = en_buffer_appendf(line, "\\u%04x", *c);
        else
            rc = en_buffer_append(line, c, 1);
    }
    return rc;
}

static int append_field(struct en_buffer *line, bool json, const char *key, const char *value)
{
    int rc;

    if (json)
        rc = en_buffer_appendf(line, "%s\"%s\":\"", line->len > 1 ? "," : "", key);
    else
        rc = en_buffer_appendf(line, "%s%s=%s", line->len > 0 ? " " : "", key,
                               needs_quotes(value) ? "\"" : "");
    if (rc == 0)
        rc = append_escaped(line, value);
    if (rc == 0 && (json || needs_quotes(value)))
        rc = en_buffer_append_text(line, "\"");
    return rc;
}

static void format_time(char *out, size_t size)
{
    struct timespec now;
    struct tm utc;
    size_t len;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc) == NULL) {
        out[0] = '\0';
        return;
    }
    len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(out + len, size - len, ".%03ldZ", now.tv_nsec / 1000000);
}

static int append_fields(struct en_buffer *line, bool json, const struct en_log_field *fields,
                         size_t count)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        if (fields[i].value != NULL)
            rc = append_field(line, json, fields[i].key, fields[i].value);
    }
    return rc;
}

/* A line that was cut is still a whole one: there is room for its end. */
static int end_line(struct en_buffer *line, bool json, int rc)
{
    bool is_cut = rc == ENOKI_ELIMIT;

    if (rc != 0 && !is_cut)
        return rc;
    line->max += 4;
    return en_buffer_appendf(line, "%s%s\n", json && is_cut ? "\"" : "", json ? "}" : "");
}

void en_log_fields(const struct en_log *log, enum enoki_log_level level, const char *message,
                   const struct en_log_field *fields, size_t count)
{
    struct en_buffer line = EN_BUFFER_INIT(LINE_MAX_BYTES);
    char time_text[40];
    struct en_log_field first[3] = {{"time", time_text}, {"level", NULL}, {"msg", message}};
    int rc;

    if (log == NULL || log->fd < 0 || level > log->level)
        return;
    first[1].value = level_names[level];
    format_time(time_text, sizeof(time_text));
    rc = en_buffer_append_text(&line, log->json ? "{" : "");
    if (rc == 0)
        rc = append_fields(&line, log->json, first, 3);
    if (rc == 0)
        rc = append_fields(&line, log->json, fields, count);
    if (end_line(&line, log->json, rc) == 0) {
        ssize_t written = write(log->fd, line.data, line.len);

        (void)written; /* nobody is left to tell */
    }
    en_buffer_fini(&line);
}

void en_log(const struct en_log *log, enum enoki_log_level level, const char *format, ...)
{
    char message[1024];
    va_list args;

    if (log == NULL || log->fd < 0 || level > log->level)
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    en_log_fields(log, level, message, NULL, 0);
}
