#include "coap/endpoint.h"

#include "base/address.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int en_coap_address_parse(const char *text, coap_address_t *out, struct enoki_error *err)
{
    union en_address address;
    int rc;

    coap_address_init(out);
    rc = en_address_parse(text, &address, &out->size, err);
    if (rc == 0)
        memcpy(&out->addr, &address, out->size);
    return rc;
}

void en_coap_address_format(const coap_address_t *address, char *out, size_t size)
{
    union en_address copy;

    memset(&copy, 0, sizeof(copy));
    memcpy(&copy, &address->addr, address->size < sizeof(copy) ? address->size : sizeof(copy));
    if (en_address_format(&copy, out, size) != 0)
        (void)snprintf(out, size, "?");
}

/* libcoap does not tell the port that it got, and shares one that another process has
 * (SO_REUSEADDR): first a socket that shares with nobody takes it, and shares it from then on. */
static int hold_port(coap_address_t *address, int *fd_out, struct enoki_error *err)
{
    int fd = socket(address->addr.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int on = 1, rc = 0;
    char text[EN_ADDRESS_TEXT_BYTES];

    if (fd < 0 || bind(fd, &address->addr.sa, address->size) != 0 ||
        getsockname(fd, &address->addr.sa, &address->size) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
        rc = errno;
        en_coap_address_format(address, text, sizeof(text));
        rc = enoki_error_set(err, ENOKI_EIO, "CoAP: cannot listen on %s: %s", text,
                             strerrordesc_np(rc));
        if (fd >= 0)
            (void)close(fd);
        return rc;
    }
    *fd_out = fd;
    return 0;
}

static const coap_bin_const_t *find_key(coap_bin_const_t *identity, coap_session_t *session,
                                        void *keys)
{
    (void)session;
    return en_coap_keys_find(keys, identity->s, identity->length);
}

static bool set_keys(coap_context_t *context, struct en_coap_keys *keys)
{
    coap_dtls_spsk_t setup;

    memset(&setup, 0, sizeof(setup));
    setup.version = COAP_DTLS_SPSK_SETUP_VERSION;
    setup.validate_id_call_back = find_key;
    setup.id_call_back_arg = keys;
    return coap_context_set_psk2(context, &setup) == 1;
}

int en_coap_endpoint_open(coap_context_t *context, coap_address_t *address,
                          struct en_coap_keys *keys, struct enoki_error *err)
{
    char text[EN_ADDRESS_TEXT_BYTES];
    int fd = -1, rc;

    if (keys != NULL && !set_keys(context, keys))
        return enoki_error_set(err, ENOKI_ETLS, "CoAP: DTLS cannot be set up");
    rc = hold_port(address, &fd, err);
    if (rc != 0)
        return rc;
    if (coap_new_endpoint(context, address, keys != NULL ? COAP_PROTO_DTLS : COAP_PROTO_UDP) ==
        NULL) {
        en_coap_address_format(address, text, sizeof(text));
        rc = enoki_error_set(err, ENOKI_EIO, "CoAP: cannot listen on %s", text);
    }
    (void)close(fd);
    return rc;
}
