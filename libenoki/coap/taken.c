#include "coap/taken.h"

#include <netinet/in.h>

#define EXCHANGE_LIFETIME_MS 247000u

/* By mid and port, which are at the same place in addresses of both kinds. */
static uint16_t *bucket_of(struct en_coap_takens *takens, const coap_address_t *peer,
                           coap_mid_t mid)
{
    unsigned port = ntohs(peer->addr.sin.sin_port);

    return &takens->buckets[((unsigned)mid + port * 31u) % EN_COAP_TAKEN_COUNT];
}

struct en_coap_taken *en_coap_taken_find(struct en_coap_takens *takens, const coap_address_t *peer,
                                         coap_mid_t mid, uint64_t now_ms)
{
    for (uint16_t at = *bucket_of(takens, peer, mid); at != 0; at = takens->ring[at - 1].next) {
        struct en_coap_taken *taken = &takens->ring[at - 1];

        if (taken->mid == mid && taken->until_ms > now_ms &&
            coap_address_equals(&taken->peer, peer))
            return taken;
    }
    return NULL;
}

static void unlink_taken(struct en_coap_takens *takens, const struct en_coap_taken *taken)
{
    uint16_t *at = bucket_of(takens, &taken->peer, taken->mid);
    uint16_t wanted = (uint16_t)(taken - takens->ring + 1);

    while (*at != 0 && *at != wanted)
        at = &takens->ring[*at - 1].next;
    if (*at != 0)
        *at = taken->next;
}

struct en_coap_taken *en_coap_taken_add(struct en_coap_takens *takens, const coap_address_t *peer,
                                        coap_mid_t mid, uint64_t now_ms)
{
    struct en_coap_taken *taken = &takens->ring[takens->next];
    uint16_t *bucket = bucket_of(takens, peer, mid);

    unlink_taken(takens, taken);
    coap_delete_pdu(taken->answer);
    *taken = (struct en_coap_taken){.peer = *peer,
                                    .mid = mid,
                                    .next = *bucket,
                                    .until_ms = now_ms + EXCHANGE_LIFETIME_MS,
                                    .serial = ++takens->last_serial};
    *bucket = (uint16_t)(takens->next + 1);
    takens->next = (takens->next + 1) % EN_COAP_TAKEN_COUNT;
    return taken;
}

/* All but what the message that carries it has of its own: type, mid, token. */
static bool copy_answer(coap_pdu_t *to, const coap_pdu_t *from)
{
    coap_opt_iterator_t iterator;
    const coap_opt_t *option;
    const uint8_t *data;
    size_t len;

    coap_pdu_set_code(to, coap_pdu_get_code(from));
    (void)coap_option_iterator_init(from, &iterator, COAP_OPT_ALL);
    while ((option = coap_option_next(&iterator)) != NULL) {
        if (coap_add_option(to, iterator.number, coap_opt_length(option),
                            coap_opt_value(option)) == 0)
            return false;
    }
    return coap_get_data(from, &len, &data) == 0 || coap_add_data(to, len, data) != 0;
}

bool en_coap_taken_keep(struct en_coap_taken *taken, uint64_t serial, const coap_pdu_t *answer)
{
    coap_pdu_t *copy;

    if (taken->serial != serial)
        return false;
    copy = coap_pdu_init(COAP_MESSAGE_ACK, COAP_EMPTY_CODE, 0, EN_COAP_KEPT_MAX_BYTES);
    if (copy == NULL || !copy_answer(copy, answer)) {
        coap_delete_pdu(copy);
        return false;
    }
    taken->answer = copy;
    return true;
}

void en_coap_taken_repeat(const struct en_coap_taken *taken, coap_pdu_t *response)
{
    /* What does not fit: a client that says it again with a longer token. */
    if (taken->answer != NULL && !copy_answer(response, taken->answer))
        coap_pdu_set_code(response, COAP_RESPONSE_CODE_INTERNAL_ERROR);
}

void en_coap_takens_fini(struct en_coap_takens *takens)
{
    for (size_t i = 0; i < EN_COAP_TAKEN_COUNT; i++)
        coap_delete_pdu(takens->ring[i].answer);
}
