#include "base/buffer.h"
#include "config/keys.h"

#include "check_main.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_FOLDER TEST_SOURCE_ROOT "/config"

static char *read_manual(void)
{
    struct en_buffer text = EN_BUFFER_INIT(1000000);
    FILE *file = fopen(CONFIG_FOLDER "/README.md", "r");
    char chunk[4096];
    size_t got;

    ck_assert_ptr_nonnull(file);
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
        ck_assert_int_eq(en_buffer_append(&text, chunk, got), 0);
    (void)fclose(file);
    return text.data;
}

/* What may be written: "sync, process", "duration, 1ms to 24h". */
static void describe_value(const struct en_key *key, char *out, size_t size)
{
    static const char *const units[] = {
        [EN_UNIT_COUNT] = "number", [EN_UNIT_SIZE] = "size", [EN_UNIT_DURATION] = "duration"};
    char min[EN_UNIT_TEXT_BYTES], max[EN_UNIT_TEXT_BYTES];

    switch (key->kind) {
    case EN_KEY_NUMBER:
        en_unit_format(key->unit, key->min, min);
        en_unit_format(key->unit, key->max, max);
        (void)snprintf(out, size, "%s, %s to %s", units[key->unit], min, max);
        break;
    case EN_KEY_WORD:
        (void)snprintf(out, size, "%s", key->words);
        break;
    case EN_KEY_SWITCH:
        (void)snprintf(out, size, "true or false");
        break;
    case EN_KEY_TEXT:
        (void)snprintf(out, size, "text");
        break;
    case EN_KEY_REMOTES:
    case EN_KEY_ADDRESSES:
    case EN_KEY_LINES:
        (void)snprintf(out, size, "list of texts");
        break;
    case EN_KEY_SECCOMP:
        (void)snprintf(out, size, "default off, or list of texts");
        break;
    case EN_KEY_RANGE:
        (void)snprintf(out, size, "number or group");
        break;
    case EN_KEY_FUNCTIONS:
        (void)snprintf(out, size, "list");
        break;
    default:
        (void)snprintf(out, size, "group");
        break;
    }
}

START_TEST(the_manual_has_every_key_with_its_unit_range_and_default)
{
    char *manual = read_manual();
    const struct en_key *key;

    for (size_t i = 0; (key = en_key_at(i)) != NULL; i++) {
        char path[100], value[100], line[400];

        if (key->kind == EN_KEY_LATER)
            continue;
        en_key_path(key, path, sizeof(path));
        describe_value(key, value, sizeof(value));
        (void)snprintf(line, sizeof(line), "| `%s` | %s | %s%s%s | %s |\n", path, value,
                       key->initial != NULL ? "`" : "", key->initial != NULL ? key->initial : "",
                       key->initial != NULL ? "`" : "", key->help);
        ck_assert_msg(strstr(manual, line) != NULL, "config/README.md lacks the line\n%s", line);
    }
    free(manual);
}
END_TEST

START_TEST(every_default_is_a_value_that_is_allowed)
{
    const struct en_key *key;

    for (size_t i = 0; (key = en_key_at(i)) != NULL; i++) {
        uint64_t value = 0;

        if (key->initial == NULL)
            continue;
        if (key->kind == EN_KEY_WORD)
            ck_assert(en_word_is_in(key->initial, key->words));
        if (key->kind != EN_KEY_NUMBER)
            continue;
        ck_assert(en_unit_parse(key->unit, key->initial, &value));
        ck_assert_uint_ge(value, key->min);
        ck_assert_uint_le(value, key->max);
    }
}
END_TEST

START_TEST(every_example_is_a_good_configuration)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    glob_t found;

    ck_assert_int_eq(glob(CONFIG_FOLDER "/*.conf", 0, NULL, &found), 0);
    ck_assert_uint_ge(found.gl_pathc, 3);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct enoki_config *config = NULL;

        ck_assert_msg(enoki_config_load(&config, found.gl_pathv[i], &err) == 0, "%s", err.message);
        ck_assert_uint_ge(enoki_config_get(config)->function_count, 1);
        enoki_config_free(config);
    }
    globfree(&found);
}
END_TEST

START_TEST(sizes_and_durations_are_written_as_short_as_they_can_be_read)
{
    static const struct {
        enum en_unit unit;
        uint64_t value;
        const char *text;
    } cases[] = {
        {EN_UNIT_SIZE, 0, "0"},         {EN_UNIT_SIZE, 1023, "1023"},
        {EN_UNIT_SIZE, 1024, "1KiB"},   {EN_UNIT_SIZE, 1u << 30, "1GiB"},
        {EN_UNIT_DURATION, 0, "0ms"},   {EN_UNIT_DURATION, 1500, "1500ms"},
        {EN_UNIT_DURATION, 5000, "5s"}, {EN_UNIT_DURATION, 7200000, "2h"},
        {EN_UNIT_COUNT, 4096, "4096"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[EN_UNIT_TEXT_BYTES];
        uint64_t value = 1;

        en_unit_format(cases[i].unit, cases[i].value, text);
        ck_assert_str_eq(text, cases[i].text);
        ck_assert(en_unit_parse(cases[i].unit, text, &value));
        ck_assert_uint_eq(value, cases[i].value);
    }
}
END_TEST

START_TEST(a_number_with_no_or_an_unknown_unit_is_not_taken)
{
    uint64_t value = 77;

    ck_assert(!en_unit_parse(EN_UNIT_DURATION, "5", &value));
    ck_assert(!en_unit_parse(EN_UNIT_DURATION, "s", &value));
    ck_assert(!en_unit_parse(EN_UNIT_DURATION, "5 s", &value));
    ck_assert(!en_unit_parse(EN_UNIT_SIZE, "5kb", &value));
    ck_assert(!en_unit_parse(EN_UNIT_SIZE, "-5", &value));
    ck_assert(!en_unit_parse(EN_UNIT_SIZE, "18014398509481984KiB", &value));
    ck_assert(!en_unit_parse(EN_UNIT_COUNT, "5s", &value));
    ck_assert_uint_eq(value, 77);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_manual_has_every_key_with_its_unit_range_and_default,
        every_default_is_a_value_that_is_allowed,
        every_example_is_a_good_configuration,
        sizes_and_durations_are_written_as_short_as_they_can_be_read,
        a_number_with_no_or_an_unknown_unit_is_not_taken,
    };

    return check_main("manual", tests, sizeof(tests) / sizeof(tests[0]));
}
