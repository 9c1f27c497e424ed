#include "invoke/input.h"

#include <stdlib.h>
#include <string.h>

/* Most requests fit; an idle connection keeps no more than the second. */
#define FIRST_BYTES 8192u
#define KEEP_BYTES 65536u

void en_input_init(struct en_input *input, void *memory, size_t max)
{
    *input = (struct en_input){
        .data = memory, .cap = memory != NULL ? max : 0, .max = max, .is_given = memory != NULL};
}

void en_input_fini(struct en_input *input)
{
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

int en_input_reserve(struct en_input *input, size_t request_len)
{
    size_t used = input->end - input->start, need, cap;
    char *data;

    need = (request_len > used ? request_len : used + 1) + 1;
    if (input->start == input->end)
        input->start = input->end = 0;
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
    data = malloc(cap);
    if (data == NULL)
        return ENOKI_ENOMEM;
    if (used > 0)
        memcpy(data, input->data + input->start, used);
    free(input->data);
    input->data = data;
    input->cap = cap;
    input->start = 0;
    input->end = used;
    return 0;
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
