#include "config/parse.h"

#include "config/check.h"
#include "config/compose.h"
#include "config/isolation.h"
#include "config/limits.h"
#include "config/listen.h"
#include "config/remotes.h"
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

static int read_variables(const struct en_source *source, const struct en_key *key,
                          const config_setting_t *setting, void *base)
{
    int count = config_setting_length(setting);
    struct en_file_variables read = {NULL, (size_t)count};
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
    read.list = variables;
    memcpy((char *)base + key->offset, &read, sizeof(read));
    return 0;
}

static int read_texts(const struct en_source *source, const struct en_key *key,
                      const config_setting_t *setting, void *base)
{
    bool is_lines = key->kind == EN_KEY_LINES;
    const char *form = is_lines ? "\"text\"" : "\"HOST:PORT\"", *joined = NULL;

    if (!config_setting_is_list(setting) || config_setting_length(setting) == 0)
        return en_source_fail(source, setting, "%s; allowed: a list ( %s, ... )",
                              en_source_type(setting), form);
    for (int i = 0; i < config_setting_length(setting); i++) {
        const config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);
        const char *text = config_setting_get_string(item);
        const char *complaint = text == NULL ? form : is_lines ? NULL : en_check_address(text);

        if (complaint != NULL)
            return en_source_fail(source, item, "'%.60s'; allowed: %s", text == NULL ? "" : text,
                                  complaint);
        joined = joined == NULL
                     ? en_arena_textf(source->arena, "%s", text)
                     : en_arena_textf(source->arena, "%s%c%s", joined, is_lines ? '\n' : ',', text);
        if (joined == NULL)
            return en_source_no_memory(source);
    }
    memcpy((char *)base + key->offset, &joined, sizeof(joined));
    return 0;
}

static int read_remotes(const struct en_source *source, const struct en_key *key,
                        const config_setting_t *setting, void *base)
{
    int count = config_setting_length(setting);
    struct en_file_variables read = {NULL, (size_t)count};

    if (!config_setting_is_list(setting))
        return en_source_fail(source, setting, "%s; allowed: a list ( \"NAME=URL\", ... )",
                              en_source_type(setting));
    read.list = en_arena_get(source->arena, (size_t)count + 1, sizeof(*read.list));
    if (read.list == NULL)
        return en_source_no_memory(source);
    for (int i = 0; i < count; i++) {
        const config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);
        const char *text = config_setting_get_string(item);
        const char *complaint =
            en_remote_parse(source->arena, text == NULL ? "" : text, &read.list[i]);

        if (complaint == en_remote_no_memory)
            return en_source_no_memory(source);
        if (complaint != NULL)
            return en_source_fail(source, item, "'%.100s'; allowed: %s", text == NULL ? "" : text,
                                  complaint);
    }
    memcpy((char *)base + key->offset, &read, sizeof(read));
    return 0;
}

/* A number for both bounds, or a group of them. */
static int read_range(const struct en_source *source, const struct en_key *key,
                      const config_setting_t *setting, void *base)
{
    struct en_file_range *range = (void *)((char *)base + key->offset);
    long long number = config_setting_get_int64(setting);
    int type = config_setting_type(setting);
    int rc;

    if (type == CONFIG_TYPE_GROUP) {
        rc = read_group(source, setting, key->inner, base);
        if (rc == 0 && range->max == 0)
            return en_source_fail(source, setting,
                                  "'max' is missing; allowed: a number from 1 to %llu",
                                  (unsigned long long)key->max);
        if (rc == 0 && range->min > range->max)
            return en_source_fail(source, setting, "'min' is above 'max'; allowed: 0 to max");
        return rc;
    }
    if ((type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) || number < (long long)key->min ||
        number > (long long)key->max)
        return en_source_fail(source, setting,
                              "allowed: a number from 1 to %llu, or { min = 0; max = 4; idle = "
                              "\"30s\"; }",
                              (unsigned long long)key->max);
    *range = (struct en_file_range){(uint64_t)number, (uint64_t)number};
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
    case EN_KEY_RANGE:
        return read_range(source, key, setting, base);
    case EN_KEY_VARIABLES:
        return read_variables(source, key, setting, base);
    case EN_KEY_REMOTES:
        return read_remotes(source, key, setting, base);
    case EN_KEY_FUNCTIONS:
        return 0; /* read last: functions start from the node's limits */
    case EN_KEY_ADDRESSES:
    case EN_KEY_LINES:
        return read_texts(source, key, setting, base);
    case EN_KEY_SECCOMP:
        return en_isolation_read_seccomp(source, key, setting, base);
    case EN_KEY_LATER:
        return en_source_fail(source, setting, "not built in yet: remove this key");
    case EN_KEY_TEXT:
    case EN_KEY_WORD:
    case EN_KEY_SWITCH:
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

static void set_initial(enum en_group group, void *base)
{
    const struct en_key *key;

    for (size_t i = 0; (key = en_key_at(i)) != NULL; i++) {
        char *place = (char *)base + key->offset;
        uint64_t number = 0;

        if (key->group != group || key->initial == NULL)
            continue;
        if (key->kind == EN_KEY_SWITCH)
            continue; /* false is what it is already */
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
    rc = en_source_check(source, setting, "name", en_check_function_name);
    if (rc == 0)
        rc = en_source_check(source, setting, "keygroup", en_check_keygroup);
    if (rc == 0)
        rc = en_isolation_check(source, setting);
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

    out->code = en_compose_code(source, &file);
    if (out->code == NULL)
        return en_source_no_memory(source);
    out->name = file.name;
    out->runtime = file.runtime;
    out->keygroup = file.keygroup;
    out->variables = file.variables.list;
    out->variable_count = file.variables.count;
    rc = en_compose_secrets(source, setting, &file, out);
    if (rc != 0)
        return rc;
    out->workers_min = (uint32_t)file.workers.min;
    out->workers_max = (uint32_t)file.workers.max;
    out->instances_min = (uint32_t)file.instances.min;
    out->instances_max = (uint32_t)file.instances.max;
    out->instances_idle_ms = file.instances_idle_ms;
    out->concurrency = (uint32_t)file.concurrency;
    out->async_durable = strcmp(file.async, "durable") == 0;
    out->user = file.user;
    out->group = file.group;
    out->seccomp = file.seccomp;
    out->limits = file.limits;
    out->compat_tinyfaas =
        strcmp(file.compat != NULL ? file.compat : node->compat, "tinyfaas") == 0;
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
    int rc = en_source_check(source, root, "node", en_check_node);

    if (rc == 0)
        rc = en_source_check(source, config_setting_get_member(root, "state"), "path",
                             en_check_state_path);
    return rc;
}

/* What is written beside the state: the log, and calls. */
static int read_kept(const struct en_source *source, const struct en_file_node *file,
                     struct enoki_node_settings *node)
{
    bool failed = false;

    node->log_json = strcmp(file->log_format, "json") == 0;
    node->log_level = level_number(file->log_level);
    node->log_access = file->log_access ? 1 : 0;
    node->log_path = en_source_optional_path(source, file->log_path, &failed);
    node->log_max_bytes = file->log_max_bytes;
    node->log_keep = (uint32_t)file->log_keep;
    node->async_path = en_source_optional_path(source, file->async_path, &failed);
    node->async_max_bytes = file->async_max_bytes;
    return failed ? en_source_no_memory(source) : 0;
}

static int read_node(const struct en_source *source, const config_setting_t *root,
                     struct enoki_node_settings *node)
{
    static const enum en_group groups[] = {
        EN_GROUP_NODE,      EN_GROUP_STATE, EN_GROUP_LISTEN, EN_GROUP_DEPLOY,
        EN_GROUP_ISOLATION, EN_GROUP_LOG,   EN_GROUP_ASYNC,  EN_GROUP_LIMITS};
    struct en_file_node file;
    const char *path;
    int rc;

    memset(&file, 0, sizeof(file));
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        set_initial(groups[i], &file);
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
    rc = en_listen_settings(source, root, &file, node);
    if (rc != 0)
        return rc;
    rc = en_remotes_settle(source, &file, node);
    if (rc != 0)
        return rc;
    node->limits = file.limits;
    node->max_bodies_bytes = file.max_bodies_bytes;
    rc = read_kept(source, &file, node);
    if (rc != 0)
        return rc;
    rc = en_isolation_settle(source, &file, node);
    if (rc != 0)
        return rc;
    node->compat_tinyfaas = strcmp(file.compat, "tinyfaas") == 0;
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
                     "number, { group } or ( list ), and no ',' behind the last of a list",
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
