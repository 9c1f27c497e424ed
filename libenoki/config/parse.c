#include "config/parse.h"

#include "config/check.h"
#include "config/compose.h"
#include "config/limits.h"
#include "config/scan.h"
#include "config/source.h"

#include <stdlib.h>
#include <string.h>

#define ALLOWED_MAX_BYTES 400u

struct enoki_config {
    struct enoki_node_settings node;
    struct en_arena arena;
};

static int read_group(const struct en_source *source, const config_setting_t *setting,
                      enum en_group group, void *base);

static int fail_unknown(const struct en_source *source, const config_setting_t *setting,
                        enum en_group group)
{
    struct en_buffer allowed = EN_BUFFER_INIT(ALLOWED_MAX_BYTES);
    const struct en_key *guess = en_key_guess(group, config_setting_name(setting));
    int rc = en_key_append_names(group, &allowed);

    if (rc == ENOKI_ENOMEM)
        rc = en_source_no_memory(source);
    else
        rc = en_source_fail(source, setting, "unknown key%s%s%s; allowed: %s",
                            guess != NULL ? ", did you mean '" : "",
                            guess != NULL ? guess->name : "", guess != NULL ? "'?" : "",
                            allowed.data);
    en_buffer_fini(&allowed);
    return rc;
}

static int read_variables(const struct en_source *source, const config_setting_t *setting,
                          struct en_file_function *function)
{
    int count = config_setting_length(setting);
    struct enoki_variable *variables;

    if (!config_setting_is_group(setting))
        return en_source_fail(source, setting, "%s; allowed: a group { NAME = \"value\"; }",
                              en_source_type(setting));
    variables = en_arena_get(source->arena, (size_t)count + 1, sizeof(*variables));
    if (variables == NULL)
        return en_source_no_memory(source);
    for (int i = 0; i < count; i++) {
        const config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);
        const char *complaint = en_check_variable_name(config_setting_name(item));
        const char *value = config_setting_get_string(item);

        if (complaint != NULL)
            return en_source_fail(source, item, "%s", complaint);
        if (value == NULL)
            return en_source_fail(source, item, "%s; allowed: a text, such as \"10\"",
                                  en_source_type(item));
        variables[i].name = en_arena_textf(source->arena, "%s", config_setting_name(item));
        variables[i].value = en_arena_textf(source->arena, "%s", value);
        if (variables[i].name == NULL || variables[i].value == NULL)
            return en_source_no_memory(source);
    }
    function->variables = variables;
    function->variable_count = (size_t)count;
    return 0;
}

static int read_addresses(const struct en_source *source, const struct en_key *key,
                          const config_setting_t *setting, void *base)
{
    const char *joined = NULL;

    if (!config_setting_is_list(setting) || config_setting_length(setting) == 0)
        return en_source_fail(source, setting, "%s; allowed: a list ( \"HOST:PORT\", ... )",
                              en_source_type(setting));
    for (int i = 0; i < config_setting_length(setting); i++) {
        const config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);
        const char *text = config_setting_get_string(item);
        const char *complaint = text == NULL ? "a text \"HOST:PORT\"" : en_check_address(text);

        if (complaint != NULL)
            return en_source_fail(source, item, "'%.60s'; allowed: %s", text == NULL ? "" : text,
                                  complaint);
        joined = joined == NULL ? en_arena_textf(source->arena, "%s", text)
                                : en_arena_textf(source->arena, "%s,%s", joined, text);
        if (joined == NULL)
            return en_source_no_memory(source);
    }
    memcpy((char *)base + key->offset, &joined, sizeof(joined));
    return 0;
}

static int read_workers(const struct en_source *source, const struct en_key *key,
                        const config_setting_t *setting, struct en_file_function *function)
{
    long long number = config_setting_get_int64(setting);
    int type = config_setting_type(setting);
    int rc;

    if (type == CONFIG_TYPE_GROUP) {
        rc = read_group(source, setting, EN_GROUP_WORKERS, function);
        if (rc == 0 && function->workers_max == 0)
            return en_source_fail(source, setting,
                                  "'max' is missing; allowed: a number from 1 to "
                                  "4096");
        if (rc == 0 && function->workers_min > function->workers_max)
            return en_source_fail(source, setting, "'min' is above 'max'; allowed: 0 to max");
        return rc;
    }
    if ((type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) || number < (long long)key->min ||
        number > (long long)key->max)
        return en_source_fail(source, setting,
                              "allowed: a number from 1 to 4096, or { min = 0; max = 4; idle = "
                              "\"30s\"; }");
    function->workers_min = (uint64_t)number;
    function->workers_max = (uint64_t)number;
    return 0;
}

static int read_key(const struct en_source *source, const struct en_key *key,
                    const config_setting_t *setting, void *base)
{
    switch (key->kind) {
    case EN_KEY_GROUP:
        if (!config_setting_is_group(setting))
            return en_source_fail(source, setting, "%s; allowed: a group { ... }",
                                  en_source_type(setting));
        return read_group(source, setting, key->inner, base);
    case EN_KEY_WORKERS:
        return read_workers(source, key, setting, base);
    case EN_KEY_VARIABLES:
        return read_variables(source, setting, base);
    case EN_KEY_FUNCTIONS:
        return 0; /* read last: functions start from the node's limits */
    case EN_KEY_ADDRESSES:
        return read_addresses(source, key, setting, base);
    case EN_KEY_LATER:
        return en_source_fail(source, setting, "not built in yet: remove this key");
    case EN_KEY_TEXT:
    case EN_KEY_WORD:
    case EN_KEY_NUMBER:
    default:
        return en_source_value(source, key, setting, base);
    }
}

static int read_group(const struct en_source *source, const config_setting_t *setting,
                      enum en_group group, void *base)
{
    int count = config_setting_length(setting);

    for (int i = 0; i < count; i++) {
        const config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);
        const struct en_key *key = en_key_find(group, config_setting_name(item));
        int rc =
            key == NULL ? fail_unknown(source, item, group) : read_key(source, key, item, base);

        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Checks one text of a group, if the file gives it; the setting says where. */
static int check_text(const struct en_source *source, const config_setting_t *group,
                      const char *name, const char *(*check)(const char *text))
{
    const config_setting_t *setting = group == NULL ? NULL : config_setting_get_member(group, name);
    const char *text = setting == NULL ? NULL : config_setting_get_string(setting);
    const char *complaint = text == NULL ? NULL : check(text);

    if (complaint == NULL)
        return 0;
    return en_source_fail(source, setting, "'%.60s'; allowed: %s", text, complaint);
}

static void set_initial(enum en_group group, void *base)
{
    const struct en_key *key;

    for (size_t i = 0; (key = en_key_at(i)) != NULL; i++) {
        char *place = (char *)base + key->offset;
        uint64_t number = 0;

        if (key->group != group || key->initial == NULL)
            continue;
        if (key->kind == EN_KEY_NUMBER) {
            (void)en_unit_parse(key->unit, key->initial, &number);
            memcpy(place, &number, sizeof(number));
        } else {
            memcpy(place, &key->initial, sizeof(key->initial));
        }
    }
}

static int check_function(const struct en_source *source, const config_setting_t *list, int index,
                          const struct enoki_function_settings *functions, const char *name)
{
    const config_setting_t *setting = config_setting_get_elem(list, (unsigned)index);
    int rc;

    if (name == NULL)
        return en_source_fail(source, setting, "'name' is missing; allowed: letters and digits");
    rc = check_text(source, setting, "name", en_check_function_name);
    if (rc == 0)
        rc = check_text(source, setting, "keygroup", en_check_keygroup);
    for (int i = 0; i < index && rc == 0; i++) {
        const config_setting_t *other = config_setting_get_elem(list, (unsigned)i);

        if (strcmp(functions[i].name, name) == 0)
            rc = en_source_fail(source, config_setting_get_member(setting, "name"),
                                "'%.60s' is the name of the function in line %u too; allowed: "
                                "every name once",
                                name, (unsigned)config_setting_source_line(other));
    }
    return rc;
}

static int read_function(const struct en_source *source, const config_setting_t *list, int index,
                         const config_setting_t *state, const struct en_file_node *node,
                         struct enoki_function_settings *functions)
{
    const config_setting_t *setting = config_setting_get_elem(list, (unsigned)index);
    struct enoki_function_settings *out = &functions[index];
    struct en_file_function file;
    const char *code;
    int rc;

    memset(&file, 0, sizeof(file));
    set_initial(EN_GROUP_FUNCTION, &file);
    file.limits = node->limits;
    if (!config_setting_is_group(setting))
        return en_source_fail(source, setting, "%s; allowed: a group { name = \"...\"; ... }",
                              en_source_type(setting));
    rc = read_group(source, setting, EN_GROUP_FUNCTION, &file);
    if (rc == 0)
        rc = check_function(source, list, index, functions, file.name);
    if (rc != 0)
        return rc;

    code = file.code;
    if (code == NULL)
        code = en_arena_textf(source->arena, "%s%s", file.name,
                              strcmp(file.language, "so") == 0 ? ".so" : "");
    out->code = code == NULL ? NULL : en_source_path(source, code);
    if (out->code == NULL)
        return en_source_no_memory(source);
    out->name = file.name;
    out->runtime = file.runtime;
    out->keygroup = file.keygroup;
    out->workers_min = (uint32_t)file.workers_min;
    out->workers_max = (uint32_t)file.workers_max;
    out->variables = file.variables;
    out->variable_count = file.variable_count;
    out->limits = file.limits;
    if (file.stale == NULL && file.expiry_ms == 0)
        return 0;
    if (strcmp(node->backend, "fred") != 0)
        return en_source_fail(source, setting,
                              "'stale' and 'expiry' are only for state.backend = \"fred\"");
    return en_compose_state(source, state, node, &file, &out->state);
}

static int read_functions(const struct en_source *source, const config_setting_t *root,
                          const struct en_file_node *file, struct enoki_node_settings *node)
{
    const config_setting_t *list = config_setting_get_member(root, "functions");
    const config_setting_t *state = config_setting_get_member(root, "state");
    struct enoki_function_settings *functions;
    int count, rc = 0;

    if (list == NULL)
        return 0;
    /* An empty ( ) is a list; [ ] holds scalars only. */
    if (!config_setting_is_list(list))
        return en_source_fail(source, list, "%s; allowed: a list ( { ... }, { ... } )",
                              en_source_type(list));
    count = config_setting_length(list);
    functions = en_arena_get(source->arena, (size_t)count + 1, sizeof(*functions));
    if (functions == NULL)
        return en_source_no_memory(source);
    for (int i = 0; i < count && rc == 0; i++)
        rc = read_function(source, list, i, state, file, functions);
    node->functions = functions;
    node->function_count = (size_t)count;
    return rc;
}

static int level_number(const char *word)
{
    static const char *const words[] = {"error", "warn", "info", "debug"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    return 2;
}

static int check_node(const struct en_source *source, const config_setting_t *root)
{
    int rc = check_text(source, root, "node", en_check_node);

    if (rc == 0)
        rc = check_text(source, config_setting_get_member(root, "state"), "path",
                        en_check_state_path);
    if (rc == 0)
        rc =
            check_text(source, config_setting_get_member(root, "listen"), "http", en_check_address);
    return rc;
}

static int read_node(const struct en_source *source, const config_setting_t *root,
                     struct enoki_node_settings *node)
{
    struct en_file_node file;
    const char *path;
    int rc;

    memset(&file, 0, sizeof(file));
    set_initial(EN_GROUP_NODE, &file);
    set_initial(EN_GROUP_STATE, &file);
    set_initial(EN_GROUP_LISTEN, &file);
    set_initial(EN_GROUP_LOG, &file);
    set_initial(EN_GROUP_LIMITS, &file);
    en_limits_fill(&file.limits); /* those that only functions have */
    rc = read_group(source, root, EN_GROUP_NODE, &file);
    if (rc == 0)
        rc = check_node(source, root);
    if (rc != 0)
        return rc;

    path = en_source_path(source, file.path);
    if (path == NULL)
        return en_source_no_memory(source);
    if (en_check_state_path(path) != NULL)
        return en_source_fail(source, root, "state.path: '%.200s'; allowed: %s", path,
                              en_check_state_path(path));
    rc = en_compose_state(source, config_setting_get_member(root, "state"), &file, NULL,
                          &node->state);
    if (rc != 0)
        return rc;
    node->node = file.node;
    node->listen_http = file.http;
    node->log_json = strcmp(file.log_format, "json") == 0;
    node->log_level = level_number(file.log_level);
    return read_functions(source, root, &file, node);
}

static int fail_text(const char *path, unsigned line, const char *what, struct enoki_error *err)
{
    size_t len = strlen(path);

    return enoki_error_set(err, ENOKI_ECONFIG, "%s:%u: %s", len > 200 ? path + len - 200 : path,
                           line, what);
}

static int parse_document(config_t *document, const char *text, size_t len, const char *path,
                          struct enoki_error *err)
{
    unsigned line = 1;
    const char *complaint = en_scan_config(text, len, &line);

    if (complaint != NULL)
        return fail_text(path, line, complaint, err);
    if (config_read_string(document, text) == CONFIG_TRUE)
        return 0;
    if (strcmp(config_error_text(document), "duplicate setting name") == 0)
        return fail_text(path, (unsigned)config_error_line(document),
                         "this key is there twice; allowed: every key once", err);
    return fail_text(path, (unsigned)config_error_line(document),
                     "syntax error here or just before; allowed: KEY = VALUE; with \"text\", "
                     "number, { group } or ( list )",
                     err);
}

int en_config_parse(struct enoki_config **out, const char *text, size_t len, const char *path,
                    struct enoki_error *err)
{
    const char *slash = strrchr(path, '/');
    struct en_source source = {.path = path, .folder = "", .err = err};
    struct enoki_config *config = NULL;
    config_t document;
    int rc;

    config_init(&document);
    rc = parse_document(&document, text, len, path, err);
    if (rc != 0)
        goto out;
    config = calloc(1, sizeof(*config));
    if (config == NULL) {
        rc = en_source_no_memory(&source);
        goto out;
    }
    source.arena = &config->arena;
    if (slash != NULL)
        source.folder =
            en_arena_textf(&config->arena, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (source.folder == NULL)
        rc = en_source_no_memory(&source);
    else
        rc = read_node(&source, config_root_setting(&document), &config->node);
    if (rc == 0) {
        *out = config;
        config = NULL;
    }
out:
    enoki_config_free(config);
    config_destroy(&document);
    return rc;
}

void enoki_config_free(struct enoki_config *config)
{
    if (config == NULL)
        return;
    en_arena_fini(&config->arena);
    free(config);
}

const struct enoki_node_settings *enoki_config_get(const struct enoki_config *config)
{
    return &config->node;
}
