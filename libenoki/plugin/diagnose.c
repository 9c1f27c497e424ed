#include "plugin/diagnose.h"

#include <enoki/function.h>

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SHOWN_BYTES 160u
#define SEARCHED_MAX_BYTES (256 * 1024 * 1024)
#define BUILD_HINT                                                                                 \
    "build it with: cc -shared -fPIC fn.c $(pkg-config --cflags --libs enoki) -o fn.so"

/* Our own ELF header, placed by the linker: what a library must match to be loaded beside us. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

const char *en_diagnose_path(const char *path)
{
    size_t len = strlen(path);

    return len > PATH_SHOWN_BYTES ? path + len - PATH_SHOWN_BYTES : path;
}

static const char *machine_name(unsigned machine)
{
    switch (machine) {
    case EM_X86_64:
        return "x86-64";
    case EM_386:
        return "x86 (32 bit)";
    case EM_AARCH64:
        return "arm64";
    case EM_ARM:
        return "arm (32 bit)";
    case EM_RISCV:
        return "riscv";
    default:
        return "another one";
    }
}

/* What is no library at all: code in another language, perhaps. */
static int refuse_file(const char *path, struct enoki_error *err)
{
    static const struct {
        const char *end;
        const char *beginning;
    } languages[] = {{".py", "fn.py"}, {".js", "package.json"}, {".sh", "fn.sh"}};
    const char *end = strrchr(path, '.');

    for (size_t i = 0; end != NULL && i < sizeof(languages) / sizeof(languages[0]); i++) {
        if (strcmp(end, languages[i].end) == 0)
            return enoki_error_set(err, ENOKI_EPLUGIN,
                                   "'%s' is not an ELF library: of this language give the folder, "
                                   "with %s in it",
                                   en_diagnose_path(path), languages[i].beginning);
    }
    return enoki_error_set(err, ENOKI_EPLUGIN, "'%s' is not an ELF library: " BUILD_HINT,
                           en_diagnose_path(path));
}

static int check_header(const char *path, const ElfW(Ehdr) * header, size_t len,
                        struct enoki_error *err)
{
    if (len < SELFMAG || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return refuse_file(path, err);
    if (len < sizeof(*header))
        return enoki_error_set(err, ENOKI_EPLUGIN, "'%s' is cut off after %zu bytes: copy it again",
                               en_diagnose_path(path), len);
    /* e_machine has the same place in files of both classes. */
    if (header->e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
        header->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
        header->e_machine != __ehdr_start.e_machine)
        return enoki_error_set(err, ENOKI_EPLUGIN,
                               "'%s' is for the architecture '%s', this machine is '%s': build it "
                               "for this machine",
                               en_diagnose_path(path), machine_name(header->e_machine),
                               machine_name(__ehdr_start.e_machine));
    if (header->e_type != ET_DYN)
        return enoki_error_set(err, ENOKI_EPLUGIN,
                               "'%s' is an ELF file but no shared library: " BUILD_HINT,
                               en_diagnose_path(path));
    return 0;
}

int en_diagnose_file(const char *path, struct enoki_error *err)
{
    ElfW(Ehdr) header;
    struct stat status;
    ssize_t len;
    int fd, rc;

    memset(&header, 0, sizeof(header));
    /* O_NONBLOCK: the open of a named pipe must not wait for its writer. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return enoki_error_set(err, ENOKI_EPLUGIN, "'%s' cannot be read: %s",
                               en_diagnose_path(path), strerrordesc_np(errno));
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        rc = enoki_error_set(err, ENOKI_EPLUGIN,
                             "'%s' is not a regular file: give the path of a "
                             "function's library (.so)",
                             en_diagnose_path(path));
        goto out;
    }
    len = read(fd, &header, sizeof(header));
    if (len < 0)
        rc = enoki_error_set(err, ENOKI_EPLUGIN, "'%s' cannot be read: %s", en_diagnose_path(path),
                             strerrordesc_np(errno));
    else
        rc = check_header(path, &header, (size_t)len, err);
out:
    (void)close(fd);
    return rc;
}

static const char *load_hint(const char *text)
{
    if (strstr(text, "undefined symbol: enoki_") != NULL)
        return "it was built against a newer libenoki than this one (" ENOKI_VERSION
               "): update libenoki, or do not use that call";
    if (strstr(text, "undefined symbol: _Z") != NULL)
        return "a C++ name: link with c++ instead of cc, or declare what is written in C as "
               "extern \"C\"";
    if (strstr(text, "undefined symbol") != NULL)
        return "a source file or -l option is missing in its build";
    if (strstr(text, "cannot open shared object file") != NULL)
        return "a library that it needs is not installed here ('ldd' lists them)";
    if (strstr(text, "version `") != NULL)
        return "it was built on a newer system: build it on this one";
    return BUILD_HINT;
}

int en_diagnose_load(const char *path, const char *text, struct enoki_error *err)
{
    size_t path_len = strlen(path);

    /* The loader puts the path in front of most texts, and it is in ours already. */
    if (strncmp(text, path, path_len) == 0 && strncmp(text + path_len, ": ", 2) == 0)
        text += path_len + 2;
    return enoki_error_set(err, ENOKI_EPLUGIN, "'%s' does not load: %.160s: %s",
                           en_diagnose_path(path), text, load_hint(text));
}

/* True if the bytes occur anywhere in the file: enough to guess a cause, wrong guesses harm
 * nobody. */
static bool file_contains(const char *path, const char *bytes)
{
    bool found = false;
    struct stat status;
    void *data;
    int fd;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && status.st_size > 0 && status.st_size <= SEARCHED_MAX_BYTES) {
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data != MAP_FAILED) {
            found = memmem(data, (size_t)status.st_size, bytes, strlen(bytes)) != NULL;
            (void)munmap(data, (size_t)status.st_size);
        }
    }
    (void)close(fd);
    return found;
}

int en_diagnose_symbol(const char *path, const char *symbol, struct enoki_error *err)
{
    const char *hint = "add ENOKI_FUNCTION(.invoke = your_function) to one source file";
    char mangled[80];

    /* C++ writes a name behind its length; a const without extern "C" stays inside the library. */
    (void)snprintf(mangled, sizeof(mangled), "%zu%s", strlen(symbol), symbol);
    if (file_contains(path, mangled))
        hint = "it is there as a C++ name: write it with ENOKI_FUNCTION(...) at file scope, which "
               "makes it extern \"C\"";
    return enoki_error_set(
        err, ENOKI_EPLUGIN, "'%s' has no exported symbol '%s' (wanted: ABI %u.%u): %s",
        en_diagnose_path(path), symbol, ENOKI_FUNCTION_ABI_MAJOR, ENOKI_FUNCTION_ABI_MINOR, hint);
}
