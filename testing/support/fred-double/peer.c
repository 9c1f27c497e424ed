#include "peer.h"

#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *peer_user(grpc_call *call)
{
    grpc_auth_context *context = grpc_call_auth_context(call);
    grpc_auth_property_iterator iterator =
        grpc_auth_context_find_properties_by_name(context, GRPC_X509_CN_PROPERTY_NAME);
    const grpc_auth_property *found = grpc_auth_property_iterator_next(&iterator);
    char *user = found == NULL ? duplicate("", 0) : duplicate(found->value, found->value_length);

    grpc_auth_context_release(context);
    return user;
}

int peer_port(grpc_call *call)
{
    char *peer = grpc_call_get_peer(call);
    const char *colon = strrchr(peer, ':');
    int port = colon == NULL ? 0 : atoi(colon + 1);

    gpr_free(peer);
    return port;
}

/* The peer's address without "ipv4:" and the port. */
static char *peer_address(grpc_call *call)
{
    char *peer = grpc_call_get_peer(call);
    const char *begin = strchr(peer, ':') == NULL ? peer : strchr(peer, ':') + 1;
    const char *end = strrchr(begin, ':');
    char *address = duplicate(begin, end == NULL ? strlen(begin) : (size_t)(end - begin));

    gpr_free(peer);
    return address;
}

bool peer_check_source(grpc_call *call, struct answer *answer)
{
    grpc_auth_context *context = grpc_call_auth_context(call);
    grpc_auth_property_iterator iterator =
        grpc_auth_context_find_properties_by_name(context, GRPC_PEER_IP_PROPERTY_NAME);
    const grpc_auth_property *found;
    char *address = peer_address(call);
    char valid[200] = "";
    bool is_valid = false;

    while ((found = grpc_auth_property_iterator_next(&iterator)) != NULL) {
        is_valid = is_valid || strcmp(found->value, address) == 0;
        (void)snprintf(valid + strlen(valid), sizeof(valid) - strlen(valid), "%s%s",
                       valid[0] == '\0' ? "" : ", ", found->value);
    }
    if (!is_valid && valid[0] == '\0')
        answer_error(answer, 2,
                     "x509: cannot validate certificate for %s because it doesn't contain any IP "
                     "SANs",
                     address);
    else if (!is_valid)
        answer_error(answer, 2, "x509: certificate is valid for %s, not %s", valid, address);
    free(address);
    grpc_auth_context_release(context);
    return is_valid;
}
