#include "coap/listener.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#define TEXTS_MAX_BYTES 65536u

/* The originals answer 2.05 to every method, and their clients look for it. */
coap_pdu_code_t en_coap_code(int status)
{
    static const struct {
        int status;
        coap_pdu_code_t code;
    } codes[] = {
        {400, COAP_RESPONSE_CODE_BAD_REQUEST},
        {401, COAP_RESPONSE_CODE_UNAUTHORIZED},
        {403, COAP_RESPONSE_CODE_FORBIDDEN},
        {404, COAP_RESPONSE_CODE_NOT_FOUND},
        {405, COAP_RESPONSE_CODE_NOT_ALLOWED},
        {406, COAP_RESPONSE_CODE_NOT_ACCEPTABLE},
        {412, COAP_RESPONSE_CODE_PRECONDITION_FAILED},
        {413, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE},
        {415, COAP_RESPONSE_CODE_UNSUPPORTED_CONTENT_FORMAT},
        {429, COAP_RESPONSE_CODE_TOO_MANY_REQUESTS},
        {501, COAP_RESPONSE_CODE_NOT_IMPLEMENTED},
        {502, COAP_RESPONSE_CODE_BAD_GATEWAY},
        {503, COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE},
        {504, COAP_RESPONSE_CODE_GATEWAY_TIMEOUT},
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].status == status)
            return codes[i].code;
    }
    if (status < 400)
        return COAP_RESPONSE_CODE_CONTENT;
    return status < 500 ? COAP_RESPONSE_CODE_BAD_REQUEST : COAP_RESPONSE_CODE_INTERNAL_ERROR;
}

static const struct {
    const char *type;
    uint16_t format;
} formats[] = {
    {"text/plain", COAP_MEDIATYPE_TEXT_PLAIN},
    {"application/json", COAP_MEDIATYPE_APPLICATION_JSON},
    {"application/octet-stream", COAP_MEDIATYPE_APPLICATION_OCTET_STREAM},
    {"application/xml", COAP_MEDIATYPE_APPLICATION_XML},
    {"application/cbor", COAP_MEDIATYPE_APPLICATION_CBOR},
    {"application/link-format", COAP_MEDIATYPE_APPLICATION_LINK_FORMAT},
};

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

int en_coap_format(const char *content_type, size_t len)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        size_t type_len = strlen(formats[i].type);

        if (len >= type_len && strncasecmp(content_type, formats[i].type, type_len) == 0 &&
            (len == type_len || content_type[type_len] == ';' || content_type[type_len] == ' '))
            return formats[i].format;
    }
    return -1;
}

const char *en_coap_type(unsigned format)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (formats[i].format == format)
            return formats[i].type;
    }
    return NULL;
}

const char *en_coap_method(coap_pdu_code_t code)
{
    static const char *const names[] = {"",       "GET",   "POST",  "PUT",
                                        "DELETE", "FETCH", "PATCH", "iPATCH"};

    return (unsigned)code < sizeof(names) / sizeof(names[0]) ? names[code] : "POST";
}

/* What could be taken for a separator is percent-encoded. */
static int append_part(struct en_buffer *out, const uint8_t *bytes, size_t len,
                       const char *reserved)
{
    int rc = 0;

    for (size_t i = 0; i < len && rc == 0; i++) {
        if (bytes[i] <= ' ' || bytes[i] >= 0x7f || strchr(reserved, bytes[i]) != NULL)
            rc = en_buffer_appendf(out, "%%%02X", bytes[i]);
        else
            rc = en_buffer_append(out, &bytes[i], 1);
    }
    return rc;
}

static int read_path(struct en_buffer *out, const coap_pdu_t *pdu, size_t *function_len)
{
    coap_opt_iterator_t iterator;
    coap_opt_filter_t filter;
    coap_opt_t *option;
    bool is_first = true;
    int rc = 0;

    *function_len = 0;
    coap_option_filter_clear(&filter);
    coap_option_filter_set(&filter, COAP_OPTION_URI_PATH);
    (void)coap_option_iterator_init(pdu, &iterator, &filter);
    while (rc == 0 && (option = coap_option_next(&iterator)) != NULL) {
        size_t len = coap_opt_length(option);

        /* Leading slashes do not count, as with HTTP. */
        if (is_first && len == 0)
            continue;
        if (is_first) {
            rc = en_buffer_append(out, coap_opt_value(option), len);
            *function_len = out->len;
        } else {
            rc = en_buffer_append(out, "/", 1);
            if (rc == 0)
                rc = append_part(out, coap_opt_value(option), len, "%/?#");
        }
        is_first = false;
    }
    return rc;
}

/* The item "async" asks for an asynchronous call: CoAP has no headers. */
static int read_query(struct en_buffer *out, const coap_pdu_t *pdu, bool *is_async)
{
    coap_opt_iterator_t iterator;
    coap_opt_filter_t filter;
    coap_opt_t *option;
    size_t from = out->len;
    int rc = 0;

    coap_option_filter_clear(&filter);
    coap_option_filter_set(&filter, COAP_OPTION_URI_QUERY);
    (void)coap_option_iterator_init(pdu, &iterator, &filter);
    while (rc == 0 && (option = coap_option_next(&iterator)) != NULL) {
        size_t len = coap_opt_length(option);
        const uint8_t *value = coap_opt_value(option);

        if (len == 5 && memcmp(value, "async", 5) == 0) {
            *is_async = true;
            continue;
        }
        if (out->len > from)
            rc = en_buffer_append(out, "&", 1);
        if (rc == 0)
            rc = append_part(out, value, len, "&#");
    }
    return rc;
}

static void read_type(struct en_coap_request *out, const coap_pdu_t *pdu)
{
    coap_opt_iterator_t iterator;
    coap_opt_t *option = coap_check_option(pdu, COAP_OPTION_CONTENT_FORMAT, &iterator);
    const char *type =
        option == NULL
            ? NULL
            : en_coap_type(coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option)));

    if (type == NULL)
        return;
    out->header.name = (struct en_text){"Content-Type", strlen("Content-Type")};
    out->header.value = (struct en_text){type, strlen(type)};
    out->request.headers = &out->header;
    out->request.header_count = 1;
}

/* RFC 7967, No-Response: a bit for each class of answers, 2.xx the second. */
static unsigned read_unwanted(const coap_pdu_t *pdu)
{
    coap_opt_iterator_t iterator;
    const coap_opt_t *option = coap_check_option(pdu, COAP_OPTION_NORESPONSE, &iterator);

    return option == NULL
               ? 0
               : coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option));
}

static int append_peer(struct en_buffer *out, const coap_session_t *session)
{
    const coap_address_t *peer = coap_session_get_addr_remote(session);
    const coap_bin_const_t *identity = coap_session_get_psk_identity(session);
    size_t identity_len = identity == NULL || identity->s == NULL ? 0 : identity->length;
    int rc = en_buffer_append(out, &peer->addr.sa.sa_family, sizeof(peer->addr.sa.sa_family));

    if (rc == 0 && peer->addr.sa.sa_family == AF_INET6) {
        rc = en_buffer_append(out, &peer->addr.sin6.sin6_addr, sizeof(peer->addr.sin6.sin6_addr));
        if (rc == 0)
            rc = en_buffer_append(out, &peer->addr.sin6.sin6_scope_id,
                                  sizeof(peer->addr.sin6.sin6_scope_id));
    } else if (rc == 0) {
        rc = en_buffer_append(out, &peer->addr.sin.sin_addr, sizeof(peer->addr.sin.sin_addr));
    }
    /* At the same place in both kinds of address. */
    if (rc == 0)
        rc = en_buffer_append(out, &peer->addr.sin.sin_port, sizeof(peer->addr.sin.sin_port));
    if (rc == 0)
        rc = en_buffer_append(out, &identity_len, sizeof(identity_len));
    return rc != 0 || identity_len == 0 ? rc : en_buffer_append(out, identity->s, identity_len);
}

int en_coap_request_name(struct en_buffer *out, const coap_session_t *session,
                         const coap_pdu_t *pdu, const struct en_coap_request *request)
{
    coap_opt_iterator_t iterator;
    const coap_opt_t *tag = coap_check_option(pdu, COAP_OPTION_RTAG, &iterator);
    const size_t numbers[] = {(size_t)coap_pdu_get_code(pdu), request->request.function.len,
                              request->request.subpath.len, request->request.query.len,
                              request->request.is_async};
    int rc = append_peer(out, session);

    if (rc == 0)
        rc = en_buffer_append(out, numbers, sizeof(numbers));
    if (rc == 0)
        rc = en_buffer_append(out, request->texts.data, request->texts.len);
    if (rc == 0 && tag != NULL)
        rc = en_buffer_append(out, coap_opt_value(tag), coap_opt_length(tag));
    return rc;
}

int en_coap_request_read(struct en_coap_request *out, const coap_pdu_t *pdu)
{
    struct en_listener_request *request = &out->request;
    const char *method = en_coap_method(coap_pdu_get_code(pdu));
    const uint8_t *body = NULL;
    size_t function_len, path_len, len = 0, offset, total;
    int rc;

    memset(out, 0, sizeof(*out));
    out->texts.max = TEXTS_MAX_BYTES;
    if (!en_coap_part_read(&out->upload, pdu, COAP_OPTION_BLOCK1) ||
        !en_coap_part_read(&out->wanted, pdu, COAP_OPTION_BLOCK2))
        return ENOKI_EINVAL;
    rc = en_buffer_reserve(&out->texts, 1);
    if (rc == 0)
        rc = read_path(&out->texts, pdu, &function_len);
    if (rc != 0)
        return rc;
    path_len = out->texts.len;
    rc = read_query(&out->texts, pdu, &request->is_async);
    if (rc != 0)
        return rc;
    if (coap_get_data_large(pdu, &len, &body, &offset, &total) == 0)
        len = 0;
    request->function = (struct en_text){out->texts.data, function_len};
    request->subpath = (struct en_text){out->texts.data + function_len, path_len - function_len};
    request->query = (struct en_text){out->texts.data + path_len, out->texts.len - path_len};
    request->method = (struct en_text){method, strlen(method)};
    request->body = (struct en_text){(const char *)body, len};
    read_type(out, pdu);
    out->unwanted = read_unwanted(pdu);
    return 0;
}
