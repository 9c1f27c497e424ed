#include "external/external.h"

#include "base/module.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *find_in_path(const char *name)
{
    const char *folders = getenv("PATH");
    char path[PATH_MAX];

    if (folders == NULL)
        folders = "/usr/local/bin:/usr/bin:/bin";
    for (;;) {
        size_t len = strcspn(folders, ":");
        int made = snprintf(path, sizeof(path), "%.*s/%s", (int)len, folders, name);

        if (len > 0 && made > 0 && (size_t)made < sizeof(path) && access(path, X_OK) == 0)
            return strdup(path);
        if (folders[len] == '\0')
            return NULL;
        folders += len + 1;
    }
}

static int find_script(const struct enoki_external *external, const char *directory, char *out,
                       size_t size, struct enoki_error *err)
{
    if (strncmp(external->script, "./", 2) != 0)
        return en_module_find(out, size, external->script, err);
    (void)snprintf(out, size, "%s/%s", directory, external->script + 2);
    if (external->interpreter != NULL || access(out, X_OK) == 0)
        return 0;
    return enoki_error_set(err, ENOKI_EPLUGIN, "'%.300s' cannot be executed: chmod +x it", out);
}

static bool is_given(const struct enoki_env *env, const char *word)
{
    const char *name;

    for (size_t i = 0; enoki_env_variable_at(env, i, &name) != NULL; i++)
        if (strncmp(word, name, strlen(name)) == 0 && word[strlen(name)] == '=')
            return true;
    return strncmp(word, "ENOKI_", strlen("ENOKI_")) == 0;
}

/* The process's environment without what is ours, and over it the function's variables. */
static bool collect(struct en_external_words *words, const struct enoki_env *env)
{
    const char *name, *value;
    size_t count = 2, at = 0;

    for (char **word = environ; *word != NULL; word++)
        count++;
    for (size_t i = 0; enoki_env_variable_at(env, i, &name) != NULL; i++)
        count++;
    words->environment = calloc(count + 1, sizeof(*words->environment));
    if (words->environment == NULL)
        return false;
    words->environment[at++] = strdup("ENOKI_FD=3");
    words->environment[at++] = strdup("ENOKI_STATE_FD=4");
    for (char **word = environ; *word != NULL; word++)
        if (!is_given(env, *word))
            words->environment[at++] = strdup(*word);
    for (size_t i = 0; (value = enoki_env_variable_at(env, i, &name)) != NULL; i++)
        if (asprintf(&words->environment[at++], "%s=%s", name, value) < 0)
            words->environment[at - 1] = NULL;
    for (size_t i = 0; i < at; i++)
        if (words->environment[i] == NULL)
            return false;
    return true;
}

int en_external_words_init(struct en_external_words *words, const struct enoki_external *external,
                           const struct enoki_env *env, struct enoki_error *err)
{
    char script[PATH_MAX];
    int rc = find_script(external, enoki_env_directory(env), script, sizeof(script), err);

    if (rc != 0)
        return rc;
    words->path =
        external->interpreter == NULL ? strdup(script) : find_in_path(external->interpreter);
    if (words->path == NULL && external->interpreter != NULL)
        return enoki_error_set(err, ENOKI_EPLUGIN, "'%s' is not installed here%s%s",
                               external->interpreter,
                               external->package == NULL ? "" : ": install the package ",
                               external->package == NULL ? "" : external->package);
    words->arguments[0] = strdup(external->interpreter == NULL ? script : external->interpreter);
    if (external->interpreter != NULL)
        words->arguments[1] = strdup(script);
    if (words->path == NULL || words->arguments[0] == NULL ||
        (external->interpreter != NULL && words->arguments[1] == NULL) || !collect(words, env))
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the function's program");
    return 0;
}

void en_external_words_fini(struct en_external_words *words)
{
    for (size_t i = 0; words->environment != NULL && words->environment[i] != NULL; i++)
        free(words->environment[i]);
    free(words->environment);
    free(words->arguments[0]);
    free(words->arguments[1]);
    free(words->path);
}
