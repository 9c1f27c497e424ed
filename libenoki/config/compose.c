#include "config/compose.h"

#include "config/check.h"

#include <string.h>

static int embedded(const struct en_source *source, const config_setting_t *state,
                    const struct en_file_node *node, const char *path, const char **out)
{
    static const char *const of_fred[] = {"nodes", "id",     "tls",     "user", "admin",
                                          "stale", "expiry", "timeout", "start"};

    for (size_t i = 0; state != NULL && i < sizeof(of_fred) / sizeof(of_fred[0]); i++) {
        const config_setting_t *given = config_setting_get_member(state, of_fred[i]);

        if (given != NULL)
            return en_source_fail(source, given,
                                  "only with backend = \"fred\"; allowed: remove it");
    }
    *out = en_arena_textf(source->arena, "embedded:%s?durability=%s&max_value=%llu", path,
                          node->durability, (unsigned long long)node->max_value);
    return *out == NULL ? en_source_no_memory(source) : 0;
}

/* "&KEY=VALUE", or nothing if it was not given. Once there is no memory, *uri stays NULL. */
static void add_text(const char **uri, const struct en_source *source, const char *key,
                     const char *value)
{
    if (*uri != NULL && value != NULL)
        *uri = en_arena_textf(source->arena, "%s&%s=%s", *uri, key, value);
}

static void add_number(const char **uri, const struct en_source *source, const char *key,
                       uint64_t value)
{
    if (*uri != NULL && value != 0)
        *uri = en_arena_textf(source->arena, "%s&%s=%llu", *uri, key, (unsigned long long)value);
}

static int check_value(const struct en_source *source, const config_setting_t *state,
                       const char *key, const char *value)
{
    const config_setting_t *given = config_setting_get_member(state, key);

    if (value == NULL)
        return en_source_fail(source, state, "'%s' is missing: backend \"fred\" needs it", key);
    if (value[0] == '\0' || strpbrk(value, "?&") != NULL)
        return en_source_fail(source, given, "'%.100s'; allowed: no '?', no '&', not empty", value);
    return 0;
}

static int check_values(const struct en_source *source, const config_setting_t *state,
                        const struct en_file_node *node)
{
    const struct {
        const char *key;
        const char *value;
        bool is_needed;
    } texts[] = {{"nodes", node->nodes, true},
                 {"tls", node->tls, true},
                 {"user", node->user, true},
                 {"admin", node->admin, false},
                 {"id", node->id, false}};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].is_needed || texts[i].value != NULL)
            rc = check_value(source, state, texts[i].key, texts[i].value);
    return rc;
}

static int fred(const struct en_source *source, const config_setting_t *state,
                const struct en_file_node *node, const struct en_file_function *function,
                const char *path, const char **out)
{
    const struct en_file_function none = {.stale = NULL};
    const struct en_file_function *own = function != NULL ? function : &none;
    const char *stale = own->stale != NULL ? own->stale : node->stale;
    uint64_t expiry = own->expiry_ms != 0 ? own->expiry_ms : node->expiry_ms;
    const char *tls, *uri;
    int rc = check_values(source, state, node);

    if (rc != 0)
        return rc;
    tls = en_source_path(source, node->tls);
    if (tls == NULL)
        return en_source_no_memory(source);
    uri = en_arena_textf(source->arena, "fred://%s?tls=%s&user=%s", node->nodes, tls, node->user);
    add_text(&uri, source, "admin", node->admin);
    add_text(&uri, source, "node", node->id);
    add_text(&uri, source, "stale", stale);
    add_number(&uri, source, "expiry", expiry / 1000);
    add_number(&uri, source, "timeout", node->timeout_ms);
    add_number(&uri, source, "start", node->start_ms);
    add_text(&uri, source, "session", path);
    add_text(&uri, source, "durability", node->durability);
    add_number(&uri, source, "max_value", node->max_value);
    if (uri == NULL)
        return en_source_no_memory(source);
    *out = uri;
    return 0;
}

int en_compose_state(const struct en_source *source, const config_setting_t *state,
                     const struct en_file_node *node, const struct en_file_function *function,
                     const char **out)
{
    const char *path = en_source_path(source, node->path);

    if (path == NULL)
        return en_source_no_memory(source);
    if (strcmp(node->backend, "fred") == 0)
        return fred(source, state, node, function, path, out);
    return embedded(source, state, node, path, out);
}

int en_compose_secrets(const struct en_source *source, const config_setting_t *setting,
                       const struct en_file_function *file, struct enoki_function_settings *out)
{
    for (size_t i = 0; i < file->secrets.count; i++) {
        struct enoki_variable *secret = &file->secrets.list[i];

        for (size_t j = 0; j < file->variables.count; j++) {
            if (strcmp(file->variables.list[j].name, secret->name) == 0)
                return en_source_fail(source, config_setting_get_member(setting, "secrets"),
                                      "'%.60s' is in env too; allowed: one of the two",
                                      secret->name);
        }
        secret->value = en_source_path(source, secret->value);
        if (secret->value == NULL)
            return en_source_no_memory(source);
    }
    out->secrets = file->secrets.list;
    out->secret_count = file->secrets.count;
    return 0;
}

const char *en_compose_code(const struct en_source *source, const struct en_file_function *file)
{
    static const struct {
        const char *language, *begins;
    } languages[] = {{"python", "fn.py"},        {"python3", "fn.py"}, {"python3-kv", "fn.py"},
                     {"nodejs", "package.json"}, {"shell", "fn.sh"},   {"binary", "fn.sh"},
                     {"host", "fn.host"}};
    const char *code = file->code != NULL ? file->code : file->name, *begins = NULL, *slash;

    for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
        if (strcmp(file->language, languages[i].language) == 0)
            begins = languages[i].begins;
    }
    slash = strrchr(code, '/');
    if (begins != NULL && strcmp(slash == NULL ? code : slash + 1, begins) != 0)
        code = en_arena_textf(source->arena, "%s%s%s", code,
                              slash != NULL && slash[1] == '\0' ? "" : "/", begins);
    else if (begins == NULL && file->code == NULL)
        code = en_arena_textf(source->arena, "%s.so", code);
    return code == NULL ? NULL : en_source_path(source, code);
}
