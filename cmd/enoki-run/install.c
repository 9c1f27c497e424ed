#include "install.h"

#include "cache.h"
#include "digest.h"
#include "package.h"

#include <errno.h>
#include <json.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of what says what is required. */
#define FILE_MAX_BYTES (1 << 20)

/* Functions are run by this one too. */
#define PYTHON "/usr/bin/python3"
#define PIP_SCRIPT                                                                                 \
    "exec " PYTHON " -m pip install --no-input --disable-pip-version-check --no-cache-dir -q "     \
    "--target .python -r requirements.txt"
/* Its own cache may be another user's. */
#define NPM_SCRIPT                                                                                 \
    "command -v npm >/dev/null || { echo 'npm is not installed here, and package.json has "        \
    "dependencies: install the package npm, or upload node_modules too'; exit 1; }; "              \
    "export npm_config_cache=\"$PWD/.npm\"; "                                                      \
    "npm install --omit=dev --no-audit --no-fund --no-update-notifier --loglevel=error "           \
    "--logs-max=0; "                                                                               \
    "made=$?; rm -rf .npm; exit $made"

/* The content of a file of the package, for free(); NULL: there is none, or it is too long. */
static char *read_text(const char *folder, const char *name)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t got = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    text = malloc(FILE_MAX_BYTES + 1);
    if (text != NULL)
        got = fread(text, 1, FILE_MAX_BYTES, file);
    if (text != NULL && (ferror(file) != 0 || getc(file) != EOF)) {
        free(text);
        text = NULL;
    }
    (void)fclose(file);
    if (text != NULL)
        text[got] = '\0';
    return text;
}

/* What a program makes depends on the program. */
static void add_program(struct digest *digest, const char *path)
{
    struct stat status = {.st_size = 0};
    char line[PATH_MAX + 64], *real = realpath(path, NULL);

    if (real != NULL)
        (void)stat(real, &status);
    (void)snprintf(line, sizeof(line), "%s %lld %lld", real == NULL ? "" : real,
                   (long long)status.st_size, (long long)status.st_mtime);
    digest_add_text(digest, line);
    free(real);
}

/* A key for the cache; false: there is none. Of a language's name, program and texts (NULL: there
 * is no such file). */
static bool make_key(char out[PATH_MAX], const char *language, const char *program,
                     const char *const *texts, size_t count)
{
    struct digest *digest = digest_new();
    char digits[65];

    if (digest == NULL)
        return false;
    add_program(digest, program);
    for (size_t i = 0; i < count; i++)
        digest_add_text(digest, texts[i] == NULL ? "" : texts[i]);
    if (!digest_end(digest, digits))
        return false;
    (void)snprintf(out, PATH_MAX, "%s-%s", language, digits);
    return true;
}

/* From the cache, or by the script and into the cache. key "": this is not to be kept. */
static int install(const char *folder, const char *root, const char *key, const char *product,
                   const char *script, struct builder *builder, struct enoki_error *err)
{
    char made[PATH_MAX];
    int rc = ENOKI_ENOTFOUND;

    if (snprintf(made, sizeof(made), "%s/%s", folder, product) >= (int)sizeof(made))
        return enoki_error_set(err, ENOKI_ELIMIT, "deploy.path is too long");
    if (key[0] != '\0')
        rc = cache_take(root, key, made, NULL);
    if (rc == 0)
        return 0;
    rc = package_run_step(script, folder, builder, err);
    /* What cannot be kept is installed anew the next time. */
    if (rc == 0 && key[0] != '\0' && access(made, F_OK) == 0)
        (void)!cache_keep(root, key, made, NULL);
    return rc;
}

/* --- Python ------------------------------------------------------------------------------------
 */

/* Whether lines require something, and whether that depends on nothing but them: options may name
 * other files, and paths and addresses what may change. */
static bool requires(const char *text, bool *is_closed)
{
    bool has_any = false;

    *is_closed = true;
    while (*text != '\0') {
        size_t len = strcspn(text, "\n"), blank = strspn(text, " \t\r");

        if (blank < len && text[blank] != '#') {
            has_any = true;
            if (text[blank] == '-' || text[blank] == '.' || memchr(text, '/', len) != NULL)
                *is_closed = false;
        }
        text += text[len] == '\n' ? len + 1 : len;
    }
    return has_any;
}

int install_python(const char *folder, const char *root, struct builder *builder,
                   struct enoki_error *err)
{
    char *text = read_text(folder, "requirements.txt");
    char key[PATH_MAX] = "";
    bool is_closed;
    int rc = 0;

    if (text != NULL && requires(text, &is_closed)) {
        if (!is_closed || !make_key(key, "python3", PYTHON, (const char *const *)&text, 1))
            key[0] = '\0';
        rc = install(folder, root, key, ".python", PIP_SCRIPT, builder, err);
    }
    free(text);
    return rc;
}

/* --- Node.js -----------------------------------------------------------------------------------
 */

/* As requires(), of package.json's dependencies: versions and ranges have neither ':' nor '/'. */
static bool depends(json_object *package, const char *kind, bool *is_closed)
{
    json_object *list = NULL;

    if (!json_object_object_get_ex(package, kind, &list) ||
        !json_object_is_type(list, json_type_object) || json_object_object_length(list) == 0)
        return false;
    json_object_object_foreach(list, name, value)
    {
        const char *text = json_object_get_string(value);

        (void)name;
        if (text == NULL || strpbrk(text, ":/") != NULL)
            *is_closed = false;
    }
    return true;
}

int install_node(const char *folder, const char *root, struct builder *builder,
                 struct enoki_error *err)
{
    /* What is installed, and from where. */
    static const char *const names[] = {"package.json", "package-lock.json", ".npmrc"};
    char *texts[] = {read_text(folder, names[0]), read_text(folder, names[1]),
                     read_text(folder, names[2])};
    json_object *package = texts[0] == NULL ? NULL : json_tokener_parse(texts[0]);
    char key[PATH_MAX] = "", modules[PATH_MAX];
    bool is_closed = true, has_any;
    int rc = 0;

    (void)snprintf(modules, sizeof(modules), "%s/node_modules", folder);
    if (!json_object_is_type(package, json_type_object)) {
        rc = enoki_error_set(err, ENOKI_EINVAL, "package.json is no JSON object");
    } else {
        has_any = depends(package, "dependencies", &is_closed);
        has_any = depends(package, "optionalDependencies", &is_closed) || has_any;
        if (!is_closed || !make_key(key, "nodejs", "/usr/bin/node", (const char *const *)texts, 3))
            key[0] = '\0';
        if (has_any && access(modules, F_OK) != 0)
            rc = install(folder, root, key, "node_modules", NPM_SCRIPT, builder, err);
    }
    json_object_put(package);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    return rc;
}
