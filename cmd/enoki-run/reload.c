#include "reload.h"

#include "stamp.h"

#include <string.h>

static void log_start(void *context, const struct enoki_error *err)
{
    /* A failure is logged where it happened; a success has its ready line. */
    (void)context;
    (void)err;
}

static void apply_one(struct node *node, const struct enoki_function_settings *function)
{
    struct settings *settings = NULL;
    struct function *known = node_find(node, function->name, strlen(function->name));
    int rc = settings_copy(&settings, node_settings(node), function);

    if (rc == 0)
        settings->stamp = stamp_of(settings);
    if (rc == 0 && known != NULL && known->settings != NULL && known->next == NULL &&
        settings_equal(known->settings, settings)) {
        settings_free(settings);
        return;
    }
    if (rc == 0)
        rc = node_deploy(node, settings, log_start, NULL);
    if (rc != 0) {
        settings_free(settings);
        en_log(node_log(node), ENOKI_LOG_ERROR, "function '%s' cannot be deployed: %s",
               function->name, enoki_error_text(rc));
    }
}

static bool is_in_file(const struct node *node, const char *name)
{
    for (size_t i = 0; i < node_settings(node)->function_count; i++) {
        if (strcmp(node_settings(node)->functions[i].name, name) == 0)
            return true;
    }
    return false;
}

void reload_apply(struct node *node)
{
    for (size_t i = 0; i < node_settings(node)->function_count; i++)
        apply_one(node, &node_settings(node)->functions[i]);
    for (size_t i = node_function_count(node); i > 0; i--) {
        struct function *function = node_function_at(node, i - 1);
        const struct settings *settings = function_settings(function);

        if (settings->env == NULL && !is_in_file(node, function_name(function)))
            node_remove(node, function);
    }
}
