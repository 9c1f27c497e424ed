#include "dev_plan.h"

#include "functions.h"

#include <errno.h>
#include <fnmatch.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CC                                                                                         \
    "cc -shared -fPIC -O1 -g -Wall $CFLAGS -fdiagnostics-color=$colour -I\"$sdk\" -o \"$out\" "

struct dev_kind {
    const char *marker; /* a file alone: its pattern; else what is at the folder's top */
    int is_file;
    const char *language; /* of node.conf */
    const char *suffix;   /* of a version */
    const char *script;
    const char *sources; /* patterns of files that matter, between blanks; NULL: all */
};

/* The first that fits. */
static const struct dev_kind kinds[] = {
    {"*.c", 1, "so", ".so", "exec " CC "\"$file\" $LDLIBS", "*.c *.h"},
    {"*.so", 1, "so", ".so", "exec cp \"$file\" \"$out\"", "*.so"},
    {"*.py", 1, "python", "", "mkdir \"$out\" && exec cp \"$file\" \"$out/fn.py\"", "*.py"},
    {"*.sh", 1, "shell", "",
     "mkdir \"$out\" && cp \"$file\" \"$out/fn.sh\" && exec chmod u+x \"$out/fn.sh\"", "*.sh"},
    {"fn.py", 0, "python", "", "exec ln -s \"$PWD\" \"$out\"", NULL},
    {"package.json", 0, "nodejs", "", "exec ln -s \"$PWD\" \"$out\"", NULL},
    {"fn.sh", 0, "shell", "", "chmod u+x fn.sh && exec ln -s \"$PWD\" \"$out\"", NULL},
    {"fn.host", 0, "host", "", "exec ln -s \"$PWD\" \"$out\"", NULL},
    {"CMakeLists.txt", 0, "so", ".so",
     "cmake -S . -B \"$folder/cmake\" -DCMAKE_BUILD_TYPE=Debug "
     "-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=\"$folder/cmake/made\" -DCMAKE_C_FLAGS=\"-I$sdk\" "
     "&& cmake --build \"$folder/cmake\" && exec cp \"$folder\"/cmake/made/*.so \"$out\"",
     NULL},
    {"*.c", 0, "so", ".so", "exec " CC "*.c $LDLIBS", "*.c *.h"},
};

/* --- making it ----------------------------------------------------------------------------------
 */

static int is_there(const char *folder, const char *pattern)
{
    char path[PATH_MAX];
    glob_t found;
    int is = snprintf(path, sizeof(path), "%s/%s", folder, pattern) < (int)sizeof(path) &&
             glob(path, 0, NULL, &found) == 0;

    if (is)
        globfree(&found);
    return is;
}

static int find_kind(struct dev_plan *plan, int is_file, struct enoki_error *err)
{
    const char *last = strrchr(plan->source, '/') + 1;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].is_file != is_file)
            continue;
        if (is_file ? fnmatch(kinds[i].marker, last, 0) == 0
                    : is_there(plan->source, kinds[i].marker)) {
            plan->kind = &kinds[i];
            return 0;
        }
    }
    return enoki_error_set(err, ENOKI_EINVAL,
                           "'%.200s' is no function: a file .c, .so, .py or .sh, or a folder with "
                           "fn.c, CMakeLists.txt, fn.py, package.json, fn.sh or fn.host",
                           plan->options->path);
}

static int find_source(struct dev_plan *plan, struct enoki_error *err)
{
    struct stat status;
    char *slash;
    int is_file;

    if (realpath(plan->options->path, plan->source) == NULL || stat(plan->source, &status) != 0)
        return enoki_error_set(err, ENOKI_EINVAL, "%.300s: %s", plan->options->path,
                               strerrordesc_np(errno));
    is_file = S_ISREG(status.st_mode);
    (void)snprintf(plan->watched, sizeof(plan->watched), "%s", plan->source);
    slash = strrchr(plan->watched, '/');
    if (is_file)
        slash[slash == plan->watched ? 1 : 0] = '\0';
    return find_kind(plan, is_file, err);
}

static int name_it(struct dev_plan *plan, struct enoki_error *err)
{
    const char *last = strrchr(plan->source, '/') + 1, *dot = strrchr(last, '.');
    char path[300];

    if (plan->options->name != NULL)
        (void)snprintf(plan->name, sizeof(plan->name), "%s", plan->options->name);
    else
        (void)snprintf(
            plan->name, sizeof(plan->name), "%.*s",
            (int)(plan->kind->is_file && dot != NULL ? (size_t)(dot - last) : strlen(last)), last);
    if (function_path(path, sizeof(path), plan->name, err) == 0)
        return 0;
    return enoki_error_set(err, ENOKI_EINVAL,
                           "'%.100s' is no name of a function (letters and digits): give it one "
                           "with -n",
                           plan->name);
}

static int make_folder(const char *path, struct enoki_error *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return enoki_error_set(err, ENOKI_EIO, "%.300s: %s", path, strerrordesc_np(errno));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

/* FOLDER/LAST; false: it is too long. */
static int below(const struct dev_plan *plan, const char *last, char out[PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s/%s", plan->folder, last) < PATH_MAX;
}

static int make_folders(struct dev_plan *plan, struct enoki_error *err)
{
    char made[PATH_MAX], build[PATH_MAX];
    int rc = 0;

    if (plan->options->folder != NULL)
        (void)snprintf(made, sizeof(made), "%s", plan->options->folder);
    else
        (void)snprintf(made, sizeof(made), ".enoki-dev/%s", plan->name);
    if (plan->options->folder == NULL)
        rc = make_folder(".enoki-dev", err);
    if (rc == 0)
        rc = make_folder(made, err);
    if (rc != 0)
        return rc;
    if (realpath(made, plan->folder) == NULL || !below(plan, "build", build))
        return enoki_error_set(err, ENOKI_EIO, "%.300s: %s", made, strerrordesc_np(errno));
    (void)nftw(build, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return make_folder(build, err);
}

int dev_plan_make(struct dev_plan *plan, const struct dev_options *options, struct enoki_error *err)
{
    int rc;

    *plan = (struct dev_plan){.options = options};
    rc = find_source(plan, err);
    if (rc == 0)
        rc = name_it(plan, err);
    if (rc == 0)
        rc = make_folders(plan, err);
    return rc;
}

/* --- building -----------------------------------------------------------------------------------
 */

const char *dev_plan_script(const struct dev_plan *plan)
{
    return plan->kind->script;
}

/* The headers of the prefix that this program is in, or of the sources it was built from. */
static const char *sdk_folder(char out[PATH_MAX])
{
    char program[PATH_MAX], header[PATH_MAX + 32];

    if (realpath("/proc/self/exe", program) == NULL)
        return ENOKI_SOURCE_INCLUDE;
    *strrchr(program, '/') = '\0';
    if (snprintf(out, PATH_MAX, "%s/../include", program) >= PATH_MAX)
        return ENOKI_SOURCE_INCLUDE;
    (void)snprintf(header, sizeof(header), "%s/enoki/function.h", out);
    return access(header, R_OK) == 0 ? out : ENOKI_SOURCE_INCLUDE;
}

static int version_path(const struct dev_plan *plan, unsigned version, char out[PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s/build/%u%s", plan->folder, version, plan->kind->suffix) <
           PATH_MAX;
}

int dev_plan_set_environment(const struct dev_plan *plan, struct enoki_error *err)
{
    char out[PATH_MAX], sdk[PATH_MAX];

    if (version_path(plan, plan->version, out) && setenv("out", out, 1) == 0 &&
        setenv("file", strrchr(plan->source, '/') + 1, 1) == 0 &&
        setenv("folder", plan->folder, 1) == 0 && setenv("sdk", sdk_folder(sdk), 1) == 0 &&
        setenv("colour", terminal_has_colour(stderr) ? "always" : "never", 1) == 0)
        return 0;
    return enoki_error_set(err, ENOKI_EIO, "the environment cannot be set");
}

void dev_plan_clear_environment(void)
{
    static const char *const names[] = {"out", "file", "folder", "sdk", "colour"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unsetenv(names[i]);
}

int dev_plan_is_deep(const struct dev_plan *plan)
{
    return !plan->kind->is_file;
}

/* Editors' own files do not matter, nor what is made of sources. */
int dev_plan_wants(const struct dev_plan *plan, const char *path)
{
    static const char *const never[] = {".*", "*~",   "*.swp",       "*.swx", "*.tmp",
                                        "#*", "4913", "__pycache__", "*.pyc", "node_modules"};
    const char *last = strrchr(path, '/'), *patterns = plan->kind->sources;

    last = last == NULL ? path : last + 1;
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        if (fnmatch(never[i], last, 0) == 0)
            return 0;
    }
    if (patterns == NULL)
        return 1;
    while (*patterns != '\0') {
        size_t len = strcspn(patterns, " ");
        char pattern[16];

        (void)snprintf(pattern, sizeof(pattern), "%.*s", (int)len, patterns);
        if (fnmatch(pattern, last, 0) == 0)
            return 1;
        patterns += len + (patterns[len] == '\0' ? 0 : 1);
    }
    return 0;
}

/* --- node.conf ----------------------------------------------------------------------------------
 */

/* A text of libconfig. */
static void put_text(FILE *out, const char *text, size_t len)
{
    (void)fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", c);
        else if (c < 0x20)
            (void)fprintf(out, "\\x%02x", c);
        else
            (void)fputc(c, out);
    }
    (void)fputc('"', out);
}

static void put_key(FILE *out, const char *key, const char *value)
{
    if (value == NULL)
        return;
    (void)fprintf(out, "  %s = ", key);
    put_text(out, value, strlen(value));
    (void)fputs(";\n", out);
}

/* "N" or "MIN-MAX"; enoki-run says what is wrong with it. */
static void put_workers(FILE *out, const char *text)
{
    const char *dash = strchr(text, '-');

    if (strspn(text, "0123456789-") != strlen(text))
        put_key(out, "workers", text);
    else if (dash == NULL)
        (void)fprintf(out, "  workers = %s;\n", text);
    else
        (void)fprintf(out, "  workers = { min = %.*s; max = %s; };\n", (int)(dash - text), text,
                      dash + 1);
}

static void put_all(FILE *out, const struct dev_plan *plan, const char *code)
{
    const struct dev_options *options = plan->options;

    (void)fputs("// Written by enoki dev.\nlisten = {\n", out);
    put_key(out, "http", options->listen);
    put_key(out, "management_socket", "socket");
    (void)fputs("};\nstate = { path = \"state\"; };\nisolation = { users = \"shared\"; "
                "};\nfunctions = ({\n",
                out);
    put_key(out, "name", plan->name);
    put_key(out, "language", plan->kind->language);
    put_key(out, "code", code);
    put_key(out, "runtime", options->runtime);
    put_workers(out, options->workers);
    (void)fputs("  env = {\n", out);
    for (size_t i = 0; i < options->variable_count; i++) {
        const char *text = options->variables[i], *equals = strchr(text, '=');

        (void)fprintf(out, "    %.*s = ", (int)(equals - text), text);
        put_text(out, equals + 1, strlen(equals + 1));
        (void)fputs(";\n", out);
    }
    (void)fputs("  };\n});\n", out);
}

int dev_plan_switch(struct dev_plan *plan, struct enoki_error *err)
{
    char path[PATH_MAX], made[PATH_MAX], code[PATH_MAX];
    FILE *out;
    int failed;

    if (!below(plan, "node.conf", path) || !below(plan, ".node.conf.new", made) ||
        !version_path(plan, plan->version, code))
        return enoki_error_set(err, ENOKI_EINVAL, "'%.200s...' is too long", plan->folder);
    out = fopen(made, "we");
    if (out == NULL)
        return enoki_error_set(err, ENOKI_EIO, "%.300s: %s", made, strerrordesc_np(errno));
    put_all(out, plan, code);
    failed = ferror(out);
    if (fclose(out) != 0 || failed || rename(made, path) != 0)
        return enoki_error_set(err, ENOKI_EIO, "%.300s: %s", path, strerrordesc_np(errno));
    if (plan->before != 0 && version_path(plan, plan->before, code))
        (void)nftw(code, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    plan->before = plan->current;
    plan->current = plan->version;
    return 0;
}
