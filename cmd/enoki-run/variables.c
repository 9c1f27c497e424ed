#include "variables.h"

#include "base/checked.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535u

/* The first that is set: as the originals' code spells it, as their manual does. */
static const char *value_of(const char *name, char *found, size_t size)
{
    const char *value = getenv(name);

    (void)snprintf(found, size, "%s", name);
    if (value != NULL)
        return value;
    for (char *at = found; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    return getenv(found);
}

/* The same host with another port. */
static int set_port(char *out, const char *address, uint64_t port)
{
    const char *colon = strrchr(address, ':');
    int len = snprintf(out, VARIABLES_ADDRESS_BYTES, "%.*s:%llu",
                       colon == NULL ? 0 : (int)(colon - address), address,
                       (unsigned long long)port);

    return len > 0 && len < (int)VARIABLES_ADDRESS_BYTES ? 0 : ENOKI_ECONFIG;
}

static int apply(char *out, const char *name, const char **address, const char *host,
                 struct enoki_error *err)
{
    char found[16];
    const char *value = value_of(name, found, sizeof(found));
    uint64_t port = 0;
    bool is_below;

    if (value == NULL)
        return 0;
    is_below = value[0] == '-';
    if (!en_parse_u64(value + (is_below ? 1 : 0), strlen(value) - (is_below ? 1 : 0),
                      is_below ? INT32_MAX : PORT_MAX, &port))
        return enoki_error_set(err, ENOKI_ECONFIG,
                               "%s='%.40s'; allowed: a port up to 65535, or -1 for no such "
                               "listener",
                               found, value);
    if (is_below) {
        *address = NULL;
        return 0;
    }
    if (set_port(out, *address != NULL ? *address : host, port) != 0)
        return enoki_error_set(err, ENOKI_ECONFIG, "%s: the address is too long", found);
    *address = out;
    return 0;
}

int variables_apply(struct variables *variables, struct enoki_node_settings *settings,
                    struct enoki_error *err)
{
    bool is_https = settings->listen_http == NULL && settings->listen_https != NULL;
    const char **http = is_https ? &settings->listen_https : &settings->listen_http;
    const char *host = *http != NULL ? *http : "127.0.0.1:0";
    int rc = apply(variables->addresses[0], "grpc_PORT", &settings->listen_grpc, host, err);

    if (rc == 0)
        rc = apply(variables->addresses[1], "coap_PORT", &settings->listen_coap, host, err);
    if (rc == 0)
        rc = apply(variables->addresses[2], "http_PORT", http, host, err);
    return rc;
}
