#include "lines.h"

#include "follow.h"
#include "log_files.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

struct lines {
    char *name;
    struct followers *followers;
    struct log_files *files;
    struct en_buffer text; /* whole lines; the oldest quarter goes when it is full */
};

int lines_new(struct lines **out, const char *name, struct followers *followers,
              struct log_files *files)
{
    struct lines *lines = calloc(1, sizeof(*lines));

    if (lines == NULL)
        return ENOKI_ENOMEM;
    lines->text.max = LINES_MAX_BYTES;
    lines->followers = followers;
    lines->files = files;
    lines->name = strdup(name);
    if (lines->name == NULL) {
        free(lines);
        return ENOKI_ENOMEM;
    }
    *out = lines;
    return 0;
}

void lines_free(struct lines *lines)
{
    if (lines == NULL)
        return;
    en_buffer_fini(&lines->text);
    free(lines->name);
    free(lines);
}

static void drop_oldest(struct en_buffer *text)
{
    const char *cut =
        memchr(text->data + LINES_MAX_BYTES / 4, '\n', text->len - LINES_MAX_BYTES / 4);
    size_t gone = cut == NULL ? text->len : (size_t)(cut + 1 - text->data);

    memmove(text->data, text->data + gone, text->len - gone);
    text->len -= gone;
    text->data[text->len] = '\0';
}

void lines_add(struct lines *lines, unsigned handler, bool is_stderr, const char *text, size_t len)
{
    char when[EN_CLOCK_TEXT_BYTES];
    size_t from;

    if (len > LINE_MAX_BYTES)
        len = LINE_MAX_BYTES;
    if (lines->text.len + len + 512 > LINES_MAX_BYTES)
        drop_oldest(&lines->text);
    en_clock_text(en_clock_wall_ns(), when);
    from = lines->text.len;
    if (en_buffer_appendf(&lines->text, "function=%.200s handler=%u stream=%s %s ", lines->name,
                          handler, is_stderr ? "stderr" : "stdout", when) != 0 ||
        en_buffer_append(&lines->text, text, len) != 0 ||
        en_buffer_append(&lines->text, "\n", 1) != 0) {
        lines->text.len = from;
        return;
    }
    text = lines->text.data + from;
    len = lines->text.len - from;
    followers_line(lines->followers, lines->name, text, len);
    log_files_put(lines->files, lines->name, text, len);
}

int lines_write(const struct lines *lines, size_t last, struct en_buffer *out)
{
    size_t from = lines->text.len;

    if (lines->text.len == 0)
        return 0;
    for (size_t seen = 0; last > 0 && from > 0; from--) {
        if (lines->text.data[from - 1] == '\n' && seen++ == last)
            break;
    }
    return en_buffer_append(out, lines->text.data + (last == 0 ? 0 : from),
                            lines->text.len - (last == 0 ? 0 : from));
}
