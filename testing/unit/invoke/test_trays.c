/* The memory that a pool's parent and its workers share for large bodies. */
#include "invoke/trays.h"

#include "check_main.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct en_trays trays;

static void fill(char *body, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        body[i] = (char)(i * 31 + seed);
}

/* What a process does that shares them: its exit status, or the signal that ended it, negative. */
static int in_worker(int (*work)(void))
{
    pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        const struct rlimit none = {0, 0};

        /* A sanitizer would make an exit status of the signal. */
        (void)signal(SIGSEGV, SIG_DFL);
        (void)setrlimit(RLIMIT_CORE, &none);
        _exit(work());
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

START_TEST(each_call_has_its_own_until_there_are_no_more)
{
    uint32_t first, second;

    ck_assert_int_eq(en_trays_init(&trays, 2, true), 0);
    ck_assert_uint_eq(en_trays_out(&trays), 0);
    first = en_trays_take(&trays, 11);
    second = en_trays_take(&trays, 12);
    ck_assert_uint_ne(first, second);
    ck_assert_uint_lt(first, 2);
    ck_assert_uint_lt(second, 2);
    ck_assert_uint_eq(en_trays_out(&trays), 2);
    ck_assert_uint_eq(en_trays_take(&trays, 13), EN_NO_TRAY);
    en_trays_give(&trays, first, 11);
    ck_assert_uint_eq(en_trays_out(&trays), 1);
    ck_assert_uint_eq(en_trays_take(&trays, 13), first);
    ck_assert_uint_eq(en_trays_take(&trays, 14), EN_NO_TRAY);
    en_trays_fini(&trays);
}
END_TEST

START_TEST(nobody_gives_back_what_is_not_his_and_nothing_twice)
{
    uint32_t tray;

    ck_assert_int_eq(en_trays_init(&trays, 1, false), 0);
    tray = en_trays_take(&trays, 11);
    en_trays_give(&trays, tray, 12);
    en_trays_give(&trays, 1, 11);
    en_trays_give(&trays, EN_NO_TRAY, 11);
    ck_assert_uint_eq(en_trays_take(&trays, 13), EN_NO_TRAY);
    for (int i = 0; i < 3; i++)
        en_trays_give(&trays, tray, 11);
    en_trays_give(&trays, tray, 0);
    ck_assert_uint_eq(en_trays_take(&trays, 13), tray);
    ck_assert_uint_eq(en_trays_take(&trays, 14), EN_NO_TRAY);
    en_trays_fini(&trays);
}
END_TEST

START_TEST(a_call_is_claimed_once_and_only_while_it_is_there)
{
    uint32_t tray, turn, worker = 0;

    ck_assert_int_eq(en_trays_init(&trays, 3, false), 0);
    tray = en_trays_take(&trays, 11);
    turn = trays.trays[tray].turn;
    ck_assert_int_eq(en_trays_state(&trays, tray, &worker), EN_TRAY_POSTED);
    ck_assert(!en_tray_claim(&trays, tray, turn + 1, 5));
    ck_assert(!en_tray_claim(&trays, tray + 1, turn, 5));
    ck_assert(!en_tray_claim(&trays, 3, turn, 5));
    ck_assert(!en_tray_claim(&trays, EN_NO_TRAY, turn, 5));
    ck_assert(en_tray_claim(&trays, tray, turn, 5));
    ck_assert(!en_tray_claim(&trays, tray, turn, 6));
    ck_assert_int_eq(en_trays_state(&trays, tray, &worker), EN_TRAY_CLAIMED);
    ck_assert_uint_eq(worker, 5);
    ck_assert(!en_trays_withdraw(&trays, 11));
    en_trays_give(&trays, tray, 11);
    ck_assert_int_eq(en_trays_state(&trays, tray, &worker), EN_TRAY_FREE);
    ck_assert(!en_tray_claim(&trays, tray, turn, 5));
    /* What was sent twice comes when another call is there. */
    ck_assert_uint_eq(en_trays_take(&trays, 12), tray);
    ck_assert(!en_tray_claim(&trays, tray, turn, 5));
    ck_assert(!en_trays_withdraw(&trays, 11));
    ck_assert(!en_trays_withdraw(&trays, 0));
    ck_assert(en_trays_withdraw(&trays, 12));
    ck_assert(!en_tray_claim(&trays, tray, turn + 1, 5));
    ck_assert_uint_eq(en_trays_out(&trays), 0);
    en_trays_fini(&trays);
}
END_TEST

START_TEST(a_claim_that_is_none_is_nobodys_who_is_there)
{
    static const uint64_t claims[] = {0,          1,
                                      UINT64_MAX, 1ull << 32,
                                      7ull << 32, 1ull << 32 | UINT32_MAX};
    uint32_t tray, worker;

    ck_assert_int_eq(en_trays_init(&trays, 1, false), 0);
    tray = en_trays_take(&trays, 11);
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        atomic_store(&trays.claims[tray], claims[i]);
        worker = 0;
        ck_assert_int_eq(en_trays_state(&trays, tray, &worker), EN_TRAY_CLAIMED);
        ck_assert_uint_gt(worker, 4096);
    }
    en_trays_fini(&trays);
}
END_TEST

START_TEST(what_a_worker_says_of_it_is_checked)
{
    uint32_t tray;

    ck_assert_int_eq(en_trays_init(&trays, 2, true), 0);
    tray = en_trays_take(&trays, 11);
    ck_assert_ptr_nonnull(en_trays_get(&trays, tray, 11, EN_TRAY_BYTES, 1));
    ck_assert_ptr_null(en_trays_get(&trays, tray, 11, EN_TRAY_BYTES + 1, 1));
    ck_assert_ptr_null(en_trays_get(&trays, tray, 11, UINT64_MAX, 1));
    ck_assert_ptr_null(en_trays_get(&trays, tray, 12, 5, 1));
    ck_assert_ptr_null(en_trays_get(&trays, 1 - tray, 11, 5, 1));
    ck_assert_ptr_null(en_trays_get(&trays, 1 - tray, 0, 5, 1));
    ck_assert_ptr_null(en_trays_get(&trays, 2, 11, 5, 1));
    ck_assert_ptr_null(en_trays_get(&trays, EN_NO_TRAY, 11, 5, 1));
    en_trays_fini(&trays);
}
END_TEST

START_TEST(trays_of_enoki_process_carry_no_bodies)
{
    uint32_t tray;

    ck_assert_int_eq(en_trays_init(&trays, 1, false), 0);
    tray = en_trays_take(&trays, 11);
    ck_assert(!en_trays_carry(&trays, tray, 100000));
    ck_assert_ptr_null(en_trays_get(&trays, tray, 11, 5, 1));
    ck_assert_uint_eq(en_trays_rest(&trays, 1000, 10), UINT64_MAX);
    ck_assert_int_eq(en_trays_fence(&trays), 0);
    ck_assert_ptr_null(en_tray_open(&trays, tray));
    en_tray_close(&trays, tray);
    en_trays_fini(&trays);
}
END_TEST

START_TEST(only_bodies_that_are_worth_it_and_fit_travel_so)
{
    ck_assert_int_eq(en_trays_init(&trays, EN_TRAYS_CARRYING + 1, true), 0);
    ck_assert(!en_trays_carry(&trays, 0, 0));
    ck_assert(!en_trays_carry(&trays, 0, EN_TRAY_FROM - 1));
    ck_assert(en_trays_carry(&trays, 0, EN_TRAY_FROM));
    ck_assert(en_trays_carry(&trays, 0, EN_TRAY_BYTES));
    ck_assert(!en_trays_carry(&trays, 0, (size_t)EN_TRAY_BYTES + 1));
    ck_assert(!en_trays_carry(&trays, EN_NO_TRAY, EN_TRAY_BYTES));
    ck_assert(!en_trays_carry(&trays, EN_TRAYS_CARRYING, EN_TRAY_BYTES));
    for (uint64_t call = 1; call <= EN_TRAYS_CARRYING; call++)
        ck_assert(en_trays_carry(&trays, en_trays_take(&trays, call), EN_TRAY_BYTES));
    ck_assert(!en_trays_carry(&trays, en_trays_take(&trays, 99), EN_TRAY_BYTES));
    en_trays_fini(&trays);
}
END_TEST

static uint32_t used;

static int turn_round(void)
{
    char *body = en_tray_open(&trays, used);

    if (body == NULL)
        return 1;
    body[EN_TRAY_BYTES] = '\0'; /* there is room for it */
    for (size_t i = 0; i < EN_TRAY_BYTES / 2; i++) {
        char byte = body[i];

        body[i] = body[EN_TRAY_BYTES - 1 - i];
        body[EN_TRAY_BYTES - 1 - i] = byte;
    }
    en_tray_close(&trays, used);
    return 0;
}

START_TEST(a_body_goes_to_the_worker_and_another_comes_back)
{
    char *body = malloc(EN_TRAY_BYTES);
    const char *answer;
    size_t wrong = 0;

    ck_assert_ptr_nonnull(body);
    fill(body, EN_TRAY_BYTES, 7);
    ck_assert_int_eq(en_trays_init(&trays, 3, true), 0);
    for (uint64_t call = 1; call <= 3; call++) {
        used = en_trays_take(&trays, call);
        ck_assert(en_trays_carry(&trays, used, EN_TRAY_BYTES));
        en_trays_put(&trays, used, body, EN_TRAY_BYTES, 1);
        ck_assert_int_eq(in_worker(turn_round), 0);
        answer = en_trays_get(&trays, used, call, EN_TRAY_BYTES, 1);
        ck_assert_ptr_nonnull(answer);
        for (size_t i = 0; i < EN_TRAY_BYTES; i++)
            wrong += answer[i] != body[EN_TRAY_BYTES - 1 - i];
        ck_assert_uint_eq(wrong, 0);
    }
    en_trays_fini(&trays);
    free(body);
}
END_TEST

static int touch_another(void)
{
    if (en_trays_fence(&trays) != 0 || en_tray_open(&trays, used) == NULL)
        return 1;
    trays.trays[used].memory[0] = 'x';
    trays.trays[1 - used].memory[0] = 'x';
    return 2;
}

static int touch_after_close(void)
{
    if (en_trays_fence(&trays) != 0 || en_tray_open(&trays, used) == NULL)
        return 1;
    en_tray_close(&trays, used);
    return trays.trays[used].memory[0] == 'x' ? 2 : 3;
}

START_TEST(a_stray_pointer_reaches_no_other_one)
{
    ck_assert_int_eq(en_trays_init(&trays, 2, true), 0);
    used = en_trays_take(&trays, 1);
    trays.trays[0].memory[0] = trays.trays[1].memory[0] = 'a';
    ck_assert_int_eq(in_worker(touch_another), -SIGSEGV);
    ck_assert_int_eq(trays.trays[used].memory[0], 'x');
    ck_assert_int_eq(trays.trays[1 - used].memory[0], 'a');
    ck_assert_int_eq(in_worker(touch_after_close), -SIGSEGV);
    en_trays_fini(&trays);
}
END_TEST

static size_t resident(const char *memory)
{
    unsigned char pages[EN_TRAY_BYTES / 4096 + 1];
    size_t count = 0;

    ck_assert_int_eq(mincore((void *)(uintptr_t)memory, EN_TRAY_BYTES + 4096u, pages), 0);
    for (size_t i = 0; i < sizeof(pages); i++)
        count += pages[i] & 1u;
    return count;
}

START_TEST(memory_goes_back_when_none_was_used_for_a_while)
{
    static char body[200000];
    uint32_t first, second;

    ck_assert_int_eq(en_trays_init(&trays, 2, true), 0);
    fill(body, sizeof(body), 3);
    ck_assert_uint_eq(en_trays_rest(&trays, 5000, 100), UINT64_MAX);
    first = en_trays_take(&trays, 1);
    second = en_trays_take(&trays, 2);
    en_trays_put(&trays, first, body, sizeof(body), 1000);
    en_trays_put(&trays, second, body, sizeof(body), 1050);
    en_trays_give(&trays, first, 1);
    ck_assert_uint_eq(en_trays_rest(&trays, 1060, 100), 1150);
    ck_assert_uint_eq(resident(trays.trays[first].memory), 49);
    /* The other call still runs: its body stays, and there will be another look. */
    ck_assert_uint_eq(en_trays_rest(&trays, 1150, 100), 1250);
    ck_assert_uint_eq(resident(trays.trays[first].memory), 0);
    ck_assert_mem_eq(en_trays_get(&trays, second, 2, sizeof(body), 1200), body, sizeof(body));
    en_trays_give(&trays, second, 2);
    ck_assert_uint_eq(en_trays_rest(&trays, 1250, 100), 1300);
    ck_assert_uint_eq(en_trays_rest(&trays, 1300, 100), UINT64_MAX);
    ck_assert_uint_eq(resident(trays.trays[second].memory), 0);
    ck_assert_uint_eq(trays.free_count, 2);
    en_trays_fini(&trays);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_call_has_its_own_until_there_are_no_more,
        nobody_gives_back_what_is_not_his_and_nothing_twice,
        a_call_is_claimed_once_and_only_while_it_is_there,
        a_claim_that_is_none_is_nobodys_who_is_there,
        what_a_worker_says_of_it_is_checked,
        trays_of_enoki_process_carry_no_bodies,
        only_bodies_that_are_worth_it_and_fit_travel_so,
        a_body_goes_to_the_worker_and_another_comes_back,
        a_stray_pointer_reaches_no_other_one,
        memory_goes_back_when_none_was_used_for_a_while,
    };

    return check_main("trays", tests, sizeof(tests) / sizeof(tests[0]));
}
