#include "access.h"

#include "net/peer.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* A shorter one could be guessed. */
#define TOKEN_MIN_BYTES 16

const char access_refusal[] =
    "only processes of root and of the node's user may manage it from here: ask as one of them, or "
    "configure deploy.token, or deploy.local = \"anyone\"\n";

bool access_is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0;
}

/* "HOST:PORT" or "HOST" names this machine's loopback, or the address that is listened on. */
static bool is_own_host(const struct access *access, const char *host, size_t len)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    size_t name_len = len;

    while (name_len > 0 && isdigit((unsigned char)host[name_len - 1]))
        name_len--;
    name_len = name_len > 0 && host[name_len - 1] == ':' ? name_len - 1 : len;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (name_len == strlen(names[i]) && strncasecmp(host, names[i], name_len) == 0)
            return true;
    }
    return strlen(access->address) == len && memcmp(access->address, host, len) == 0;
}

static bool same_token(const struct access *access, const struct en_text *given)
{
    static const char scheme[] = "Bearer ";
    size_t len = strlen(access->token), skip = sizeof(scheme) - 1;
    unsigned char differs = 0;

    if (given == NULL || given->len != skip + len || strncasecmp(given->data, scheme, skip) != 0)
        return false;
    for (size_t i = 0; i < len; i++) /* in the same time, wherever it differs */
        differs |= (unsigned char)(given->data[skip + i] ^ access->token[i]);
    return differs == 0;
}

/* A browser sends Host and Origin of the page that asks: another site's page, or one whose name was
 * bound to loopback, must not deploy functions. */
static bool is_foreign_page(const struct access *access, const struct en_request *request)
{
    const struct en_text *host = en_request_header(request, "Host");
    const struct en_text *origin = en_request_header(request, "Origin");
    const char *own = origin == NULL ? NULL : strstr(origin->data, "://");

    if (host == NULL ||
        (!access->by_certificate && !is_own_host(access, host->data, host->len)))
        return true;
    return origin != NULL && (own == NULL || strcmp(own + 3, host->data) != 0);
}

const char *access_check(const struct access *access, const struct en_request *request,
                         int *status_out)
{
    /* The page is everybody's: what it shows is asked with the token. */
    if (access->token[0] != '\0' && strcmp(request->path.data, "/") == 0)
        return NULL;
    if (access->token[0] != '\0') {
        *status_out = 401;
        return same_token(access, en_request_header(request, "Authorization"))
                   ? NULL
                   : "show the token: Authorization: Bearer TOKEN\n";
    }
    *status_out = 403;
    return is_foreign_page(access, request)
               ? "this address is for programs of this machine, by its own name\n"
               : NULL;
}

static int read_token(struct access *access, const char *path, struct enoki_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, access->token, sizeof(access->token) - 1);
    struct stat status;
    bool is_open = fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & S_IROTH) != 0;

    if (fd >= 0)
        (void)close(fd);
    while (len > 0 && isspace((unsigned char)access->token[len - 1]))
        len--;
    if (is_open)
        return enoki_error_set(err, ENOKI_ECONFIG,
                               "deploy.token: %.300s: every user can read it, functions too: "
                               "chmod o-r",
                               path);
    if (len < TOKEN_MIN_BYTES)
        return enoki_error_set(err, ENOKI_ECONFIG, "deploy.token: %.300s: %s", path,
                               fd < 0 ? strerrordesc_np(errno)
                                      : "a token needs 16 characters at least: write one with "
                                        "openssl rand -hex 32");
    access->token[len] = '\0';
    return 0;
}

bool access_admits_user(int fd)
{
    uid_t user;

    return en_peer_user(fd, &user) == 0 && (user == 0 || user == geteuid());
}

bool access_admits(const struct access *access, int fd)
{
    return access->token[0] != '\0' || access->by_certificate || access->anyone ||
           access_admits_user(fd);
}

int access_open(struct access *access, const struct enoki_node_settings *settings,
                struct enoki_error *err)
{
    access->address = settings->listen_management;
    access->token[0] = '\0';
    access->anyone = settings->deploy_anyone != 0;
    access->by_certificate = access->address != NULL && !access_is_loopback(access->address) &&
                             settings->deploy_ca != NULL;
    if (settings->deploy_token != NULL)
        return read_token(access, settings->deploy_token, err);
    if (access->address == NULL || access_is_loopback(access->address) ||
        access->by_certificate)
        return 0;
    return enoki_error_set(err, ENOKI_ECONFIG,
                           "listen.management: '%.100s' is not on loopback: anybody could deploy "
                           "functions; write deploy = { token = \"FILE\"; }, or deploy.ca "
                           "with listen.tls",
                           access->address);
}
