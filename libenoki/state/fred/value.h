/*
 * value.h - values as FReD can carry them: it takes valid UTF-8 only.
 *
 * Text stays as it is, so that other clients of FReD can read it. Other bytes become "enoki:b64:"
 * and their base64; text that begins with "enoki:" gets "enoki:txt:" before it. What others have
 * written under the mark without keeping to that is handed out as it is.
 *
 * Threads  any thread.    Fork  after (base64 is OpenSSL's).
 */
#ifndef EN_FRED_VALUE_H
#define EN_FRED_VALUE_H

#include "base/buffer.h"
#include "tls/module.h"

/* A value to send: the bytes themselves, or *room's, which the caller frees. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_fred_value_encode(const struct en_tls_api *api, const void *value,
                                          size_t len, struct en_buffer *room, const void **out,
                                          size_t *len_out);

/* The same the other way round. */
ENOKI_MUST_CHECK int en_fred_value_decode(const struct en_tls_api *api, const char *text,
                                          size_t len, struct en_buffer *room, const void **out,
                                          size_t *len_out);

#endif
