#include "coap/body.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MS 60000u /* longer than a client repeats a block */

struct en_coap_body {
    struct en_coap_body *next;
    uint64_t until_ms;
    struct en_buffer bytes;
    size_t key_len;
    char key[];
};

static struct en_coap_body **find(struct en_coap_bodies *bodies, struct en_text key)
{
    struct en_coap_body **at = &bodies->first;

    while (*at != NULL && ((*at)->key_len != key.len || memcmp((*at)->key, key.data, key.len) != 0))
        at = &(*at)->next;
    return at;
}

static void drop(struct en_coap_bodies *bodies, struct en_coap_body **at)
{
    struct en_coap_body *body = *at;

    *at = body->next;
    bodies->count--;
    bodies->total_bytes -= body->bytes.len;
    en_buffer_fini(&body->bytes);
    free(body);
}

static void drop_oldest(struct en_coap_bodies *bodies)
{
    struct en_coap_body **at = &bodies->first;

    while (*at != NULL && (*at)->next != NULL)
        at = &(*at)->next;
    if (*at != NULL)
        drop(bodies, at);
}

static struct en_coap_body *begin(struct en_coap_bodies *bodies, struct en_text key)
{
    struct en_coap_body *body = calloc(1, sizeof(*body) + key.len);

    if (body == NULL)
        return NULL;
    while (bodies->count > 0 && bodies->count >= bodies->max_count)
        drop_oldest(bodies);
    memcpy(body->key, key.data, key.len);
    body->key_len = key.len;
    body->bytes.max = bodies->max_bytes;
    body->next = bodies->first;
    bodies->first = body;
    bodies->count++;
    return body;
}

static void move_to_front(struct en_coap_bodies *bodies, struct en_coap_body **at)
{
    struct en_coap_body *body = *at;

    *at = body->next;
    body->next = bodies->first;
    bodies->first = body;
}

static enum en_coap_block append(struct en_coap_bodies *bodies, struct en_text block)
{
    int rc = en_buffer_append(&bodies->first->bytes, block.data, block.len);

    if (rc != 0) {
        drop(bodies, &bodies->first);
        return rc == ENOKI_ELIMIT ? EN_COAP_BODY_TOO_LONG : EN_COAP_BODY_NO_MEMORY;
    }
    bodies->total_bytes += block.len;
    while (bodies->total_bytes > bodies->max_total_bytes && bodies->first->next != NULL)
        drop_oldest(bodies);
    return EN_COAP_BODY_MORE;
}

enum en_coap_block en_coap_body_add(struct en_coap_bodies *bodies, struct en_text key,
                                    size_t offset, bool has_more, struct en_text block,
                                    struct en_text *out)
{
    struct en_coap_body **at = find(bodies, key);
    enum en_coap_block result = EN_COAP_BODY_MORE;

    if (*at != NULL && offset == 0 && (*at)->bytes.len > block.len) {
        drop(bodies, at); /* its sender begins again */
        at = find(bodies, key);
    }
    if (*at == NULL) {
        if (offset != 0)
            return EN_COAP_BODY_INCOMPLETE;
        if (begin(bodies, key) == NULL)
            return EN_COAP_BODY_NO_MEMORY;
    } else {
        move_to_front(bodies, at);
    }
    bodies->first->until_ms = en_clock_ms() + WAIT_MS;
    if (offset > bodies->first->bytes.len) {
        drop(bodies, &bodies->first);
        return EN_COAP_BODY_INCOMPLETE;
    }
    if (offset == bodies->first->bytes.len)
        result = append(bodies, block);
    if (result != EN_COAP_BODY_MORE || has_more)
        return result;
    *out = (struct en_text){bodies->first->bytes.data == NULL ? "" : bodies->first->bytes.data,
                            bodies->first->bytes.len};
    return EN_COAP_BODY_WHOLE;
}

void en_coap_body_drop(struct en_coap_bodies *bodies, struct en_text key)
{
    struct en_coap_body **at = find(bodies, key);

    if (*at != NULL)
        drop(bodies, at);
}

void en_coap_bodies_expire(struct en_coap_bodies *bodies, uint64_t now_ms)
{
    struct en_coap_body **at = &bodies->first;

    while (*at != NULL) {
        if ((*at)->until_ms <= now_ms)
            drop(bodies, at);
        else
            at = &(*at)->next;
    }
}

void en_coap_bodies_fini(struct en_coap_bodies *bodies)
{
    while (bodies->first != NULL)
        drop(bodies, &bodies->first);
}
