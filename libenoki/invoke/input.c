#include "invoke/input.h"

#include <stdlib.h>
#include <string.h>

/* Most requests fit, and there may be 10,000 connections; an idle one keeps no more than the
 * second. */
#define FIRST_BYTES 2048u
#define KEEP_BYTES 65536u
/* Under a budget: how many times as much as was sent there may be room for. */
#define GROWTH 4u

void en_input_init(struct en_input *input, void *memory, size_t max)
{
    *input = (struct en_input){
        .data = memory, .cap = memory != NULL ? max : 0, .max = max, .is_given = memory != NULL};
}

/* What a block of that size takes of the budget. */
static size_t charge_of(const struct en_input *input, size_t cap)
{
    return input->budget == NULL || cap <= KEEP_BYTES ? 0 : cap;
}

/* For a block of cap bytes in place of the present one. False: too much is held. */
static bool charge(struct en_input *input, size_t cap)
{
    size_t before = charge_of(input, input->cap), after = charge_of(input, cap);
    struct en_input_budget *budget = input->budget;

    if (after > before && after - before > budget->most - budget->held)
        return false;
    if (budget != NULL)
        budget->held = budget->held - before + after;
    return true;
}

void en_input_fini(struct en_input *input)
{
    (void)charge(input, 0);
    if (!input->is_given)
        free(input->data);
    input->data = NULL;
    input->cap = 0;
    input->start = 0;
    input->end = 0;
}

static void move_to_front(struct en_input *input)
{
    if (input->start == 0)
        return;
    memmove(input->data, input->data + input->start, input->end - input->start);
    input->end -= input->start;
    input->start = 0;
}

/* The room that is wanted. Under a budget who announces much gets it as he sends it: an
 * announcement alone must not take it from the others. */
static size_t need_of(const struct en_input *input, size_t request_len)
{
    size_t used = input->end - input->start;
    size_t need = (request_len > used ? request_len : used + 1) + 1;

    if (input->budget == NULL || need <= KEEP_BYTES)
        return need;
    if (input->cap - input->end > 1)
        return used + 2; /* what is there comes first */
    if (need > used * GROWTH + 2)
        need = used * GROWTH + 2;
    return need < KEEP_BYTES ? KEEP_BYTES : need;
}

static int resize(struct en_input *input, size_t cap)
{
    size_t used = input->end - input->start;
    char *data = malloc(cap);

    if (data == NULL || !charge(input, cap)) {
        free(data);
        return ENOKI_ENOMEM;
    }
    if (used > 0)
        memcpy(data, input->data + input->start, used);
    free(input->data);
    input->data = data;
    input->cap = cap;
    input->start = 0;
    input->end = used;
    return 0;
}

int en_input_reserve(struct en_input *input, size_t request_len)
{
    size_t used = input->end - input->start, need, cap;

    if (input->start == input->end)
        input->start = input->end = 0;
    need = need_of(input, request_len);
    if (need <= input->cap - input->start)
        return 0;
    if (need <= input->cap) {
        move_to_front(input);
        return 0;
    }
    if (need > input->max || input->is_given)
        return ENOKI_ELIMIT;

    /* A request whose length is known gets just that; else doubling. */
    cap = input->cap == 0 ? FIRST_BYTES : input->cap * 2;
    if (request_len > used || cap < need)
        cap = need < FIRST_BYTES ? FIRST_BYTES : need;
    if (cap > input->max)
        cap = input->max;
    return resize(input, cap);
}

void en_input_consume(struct en_input *input, size_t len)
{
    input->start += len;
    if (input->start == input->end)
        input->start = input->end = 0;
}

void en_input_shrink(struct en_input *input)
{
    if (!input->is_given && input->start == input->end && input->cap > KEEP_BYTES)
        en_input_fini(input);
}

void en_input_release(struct en_input *input)
{
    if (!input->is_given)
        en_input_fini(input);
}
