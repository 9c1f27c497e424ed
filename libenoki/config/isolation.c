#include "config/isolation.h"

#include "config/check.h"
#include "config/syscalls.h"

#include <string.h>

static int fail_unknown(const struct en_source *source, const config_setting_t *item,
                        const char *name)
{
    return en_source_fail(source, item,
                          "'%.60s' is not forbidden; allowed: names of forbidden system calls, "
                          "such as \"ptrace\" (config/README.md lists them)",
                          name);
}

static int read_list(const struct en_source *source, const config_setting_t *setting,
                     const char **out)
{
    const char *joined = NULL;

    for (int i = 0; i < config_setting_length(setting); i++) {
        const config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);
        const char *name = config_setting_get_string(item);

        if (name == NULL || en_syscall_find(name) == NULL)
            return fail_unknown(source, item, name == NULL ? "" : name);
        joined = joined == NULL ? en_arena_textf(source->arena, "%s", name)
                                : en_arena_textf(source->arena, "%s,%s", joined, name);
        if (joined == NULL)
            return en_source_no_memory(source);
    }
    *out = joined;
    return 0;
}

int en_isolation_read_seccomp(const struct en_source *source, const struct en_key *key,
                              const config_setting_t *setting, void *base)
{
    const char *text = config_setting_get_string(setting);
    const char *made = NULL;
    int rc = 0;

    if (config_setting_is_list(setting))
        rc = read_list(source, setting, &made);
    else if (text != NULL && strcmp(text, "off") == 0)
        made = "off";
    else if (text == NULL || strcmp(text, "default") != 0)
        return en_source_fail(source, setting,
                              "'%.60s'; allowed: \"default\", \"off\", or a list "
                              "( \"NAME\", ... ) of system calls",
                              text == NULL ? en_source_type(setting) : text);
    if (rc == 0)
        memcpy((char *)base + key->offset, &made, sizeof(made));
    return rc;
}

int en_isolation_check(const struct en_source *source, const config_setting_t *function)
{
    int rc = en_source_check(source, function, "user", en_check_account);

    return rc == 0 ? en_source_check(source, function, "group", en_check_account) : rc;
}

int en_isolation_settle(const struct en_source *source, const struct en_file_node *file,
                        struct enoki_node_settings *node)
{
    node->isolation_shared = strcmp(file->users, "shared") == 0;
    node->isolation_first_user = (uint32_t)file->first_user;
    node->isolation_user_count = (uint32_t)file->user_count;
    node->isolation_work = file->work == NULL ? NULL : en_source_path(source, file->work);
    return file->work != NULL && node->isolation_work == NULL ? en_source_no_memory(source) : 0;
}
