#include "ports.h"

#include "access.h"

#include "net/listen.h"

#include <stdio.h>
#include <unistd.h>

static void add(struct ports *ports, int fd, const struct en_site *site, struct en_secure *secure)
{
    ports->listeners[ports->count++] =
        (struct en_server_listener){.fd = fd, .site = site, .secure = secure};
}

/* fd: from systemd, or -1. */
static int open_tcp(struct ports *ports, int fd, const char *address, const struct en_site *site,
                    struct en_secure *secure, char *url, size_t size, struct enoki_error *err)
{
    char name[128];
    int rc = fd >= 0 ? 0 : en_listen_tcp(address, &fd, err);

    if (rc != 0)
        return rc;
    add(ports, fd, site, secure);
    rc = en_listen_name(fd, name, sizeof(name));
    if (rc != 0)
        return enoki_error_set(err, rc, "'%s': its port cannot be told", address);
    (void)snprintf(url, size, "%s://%s", secure != NULL ? "https" : "http", name);
    return 0;
}

static int open_unix(struct ports *ports, const char *path, const struct en_site *site,
                     struct enoki_error *err)
{
    int fd = ports->inherited.management_local;
    int rc = fd >= 0 ? 0 : en_listen_unix(path, &fd, err);

    if (rc != 0)
        return rc;
    add(ports, fd, site, NULL);
    /* Who made it removes it. */
    ports->is_own_socket = ports->inherited.management_local < 0;
    ports->socket = path;
    return 0;
}

static int open_calls(struct ports *ports, const struct enoki_node_settings *settings,
                      const struct en_log *log, const struct en_site *site,
                      struct enoki_error *err)
{
    const struct en_tls_server_files files = {settings->tls_certificate, settings->tls_key,
                                              settings->tls_ca};
    int rc = 0;

    if (settings->listen_https != NULL)
        rc = en_secure_new(&ports->secure, &files, log, err);
    if (rc == 0 && settings->listen_http != NULL)
        rc = open_tcp(ports, ports->inherited.http, settings->listen_http, site, NULL, ports->http,
                      sizeof(ports->http), err);
    if (rc == 0 && settings->listen_https != NULL)
        rc = open_tcp(ports, ports->inherited.https, settings->listen_https, site, ports->secure,
                      ports->http, sizeof(ports->http), err);
    return rc;
}

/* What stays on this machine needs no TLS, and its programs no CA to trust. */
static int open_management(struct ports *ports, const struct enoki_node_settings *settings,
                           const struct en_log *log, const struct en_site *site,
                           struct enoki_error *err)
{
    const struct en_tls_server_files files = {
        settings->tls_certificate, settings->tls_key,
        settings->deploy_ca != NULL ? settings->deploy_ca : settings->tls_ca};
    int rc = 0;

    if (settings->tls_certificate != NULL && !access_is_loopback(settings->listen_management))
        rc = en_secure_new(&ports->secure_management, &files, log, err);
    if (rc != 0)
        return rc;
    return open_tcp(ports, ports->inherited.management, settings->listen_management, site,
                    ports->secure_management,
                    ports->management, sizeof(ports->management), err);
}

static int name_inherited(int fd, char *out, const char **address, struct enoki_error *err)
{
    if (fd < 0)
        return 0;
    if (en_listen_name(fd, out, VARIABLES_ADDRESS_BYTES) != 0)
        return enoki_error_set(err, ENOKI_ECONFIG, "a socket from systemd has no IP address");
    *address = out;
    return 0;
}

int ports_prepare(struct ports *ports, struct enoki_node_settings *settings,
                  struct enoki_error *err)
{
    const struct inherited *from = &ports->inherited;
    int rc = variables_apply(&ports->variables, settings, err);

    if (rc == 0)
        rc = inherited_take(&ports->inherited, err);
    if (rc == 0)
        rc = name_inherited(from->http, ports->addresses[0], &settings->listen_http, err);
    if (rc == 0)
        rc = name_inherited(from->https, ports->addresses[1], &settings->listen_https, err);
    if (rc == 0)
        rc = name_inherited(from->management, ports->addresses[2], &settings->listen_management,
                            err);
    if (rc == 0 && from->https >= 0 && settings->tls_certificate == NULL)
        rc = enoki_error_set(err, ENOKI_ECONFIG,
                             "systemd's socket 'https' needs listen.tls in the configuration");
    if (rc == 0 && from->management_local >= 0)
        settings->management_socket = "systemd";
    return rc;
}

int ports_open(struct ports *ports, const struct enoki_node_settings *settings,
               const struct en_log *log, const struct en_site *site, const struct manage *manage,
               struct enoki_error *err)
{
    int rc = open_calls(ports, settings, log, site, err);

    if (rc == 0 && settings->listen_management != NULL)
        rc = open_management(ports, settings, log, manage_site(manage), err);
    if (rc == 0 && settings->management_socket != NULL)
        rc = open_unix(ports, settings->management_socket, manage_local_site(manage), err);
    return rc;
}

void ports_tell_ready(const struct ports *ports)
{
    if (ports->management[0] != '\0')
        (void)dprintf(STDERR_FILENO, "ready: management %s/\n", ports->management);
    if (ports->socket != NULL)
        (void)dprintf(STDERR_FILENO, "ready: management unix:%s\n", ports->socket);
}

void ports_close(struct ports *ports)
{
    if (ports->socket != NULL && ports->is_own_socket)
        (void)unlink(ports->socket);
    ports->socket = NULL;
    en_secure_free(ports->secure);
    en_secure_free(ports->secure_management);
    ports->secure = ports->secure_management = NULL;
}
