#include "invoke/greeting.h"

#include "wire/frame_invoke.h"

#include <stdlib.h>
#include <string.h>

static struct en_text text_of(const char *text)
{
    return (struct en_text){text, strlen(text)};
}

int en_greeting_put_start(struct en_buffer *out, const struct enoki_function_settings *function,
                          const char *worker, const char *folder)
{
    size_t count = function->variable_count;
    struct en_text *texts = calloc(2 * count + 1, sizeof(*texts));
    const struct en_frame_start start = {
        .worker = text_of(worker),
        .function = text_of(function->name),
        .folder = text_of(folder),
        .keygroup = text_of(""),
        .variable_count = (uint32_t)count,
    };
    int rc;

    if (texts == NULL)
        return ENOKI_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        texts[2 * i] = text_of(function->variables[i].name);
        texts[2 * i + 1] = text_of(function->variables[i].value);
    }
    rc = en_frame_start_put(out, &start, texts);
    free(texts);
    return rc;
}
