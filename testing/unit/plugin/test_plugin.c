#include "plugin/plugin.h"

#include "check_main.h"
#include "failing_alloc.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLUGIN(name) TEST_PLUGINS "/" name ".so"

static char folder[] = "/tmp/enoki-plugin-XXXXXX";

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

/* Writes bytes to a file of the test's folder and returns its path (one at a time). */
static const char *write_file(const char *name, const void *bytes, size_t len)
{
    static char path[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

/* The bytes of a good library, to be damaged. */
static char *read_good(size_t *len_out)
{
    FILE *file = fopen(PLUGIN("good"), "rb");
    struct stat status;
    char *bytes;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fstat(fileno(file), &status), 0);
    *len_out = (size_t)status.st_size;
    bytes = malloc(*len_out);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, *len_out, file), *len_out);
    (void)fclose(file);
    return bytes;
}

/* Loading fails with this code, and the message has each of these texts. */
static void check_refused(const char *path, int code, const char *const *texts)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct en_plugin *plugin = NULL;

    ck_assert_int_eq(en_plugin_load(&plugin, path, &err), code);
    ck_assert_ptr_null(plugin);
    ck_assert_int_eq(err.status, code);
    for (size_t i = 0; texts[i] != NULL; i++)
        ck_assert_msg(strstr(err.message, texts[i]) != NULL, "'%s' lacks '%s'", err.message,
                      texts[i]);
    ck_assert_int_eq(en_plugin_load(&plugin, path, NULL), code);
}

#define REFUSED(path, code, ...) check_refused(path, code, (const char *const[]){__VA_ARGS__, NULL})

static struct en_plugin *load(const char *path)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct en_plugin *plugin = NULL;
    int rc = en_plugin_load(&plugin, path, &err);

    ck_assert_msg(rc == 0, "%s", err.message);
    return plugin;
}

START_TEST(loads_a_function_and_knows_its_folder)
{
    struct en_plugin *plugin = load(PLUGIN("good"));

    ck_assert_ptr_nonnull(en_plugin_function(plugin)->preload);
    ck_assert_ptr_nonnull(en_plugin_function(plugin)->open);
    ck_assert_ptr_nonnull(en_plugin_function(plugin)->invoke);
    ck_assert_ptr_nonnull(en_plugin_function(plugin)->close);
    ck_assert_str_eq(en_plugin_directory(plugin), TEST_PLUGINS);
    en_plugin_free(plugin);
    en_plugin_free(NULL);
}
END_TEST

START_TEST(a_bare_file_name_means_the_current_folder)
{
    struct en_plugin *plugin;

    ck_assert_int_eq(chdir(TEST_PLUGINS), 0);
    plugin = load("good.so");
    ck_assert_str_eq(en_plugin_directory(plugin), TEST_PLUGINS);
    en_plugin_free(plugin);
    REFUSED("libc.so.6", ENOKI_ENOTFOUND, "'libc.so.6'", "No such file");
}
END_TEST

START_TEST(a_missing_file_is_named)
{
    REFUSED("/nowhere/fn.so", ENOKI_ENOTFOUND, "'/nowhere/fn.so'", "No such file");
    REFUSED(TEST_PLUGINS, ENOKI_EPLUGIN, TEST_PLUGINS, "no fn.py (Python), package.json (Node.js)");
}
END_TEST

START_TEST(a_text_file_is_told_how_to_become_a_library)
{
    make_folder();
    REFUSED(write_file("fn.so", "int main;", 9), ENOKI_EPLUGIN, "/fn.so'", "not an ELF library",
            "cc -shared -fPIC");
    REFUSED(write_file("hello.py", "x = 1\n", 6), ENOKI_EPLUGIN, "/hello.py'",
            "give the folder, with fn.py in it");
    REFUSED(write_file("empty.so", "", 0), ENOKI_EPLUGIN, "/empty.so'", "not an ELF library");
    REFUSED(write_file("cut.so", ELFMAG "123", 7), ENOKI_EPLUGIN, "cut off after 7 bytes");
    remove_folder();
}
END_TEST

START_TEST(a_named_pipe_does_not_block_the_loader)
{
    char path[64];

    make_folder();
    (void)snprintf(path, sizeof(path), "%s/pipe", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    REFUSED(path, ENOKI_EPLUGIN, "not a regular file");
    remove_folder();
}
END_TEST

START_TEST(a_library_for_another_machine_is_named_as_such)
{
    size_t len;
    char *bytes = read_good(&len);
    Elf64_Ehdr header;

    make_folder();
    memcpy(&header, bytes, sizeof(header));
    header.e_machine = EM_S390;
    memcpy(bytes, &header, sizeof(header));
    REFUSED(write_file("fn.so", bytes, len), ENOKI_EPLUGIN, "/fn.so'", "architecture",
            "'another one'", "build it for this machine");
    header.e_machine = EM_ARM;
    header.e_ident[EI_CLASS] = ELFCLASS32;
    memcpy(bytes, &header, sizeof(header));
    REFUSED(write_file("arm.so", bytes, len), ENOKI_EPLUGIN, "'arm (32 bit)'");
    free(bytes);
    remove_folder();
}
END_TEST

START_TEST(an_object_file_is_told_to_be_linked)
{
    size_t len;
    char *bytes = read_good(&len);
    Elf64_Ehdr header;

    make_folder();
    memcpy(&header, bytes, sizeof(header));
    header.e_type = ET_REL;
    memcpy(bytes, &header, sizeof(header));
    REFUSED(write_file("fn.o", bytes, len), ENOKI_EPLUGIN, "/fn.o'", "no shared library",
            "-shared");
    free(bytes);
    remove_folder();
}
END_TEST

START_TEST(a_library_whose_own_library_is_missing_names_it)
{
    size_t len;
    char *bytes = read_good(&len);
    char *needed = memmem(bytes, len, "libc.so.6", 9);

    make_folder();
    ck_assert_ptr_nonnull(needed);
    memcpy(needed, "libX.so.6", 9);
    REFUSED(write_file("fn.so", bytes, len), ENOKI_EPLUGIN, "/fn.so'", "libX.so.6",
            "a library that it needs is not installed");
    free(bytes);
    remove_folder();
}
END_TEST

START_TEST(a_call_of_a_newer_libenoki_says_update)
{
    REFUSED(PLUGIN("newer_call"), ENOKI_EPLUGIN, "newer_call.so'", "enoki_call_from_the_future",
            "newer libenoki than this one (" ENOKI_VERSION ")");
}
END_TEST

START_TEST(a_symbol_that_nobody_linked_is_named)
{
    REFUSED(PLUGIN("undefined"), ENOKI_EPLUGIN, "undefined.so'", "helper_that_nobody_linked",
            "-l option is missing");
}
END_TEST

START_TEST(a_library_without_enoki_function_is_told_the_macro)
{
    REFUSED(PLUGIN("forgotten"), ENOKI_EPLUGIN, "forgotten.so'", "'enoki_function'", "ABI 1.0",
            "add ENOKI_FUNCTION(");
}
END_TEST

START_TEST(a_cplusplus_library_without_extern_c_is_recognised)
{
    REFUSED(PLUGIN("cplusplus"), ENOKI_EPLUGIN, "cplusplus.so'", "'enoki_function'", "C++ name",
            "extern \"C\"");
}
END_TEST

START_TEST(another_major_abi_is_refused_with_both_versions)
{
    REFUSED(PLUGIN("newer_major"), ENOKI_EPLUGIN, "newer_major.so'", "'enoki_function'",
            "has ABI 2.0", "has 1.0", "rebuild");
}
END_TEST

START_TEST(a_newer_minor_abi_loads_if_it_uses_nothing_new)
{
    struct en_plugin *plugin = load(PLUGIN("newer_minor_unused"));

    ck_assert_ptr_nonnull(en_plugin_function(plugin)->invoke);
    ck_assert_ptr_null(en_plugin_function(plugin)->open);
    en_plugin_free(plugin);
}
END_TEST

START_TEST(a_newer_minor_abi_that_uses_new_members_is_refused_with_both_versions)
{
    REFUSED(PLUGIN("newer_minor_used"), ENOKI_EPLUGIN, "newer_minor_used.so'", "'enoki_function'",
            "ABI 1.1", "(ABI 1.0)", "update libenoki");
}
END_TEST

START_TEST(members_that_an_older_build_did_not_know_are_null)
{
    struct en_plugin *plugin = load(PLUGIN("older"));

    ck_assert_ptr_nonnull(en_plugin_function(plugin)->invoke);
    ck_assert_ptr_null(en_plugin_function(plugin)->close);
    en_plugin_free(plugin);
}
END_TEST

START_TEST(a_function_without_invoke_is_refused)
{
    REFUSED(PLUGIN("no_invoke"), ENOKI_EPLUGIN, "no_invoke.so'", "'enoki_function'",
            "has no invoke", ".invoke = ");
}
END_TEST

START_TEST(a_size_that_cannot_be_true_is_refused)
{
    REFUSED(PLUGIN("huge_size"), ENOKI_EPLUGIN, "huge_size.so'", "2147483647 bytes", "damaged");
    REFUSED(PLUGIN("small_size"), ENOKI_EPLUGIN, "small_size.so'", "8 bytes");
    REFUSED(PLUGIN("overlong_size"), ENOKI_EPLUGIN, "overlong_size.so'", "104 bytes");
}
END_TEST

START_TEST(a_symbol_that_is_no_data_is_refused)
{
    REFUSED(PLUGIN("a_function"), ENOKI_EPLUGIN, "a_function.so'", "not a struct enoki_function");
}
END_TEST

START_TEST(a_long_path_leaves_room_for_the_reason)
{
    char path[2000];

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    for (size_t i = 0; i < sizeof(path) - 1; i += 100)
        path[i] = '/';
    REFUSED(path, ENOKI_ENOTFOUND, "No such file", "give the path");
}
END_TEST

START_TEST(survives_a_failed_allocation)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct en_plugin *plugin = NULL;

    failing_alloc_arm(1);
    ck_assert_int_eq(en_plugin_load(&plugin, PLUGIN("good"), &err), ENOKI_ENOMEM);
    ck_assert(failing_alloc_disarm());
    ck_assert_str_eq(err.message, "out of memory");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        loads_a_function_and_knows_its_folder,
        a_bare_file_name_means_the_current_folder,
        a_missing_file_is_named,
        a_text_file_is_told_how_to_become_a_library,
        a_named_pipe_does_not_block_the_loader,
        a_library_for_another_machine_is_named_as_such,
        an_object_file_is_told_to_be_linked,
        a_library_whose_own_library_is_missing_names_it,
        a_call_of_a_newer_libenoki_says_update,
        a_symbol_that_nobody_linked_is_named,
        a_library_without_enoki_function_is_told_the_macro,
        a_cplusplus_library_without_extern_c_is_recognised,
        another_major_abi_is_refused_with_both_versions,
        a_newer_minor_abi_loads_if_it_uses_nothing_new,
        a_newer_minor_abi_that_uses_new_members_is_refused_with_both_versions,
        members_that_an_older_build_did_not_know_are_null,
        a_function_without_invoke_is_refused,
        a_size_that_cannot_be_true_is_refused,
        a_symbol_that_is_no_data_is_refused,
        a_long_path_leaves_room_for_the_reason,
        survives_a_failed_allocation,
    };

    return check_main("plugin", tests, sizeof(tests) / sizeof(tests[0]));
}
