/*
 * log.h - where log lines go. The library itself never prints: whoever owns the process makes a
 * log and hands it down.
 *
 *   en_log_fields(log, ENOKI_LOG_WARN, "worker died", (struct en_log_field[]){{"pid", "17"}}, 1);
 *   -> time=2026-11-23T23:53:01.123Z level=warn msg="worker died" pid=17
 *
 * Threads  any thread; a line is one write(2), so lines of several processes do not mix.
 * Fork     safe.
 */
#ifndef EN_LOG_H
#define EN_LOG_H

#include <enoki/function.h>

#include <stdbool.h>
#include <stdint.h>

struct en_log {
    int fd;                     /* usually 2; -1 drops everything */
    bool json;                  /* JSON lines, else key=value */
    enum enoki_log_level level; /* less important lines are dropped */
};

struct en_log_field {
    const char *key;
    const char *value; /* NULL drops the field */
};

struct en_log_number {
    const char *key;
    uint64_t value;
};

/* Values that are no UTF-8 are made such. A long line is cut, and still a line of its format. */
void en_log_fields(const struct en_log *log, enum enoki_log_level level, const char *message,
                   const struct en_log_field *fields, size_t count);

/* The same, with numbers before the fields. */
void en_log_record(const struct en_log *log, enum enoki_log_level level, const char *message,
                   const struct en_log_field *fields, size_t count,
                   const struct en_log_number *numbers, size_t number_count);

/* A message without fields, formatted. log NULL: dropped. */
void en_log(const struct en_log *log, enum enoki_log_level level, const char *format, ...)
    ENOKI_PRINTF(3, 4);

#endif
