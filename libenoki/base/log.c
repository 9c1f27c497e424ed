#include "base/log.h"

#include "base/buffer.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A longer line is cut: a log must not grow with its input. */
#define LINE_MAX_BYTES 8192u

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* A line that grows until it is full; it can still be ended then. */
struct line {
    struct en_buffer bytes;
    bool json;
    bool is_open; /* inside quotes */
    bool is_full;
};

static void put(struct line *line, const char *bytes, size_t len)
{
    if (!line->is_full && en_buffer_append(&line->bytes, bytes, len) != 0)
        line->is_full = true;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static bool needs_quotes(const char *text)
{
    return text[0] == '\0' || strpbrk(text, " \"=\\\t\r\n") != NULL;
}

/* Escapes as JSON does; the same reads well inside the quotes of key="value". What is no UTF-8
 * would make the whole line unreadable for many. */
static void put_escaped(struct line *line, const char *text)
{
    size_t len = strlen(text), step;
    char code[8];

    for (size_t i = 0; i < len && !line->is_full; i += step) {
        unsigned char c = (unsigned char)text[i];

        step = c < 0x80 ? 1 : en_utf8_sequence(text + i, len - i);
        if (step == 0) {
            put_text(line, "\\ufffd");
            step = 1;
        } else if (c == '"' || c == '\\') {
            put(line, (const char[]){'\\', (char)c}, 2);
        } else if (c == '\n') {
            put_text(line, "\\n");
        } else if (c < 0x20 || c == 0x7f) {
            (void)snprintf(code, sizeof(code), "\\u%04x", c);
            put_text(line, code);
        } else {
            put(line, text + i, step);
        }
    }
}

static void put_key(struct line *line, const char *key)
{
    bool first = line->bytes.len <= (line->json ? 1 : 0);
    char start[64];

    if (line->json)
        (void)snprintf(start, sizeof(start), "%s\"%.50s\":", first ? "" : ",", key);
    else
        (void)snprintf(start, sizeof(start), "%s%.50s=", first ? "" : " ", key);
    put_text(line, start);
}

static void put_field(struct line *line, const char *key, const char *value)
{
    struct line before = *line;
    bool quoted = line->json || needs_quotes(value);

    put_key(line, key);
    if (quoted)
        put(line, "\"", 1);
    if (line->is_full) {
        line->bytes.len = before.bytes.len; /* a key without a value is none */
        return;
    }
    line->is_open = quoted;
    put_escaped(line, value);
    if (quoted)
        put(line, "\"", 1);
    line->is_open = quoted && line->is_full;
}

static void put_number(struct line *line, const char *key, uint64_t value)
{
    size_t len = line->bytes.len;
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRIu64, value);
    put_key(line, key);
    put_text(line, digits);
    if (line->is_full)
        line->bytes.len = len;
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

static int end_line(struct line *line)
{
    line->bytes.max += 4; /* room for this was kept */
    return en_buffer_appendf(&line->bytes, "%s%s\n", line->is_open ? "\"" : "",
                             line->json ? "}" : "");
}

void en_log_record(const struct en_log *log, enum enoki_log_level level, const char *message,
                   const struct en_log_field *fields, size_t count,
                   const struct en_log_number *numbers, size_t number_count)
{
    struct line line = {.bytes = EN_BUFFER_INIT(LINE_MAX_BYTES)};
    char time_text[40];

    if (log == NULL || log->fd < 0 || level > log->level)
        return;
    line.json = log->json;
    format_time(time_text, sizeof(time_text));
    put_text(&line, line.json ? "{" : "");
    put_field(&line, "time", time_text);
    put_field(&line, "level", level_names[level]);
    put_field(&line, "msg", message);
    for (size_t i = 0; i < number_count; i++)
        put_number(&line, numbers[i].key, numbers[i].value);
    for (size_t i = 0; i < count && !line.is_full; i++) {
        if (fields[i].value != NULL)
            put_field(&line, fields[i].key, fields[i].value);
    }
    if (end_line(&line) == 0) {
        ssize_t written = write(log->fd, line.bytes.data, line.bytes.len);

        (void)written; /* nobody is left to tell */
    }
    en_buffer_fini(&line.bytes);
}

void en_log_fields(const struct en_log *log, enum enoki_log_level level, const char *message,
                   const struct en_log_field *fields, size_t count)
{
    en_log_record(log, level, message, fields, count, NULL, 0);
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
