#include "mark.h"

#include <json.h>
#include <limits.h>
#include <string.h>

#define JSON_DEPTH 4

static bool mark_text(const char *line, size_t len, const char *function, struct en_buffer *out)
{
    return len > 5 && memcmp(line, "time=", 5) == 0 && memchr(line, '\0', len) == NULL &&
           en_buffer_append(out, line, len) == 0 &&
           en_buffer_appendf(out, " function=%s\n", function) == 0;
}

static bool mark_json(const char *line, size_t len, const char *function, struct en_buffer *out)
{
    json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    json_object *object = NULL;
    static const char start[] = "{\"time\":";
    bool is_good = false;

    if (tokener == NULL)
        return false;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    if (len > sizeof(start) && len < INT_MAX && memcmp(line, start, sizeof(start) - 1) == 0)
        object = json_tokener_parse_ex(tokener, line, (int)len);
    if (json_object_is_type(object, json_type_object) &&
        json_tokener_get_parse_end(tokener) == len &&
        json_object_object_add(object, "function", json_object_new_string(function)) == 0) {
        const char *text = json_object_to_json_string_ext(
            object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

        is_good = text != NULL && en_buffer_appendf(out, "%s\n", text) == 0;
    }
    json_object_put(object);
    json_tokener_free(tokener);
    return is_good;
}

bool mark_line(const char *line, size_t len, bool json, const char *function,
               struct en_buffer *out)
{
    return json ? mark_json(line, len, function, out) : mark_text(line, len, function, out);
}
