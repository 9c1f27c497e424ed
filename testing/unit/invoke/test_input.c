#include "invoke/input.h"

#include "check_main.h"

#include <string.h>

#define KEPT_BYTES 65536u

/* As if so many bytes had been received. */
static void receive(struct en_input *input, size_t request_len, size_t len)
{
    while (len > 0) {
        size_t room;

        ck_assert_int_eq(en_input_reserve(input, request_len), 0);
        room = input->cap - input->end - 1;
        ck_assert_uint_gt(room, 0);
        room = room < len ? room : len;
        memset(input->data + input->end, 'x', room);
        input->end += room;
        len -= room;
    }
}

START_TEST(without_a_budget_a_known_length_is_there_at_once)
{
    struct en_input input;

    en_input_init(&input, NULL, 1u << 20);
    ck_assert_int_eq(en_input_reserve(&input, 500000), 0);
    ck_assert_uint_gt(input.cap, 500000);
    ck_assert_int_eq(en_input_reserve(&input, 2u << 20), ENOKI_ELIMIT);
    en_input_fini(&input);
}
END_TEST

START_TEST(a_budget_is_taken_by_what_is_sent_and_given_back)
{
    struct en_input_budget budget = {.most = 1u << 20};
    struct en_input input;

    en_input_init(&input, NULL, 4u << 20);
    input.budget = &budget;
    ck_assert_int_eq(en_input_reserve(&input, 900000), 0);
    ck_assert_uint_eq(budget.held, 0);
    receive(&input, 900000, 900000);
    ck_assert_uint_gt(budget.held, 900000);
    ck_assert_uint_le(budget.held, 900001 + KEPT_BYTES);
    en_input_consume(&input, 900000);
    en_input_shrink(&input);
    ck_assert_uint_eq(budget.held, 0);
    receive(&input, 0, 200000);
    ck_assert_uint_ge(budget.held, 200000);
    en_input_fini(&input);
    ck_assert_uint_eq(budget.held, 0);
}
END_TEST

START_TEST(beyond_the_budget_small_requests_are_read_and_others_are_not)
{
    struct en_input_budget budget = {.most = 1u << 20, .held = 1u << 20};
    struct en_input input;

    en_input_init(&input, NULL, 4u << 20);
    input.budget = &budget;
    receive(&input, 900000, KEPT_BYTES - 1);
    ck_assert_int_eq(en_input_reserve(&input, 900000), ENOKI_ENOMEM);
    ck_assert_uint_eq(input.end, KEPT_BYTES - 1);
    ck_assert_uint_eq(budget.held, 1u << 20);
    en_input_fini(&input);
    ck_assert_uint_eq(budget.held, 1u << 20);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        without_a_budget_a_known_length_is_there_at_once,
        a_budget_is_taken_by_what_is_sent_and_given_back,
        beyond_the_budget_small_requests_are_read_and_others_are_not,
    };

    return check_main("input", tests, sizeof(tests) / sizeof(tests[0]));
}
