#include "dev_log.h"

#include "functions.h"

#include <stdio.h>
#include <string.h>

static const char *text(json_object *object, const char *key)
{
    json_object *value = NULL;

    return json_object_object_get_ex(object, key, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : "";
}

static void show_output(const struct dev_log *log, json_object *object)
{
    char line[16384];
    int len = snprintf(line, sizeof(line), "%s", text(object, "msg"));
    enum colour colour = strcmp(text(object, "stream"), "stderr") == 0 ? YELLOW : PLAIN;

    make_printable(line, len < (int)sizeof(line) ? (size_t)len : sizeof(line) - 1);
    (void)printf("%s%s |%s %s%s%s\n", terminal_colour(stdout, CYAN), log->name,
                 terminal_colour(stdout, PLAIN),
                 colour == PLAIN ? "" : terminal_colour(stdout, colour), line,
                 colour == PLAIN ? "" : terminal_colour(stdout, PLAIN));
    (void)fflush(stdout);
}

/* enoki-run repeats in its own line what the runtime has said already. */
static enum dev_news show_error(struct dev_log *log, const char *message)
{
    static const char failed[] = "' cannot be started: ";
    const char *why = strncmp(message, "function '", 10) == 0 ? strstr(message, failed) : NULL;
    const char *shown = why == NULL ? message : why + sizeof(failed) - 1;

    if (strcmp(shown, log->last) != 0) {
        (void)snprintf(log->last, sizeof(log->last), "%s", shown);
        say_error("%s", log->last);
    }
    return why == NULL ? DEV_NOTHING : DEV_FAILED;
}

enum dev_news dev_log_show(struct dev_log *log, char *line)
{
    static const char ready[] = "ready: http";
    enum dev_news news = DEV_NOTHING;
    json_object *object;

    if (strncmp(line, ready, sizeof(ready) - 1) == 0) {
        (void)snprintf(log->url, sizeof(log->url), "%s", line + strlen("ready: "));
        log->last[0] = '\0';
        return DEV_READY;
    }
    object = line[0] == '{' ? json_tokener_parse(line) : NULL;
    if (object == NULL && strncmp(line, "ready: ", 7) != 0) {
        make_printable(line, strlen(line));
        (void)fprintf(stderr, "%s\n", line);
    } else if (object != NULL && text(object, "stream")[0] != '\0') {
        show_output(log, object);
    } else if (object != NULL && strcmp(text(object, "level"), "error") == 0) {
        news = show_error(log, text(object, "msg"));
    }
    json_object_put(object);
    return news;
}
