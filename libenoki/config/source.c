#include "config/source.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FILE_SHOWN_BYTES 200u
#define VALUE_SHOWN 60 /* characters of a wrong value in a message */
#define NAME_MAX_BYTES 160u

/* "functions[1].limits.body": the way down to a setting. */
static void describe(const config_setting_t *setting, char *out, size_t size)
{
    const config_setting_t *parent = config_setting_parent(setting);
    const char *name = config_setting_name(setting);
    size_t len;

    if (parent == NULL) {
        out[0] = '\0';
        return;
    }
    describe(parent, out, size);
    len = strlen(out);
    if (name != NULL)
        (void)snprintf(out + len, size - len, "%s%.64s", len > 0 ? "." : "", name);
    else
        (void)snprintf(out + len, size - len, "[%d]", config_setting_index(setting));
}

int en_source_fail(const struct en_source *source, const config_setting_t *setting,
                   const char *format, ...)
{
    size_t path_len = strlen(source->path);
    size_t skipped = path_len > FILE_SHOWN_BYTES ? path_len - FILE_SHOWN_BYTES : 0;
    char text[ENOKI_ERROR_MESSAGE_BYTES];
    char name[NAME_MAX_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    describe(setting, name, sizeof(name));
    return enoki_error_set(source->err, ENOKI_ECONFIG, "%s:%u: %s%s%s", source->path + skipped,
                           (unsigned)config_setting_source_line(setting), name,
                           name[0] == '\0' ? "" : ": ", text);
}

int en_source_no_memory(const struct en_source *source)
{
    return enoki_error_set(source->err, ENOKI_ENOMEM, "out of memory");
}

const char *en_source_type(const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return "a whole number";
    case CONFIG_TYPE_FLOAT:
        return "a fraction";
    case CONFIG_TYPE_STRING:
        return "a text";
    case CONFIG_TYPE_BOOL:
        return "true or false";
    case CONFIG_TYPE_ARRAY:
        return "an array [ ]";
    case CONFIG_TYPE_LIST:
        return "a list ( )";
    case CONFIG_TYPE_GROUP:
        return "a group { }";
    default:
        return "nothing";
    }
}

const char *en_source_path(const struct en_source *source, const char *path)
{
    if (path[0] == '/' || source->folder[0] == '\0')
        return en_arena_textf(source->arena, "%s", path);
    return en_arena_textf(source->arena, "%s%s%s", source->folder,
                          strcmp(source->folder, "/") == 0 ? "" : "/", path);
}

static int read_text(const struct en_source *source, const struct en_key *key,
                     const config_setting_t *setting, const char **out)
{
    const char *text = config_setting_get_string(setting);
    char *copy;

    if (text == NULL)
        return en_source_fail(source, setting, "%s; allowed: a text, such as \"%s\"",
                              en_source_type(setting),
                              key->initial != NULL ? key->initial : "text");
    copy = en_arena_textf(source->arena, "%s", text);
    if (copy == NULL)
        return en_source_no_memory(source);
    *out = copy;
    return 0;
}

static int check_word(const struct en_source *source, const struct en_key *key,
                      const config_setting_t *setting, const char *word)
{
    if (en_word_is_in(word, key->words))
        return 0;
    if (en_word_is_in(word, key->later))
        return en_source_fail(source, setting, "'%s' is not built in yet; allowed: %s", word,
                              key->words);
    return en_source_fail(source, setting, "unknown value '%.*s'; allowed: %s", VALUE_SHOWN, word,
                          key->words);
}

static int fail_number(const struct en_source *source, const struct en_key *key,
                       const config_setting_t *setting, const char *quote, const char *value)
{
    char min[EN_UNIT_TEXT_BYTES], max[EN_UNIT_TEXT_BYTES];

    en_unit_format(key->unit, key->min, min);
    en_unit_format(key->unit, key->max, max);
    return en_source_fail(source, setting, "%s%.*s%s; allowed: %s, from %s to %s", quote,
                          VALUE_SHOWN, value, quote, en_unit_form(key->unit), min, max);
}

static int read_number(const struct en_source *source, const struct en_key *key,
                       const config_setting_t *setting, uint64_t *out)
{
    int type = config_setting_type(setting);
    const char *text = config_setting_get_string(setting);
    char digits[EN_UNIT_TEXT_BYTES];
    uint64_t value;

    /* A bare number is fine where the unit needs no name. */
    if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64) {
        (void)snprintf(digits, sizeof(digits), "%lld", config_setting_get_int64(setting));
        text = digits;
    } else if (text == NULL || key->unit == EN_UNIT_COUNT) {
        return fail_number(source, key, setting, "", en_source_type(setting));
    }
    if (!en_unit_parse(key->unit, text, &value) || value < key->min || value > key->max)
        return fail_number(source, key, setting, "'", text);
    *out = value;
    return 0;
}

static int read_switch(const struct en_source *source, const config_setting_t *setting, bool *out)
{
    if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
        return en_source_fail(source, setting, "%s; allowed: true or false",
                              en_source_type(setting));
    *out = config_setting_get_bool(setting) != 0;
    return 0;
}

int en_source_value(const struct en_source *source, const struct en_key *key,
                    const config_setting_t *setting, void *base)
{
    char *place = (char *)base + key->offset;
    const char *text = NULL;
    uint64_t number = 0;
    int rc;

    if (key->kind == EN_KEY_SWITCH)
        return read_switch(source, setting, (bool *)place);
    if (key->kind == EN_KEY_NUMBER) {
        rc = read_number(source, key, setting, &number);
        if (rc == 0)
            memcpy(place, &number, sizeof(number));
        return rc;
    }
    rc = read_text(source, key, setting, &text);
    if (rc == 0 && key->kind == EN_KEY_WORD)
        rc = check_word(source, key, setting, text);
    if (rc == 0)
        memcpy(place, &text, sizeof(text));
    return rc;
}

int en_source_check(const struct en_source *source, const config_setting_t *group, const char *name,
                    const char *(*check)(const char *text))
{
    const config_setting_t *setting = group == NULL ? NULL : config_setting_get_member(group, name);
    const char *text = setting == NULL ? NULL : config_setting_get_string(setting);
    const char *complaint = text == NULL ? NULL : check(text);

    if (complaint == NULL)
        return 0;
    return en_source_fail(source, setting, "'%.60s'; allowed: %s", text, complaint);
}

const char *en_source_optional_path(const struct en_source *source, const char *path, bool *failed)
{
    const char *made = path == NULL ? NULL : en_source_path(source, path);

    *failed = *failed || (path != NULL && made == NULL);
    return made;
}
