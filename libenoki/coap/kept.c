#include "coap/kept.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MS 60000u /* MAX_TRANSMIT_SPAN of RFC 7252 is 45 s */

static void drop(struct en_coap_keeps *keeps, struct en_coap_kept **at)
{
    struct en_coap_kept *kept = *at;

    *at = kept->next;
    keeps->count--;
    keeps->total_bytes -= kept->bytes.cap;
    en_buffer_fini(&kept->bytes);
    free(kept);
}

static struct en_coap_kept **find(struct en_coap_keeps *keeps, struct en_text key)
{
    struct en_coap_kept **at = &keeps->first;

    while (*at != NULL && ((*at)->key_len != key.len || memcmp((*at)->key, key.data, key.len) != 0))
        at = &(*at)->next;
    return at;
}

static void drop_last(struct en_coap_keeps *keeps)
{
    struct en_coap_kept **at = &keeps->first;

    while ((*at)->next != NULL)
        at = &(*at)->next;
    drop(keeps, at);
}

static void make_room(struct en_coap_keeps *keeps, size_t bytes)
{
    while (keeps->first != NULL && (keeps->count >= keeps->max_count ||
                                    keeps->total_bytes > keeps->max_total_bytes - bytes))
        drop_last(keeps);
}

bool en_coap_keep(struct en_coap_keeps *keeps, struct en_text key,
                  const struct en_coap_answer *answer, struct en_buffer *bytes, uint64_t now_ms)
{
    struct en_coap_kept **at, *kept;

    if (bytes->cap > keeps->max_total_bytes)
        return false;
    kept = calloc(1, sizeof(*kept) + key.len);
    if (kept == NULL)
        return false;
    at = find(keeps, key);
    if (*at != NULL)
        drop(keeps, at);
    make_room(keeps, bytes->cap);
    memcpy(kept->key, key.data, key.len);
    kept->key_len = key.len;
    kept->until_ms = now_ms + WAIT_MS;
    kept->answer = *answer;
    kept->bytes = *bytes;
    memset(bytes, 0, sizeof(*bytes));
    kept->next = keeps->first;
    keeps->first = kept;
    keeps->count++;
    keeps->total_bytes += kept->bytes.cap;
    return true;
}

const struct en_coap_answer *en_coap_kept_find(struct en_coap_keeps *keeps, struct en_text key,
                                               uint64_t now_ms)
{
    struct en_coap_kept **at = find(keeps, key), *kept = *at;

    if (kept == NULL || kept->until_ms <= now_ms)
        return NULL;
    *at = kept->next;
    kept->next = keeps->first;
    keeps->first = kept;
    kept->until_ms = now_ms + WAIT_MS;
    return &kept->answer;
}

void en_coap_kept_done(struct en_coap_keeps *keeps)
{
    struct en_coap_kept *kept = keeps->first, **at = &keeps->first;

    if (kept == NULL || kept->next == NULL)
        return;
    keeps->first = kept->next;
    kept->next = NULL;
    while (*at != NULL)
        at = &(*at)->next;
    *at = kept;
}

void en_coap_keeps_expire(struct en_coap_keeps *keeps, uint64_t now_ms)
{
    struct en_coap_kept **at = &keeps->first;

    while (*at != NULL) {
        if ((*at)->until_ms <= now_ms)
            drop(keeps, at);
        else
            at = &(*at)->next;
    }
}

void en_coap_keeps_fini(struct en_coap_keeps *keeps)
{
    while (keeps->first != NULL)
        drop(keeps, &keeps->first);
}
