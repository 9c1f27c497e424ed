#include "wire/record.h"

#include "check_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct enoki_version *clock_of(const char *text)
{
    struct enoki_version *version;

    ck_assert_int_eq(enoki_version_parse(&version, text, NULL), 0);
    return version;
}

/* Two siblings and a tombstone. */
static unsigned char *make(size_t *size_out, struct enoki_version *clocks[3])
{
    struct en_sibling siblings[3] = {{.value = "one", .value_len = 3},
                                     {.value = "\0two", .value_len = 4},
                                     {.value = NULL, .value_len = 0}};
    unsigned char *bytes;

    clocks[0] = clock_of("a=1");
    clocks[1] = clock_of("b=1");
    clocks[2] = clock_of("c=1,d=18446744073709551615");
    for (int i = 0; i < 3; i++)
        siblings[i].version = en_version_view(clocks[i]);
    ck_assert_int_eq(en_record_size(siblings, 3, size_out), 0);
    bytes = malloc(*size_out);
    ck_assert_ptr_nonnull(bytes);
    en_record_write(bytes, siblings, 3);
    return bytes;
}

static void drop(unsigned char *bytes, struct enoki_version *clocks[3])
{
    for (int i = 0; i < 3; i++)
        enoki_version_free(clocks[i]);
    free(bytes);
}

START_TEST(a_record_reads_as_it_was_written)
{
    struct enoki_version *clocks[3];
    struct en_record record;
    struct en_sibling sibling;
    size_t size;
    unsigned char *bytes = make(&size, clocks);

    ck_assert_int_eq(en_record_verify(bytes, size), 0);
    ck_assert_int_eq(en_record_open(&record, bytes, size), 0);
    ck_assert_int_eq(en_record_next(&record, &sibling), 1);
    ck_assert_mem_eq(sibling.value, "one", 3);
    ck_assert_int_eq(en_version_order(sibling.version, en_version_view(clocks[0])),
                     ENOKI_ORDER_EQUAL);
    ck_assert_int_eq(en_record_next(&record, &sibling), 1);
    ck_assert_mem_eq(sibling.value, "\0two", 4);
    ck_assert_int_eq(en_record_next(&record, &sibling), 1);
    ck_assert_ptr_null(sibling.value);
    ck_assert_int_eq(en_version_order(sibling.version, en_version_view(clocks[2])),
                     ENOKI_ORDER_EQUAL);
    ck_assert_int_eq(en_record_next(&record, &sibling), 0);
    drop(bytes, clocks);
}
END_TEST

START_TEST(a_record_that_is_cut_anywhere_is_found_damaged)
{
    struct enoki_version *clocks[3];
    size_t size;
    unsigned char *bytes = make(&size, clocks);

    for (size_t len = 0; len < size; len++) {
        unsigned char *cut = malloc(len > 0 ? len : 1);

        memcpy(cut, bytes, len);
        ck_assert_int_eq(en_record_verify(cut, len), ENOKI_EFORMAT);
        free(cut);
    }
    drop(bytes, clocks);
}
END_TEST

START_TEST(any_changed_byte_is_found)
{
    struct enoki_version *clocks[3];
    size_t size;
    unsigned char *bytes = make(&size, clocks);

    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= 0x41;
        ck_assert_int_eq(en_record_verify(bytes, size), ENOKI_EFORMAT);
        bytes[at] ^= 0x41;
    }
    ck_assert_int_eq(en_record_verify(bytes, size), 0);
    drop(bytes, clocks);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_record_reads_as_it_was_written,
        a_record_that_is_cut_anywhere_is_found_damaged,
        any_changed_byte_is_found,
    };

    return check_main("record", tests, sizeof(tests) / sizeof(tests[0]));
}
