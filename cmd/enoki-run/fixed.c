#include "fixed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum kind { TEXT, BYTES };

#define MEMBER(kind, name)                                                                         \
    kind, offsetof(struct enoki_node_settings, name),                                              \
        sizeof(((struct enoki_node_settings *)NULL)->name)

static const struct {
    const char *key;
    enum kind kind;
    size_t offset, size;
} members[] = {
    {"node", MEMBER(TEXT, node)},
    {"state", MEMBER(TEXT, state)},
    {"listen.http", MEMBER(TEXT, listen_http)},
    {"listen.http", MEMBER(TEXT, listen_https)},
    {"listen.grpc", MEMBER(TEXT, listen_grpc)},
    {"listen.coap", MEMBER(TEXT, listen_coap)},
    {"listen.coap_psk", MEMBER(TEXT, coap_psk)},
    {"listen.management", MEMBER(TEXT, listen_management)},
    {"listen.management_socket", MEMBER(TEXT, management_socket)},
    {"listen.tls.certificate", MEMBER(TEXT, tls_certificate)},
    {"listen.tls.key", MEMBER(TEXT, tls_key)},
    {"listen.tls.ca", MEMBER(TEXT, tls_ca)},
    {"deploy.path", MEMBER(TEXT, deploy_path)},
    {"deploy.token", MEMBER(TEXT, deploy_token)},
    {"deploy.ca", MEMBER(TEXT, deploy_ca)},
    {"deploy.local", MEMBER(BYTES, deploy_anyone)},
    {"deploy.urls", MEMBER(TEXT, deploy_urls)},
    {"deploy.secrets", MEMBER(TEXT, deploy_secrets)},
    {"isolation.users", MEMBER(BYTES, isolation_shared)},
    {"isolation.first_user", MEMBER(BYTES, isolation_first_user)},
    {"isolation.user_count", MEMBER(BYTES, isolation_user_count)},
    {"isolation.work", MEMBER(TEXT, isolation_work)},
    {"log.format", MEMBER(BYTES, log_json)},
    {"log.level", MEMBER(BYTES, log_level)},
    {"log.access", MEMBER(BYTES, log_access)},
    {"log.path", MEMBER(TEXT, log_path)},
    {"log.max_size", MEMBER(BYTES, log_max_bytes)},
    {"log.keep", MEMBER(BYTES, log_keep)},
    {"async.path", MEMBER(TEXT, async_path)},
    {"async.max_size", MEMBER(BYTES, async_max_bytes)},
    {"limits.bodies", MEMBER(BYTES, max_bodies_bytes)},
    {"compat (of uploaded functions)", MEMBER(BYTES, compat_tinyfaas)},
    {"limits (of listeners and uploaded functions)", MEMBER(BYTES, limits)},
};

static bool is_same(size_t index, const void *a, const void *b)
{
    const char *x = (const char *)a + members[index].offset;
    const char *y = (const char *)b + members[index].offset;
    const char *first, *second;

    if (members[index].kind == BYTES)
        return memcmp(x, y, members[index].size) == 0;
    memcpy(&first, x, sizeof(first));
    memcpy(&second, y, sizeof(second));
    return first == second || (first != NULL && second != NULL && strcmp(first, second) == 0);
}

int fixed_changes(const struct enoki_node_settings *started, const struct enoki_node_settings *now,
                  struct en_buffer *out)
{
    const char *last = "";
    int rc = 0;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && rc == 0; i++) {
        if (is_same(i, started, now) || strcmp(members[i].key, last) == 0)
            continue;
        rc = en_buffer_appendf(out, "%s%s", last[0] == '\0' ? "" : ", ", members[i].key);
        last = members[i].key;
    }
    return rc;
}
