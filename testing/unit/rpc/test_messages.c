#include "rpc/arena.h"
#include "rpc/messages.h"

#include "check_main.h"
#include "failing_alloc.h"

#include <string.h>

static struct en_version_view clock_of(struct en_buffer *out, struct en_version_entry *entries,
                                       size_t count)
{
    ck_assert_int_eq(en_version_build(entries, count, out), 0);
    return (struct en_version_view){(const unsigned char *)out->data, out->len};
}

static void check_bytes(struct en_buffer *made, const char *wanted, size_t len)
{
    ck_assert_uint_eq(made->len, len);
    ck_assert_mem_eq(made->data, wanted, len);
    en_buffer_fini(made);
}

#define CHECK_BYTES(made, text) check_bytes((made), (text), sizeof(text) - 1)

START_TEST(an_empty_clock_and_a_zero_counter_are_on_the_wire)
{
    struct en_buffer empty = EN_BUFFER_INIT(100), zero = EN_BUFFER_INIT(100);
    struct en_buffer out = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    struct en_version_entry entry = {"a", 0};
    const struct en_version_view versions[] = {clock_of(&empty, NULL, 0),
                                               clock_of(&zero, &entry, 1)};
    struct en_fred_write write = {"rw1", "x", "v", 1, versions, 1};

    ck_assert_int_eq(en_rpc_encode_write(&out, &write), 0);
    CHECK_BYTES(&out, "\x0a\x03rw1\x12\x01x\x1a\x01v\x22\x00");
    write.version_count = 2;
    write.value = NULL;
    ck_assert_int_eq(en_rpc_encode_write(&out, &write), 0);
    CHECK_BYTES(&out, "\x0a\x03rw1\x12\x01x\x1a\x00\x1a\x07\x0a\x05\x0a\x01"
                      "a\x10\x00");
    en_buffer_fini(&empty);
    en_buffer_fini(&zero);
}
END_TEST

START_TEST(defaults_are_left_out_of_requests)
{
    struct en_buffer out = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);

    ck_assert_int_eq(en_rpc_encode_create_keygroup(&out, "k", false, 0), 0);
    CHECK_BYTES(&out, "\x0a\x01k");
    ck_assert_int_eq(en_rpc_encode_create_keygroup(&out, "k", true, 3), 0);
    CHECK_BYTES(&out, "\x0a\x01k\x10\x01\x18\x03");
    ck_assert_int_eq(en_rpc_encode_keygroup(&out, "k"), 0);
    CHECK_BYTES(&out, "\x0a\x01k");
    ck_assert_int_eq(en_rpc_encode_read(&out, "k", "x"), 0);
    CHECK_BYTES(&out, "\x0a\x01k\x12\x01x");
    ck_assert_int_eq(en_rpc_encode_scan(&out, "k", "x", 300), 0);
    CHECK_BYTES(&out, "\x0a\x01k\x12\x01x\x18\xac\x02");
    ck_assert_int_eq(en_rpc_encode_append(&out, "k", 0, "v", 1), 0);
    CHECK_BYTES(&out, "\x0a\x01k\x1a\x01v");
    ck_assert_int_eq(en_rpc_encode_replica(&out, "k", "n", 0), 0);
    CHECK_BYTES(&out, "\x0a\x01k\x12\x01n");
    ck_assert_int_eq(en_rpc_encode_user(&out, "u", "k", EN_FRED_READ_KEYGROUP), 0);
    CHECK_BYTES(&out, "\x0a\x01u\x12\x01k");
    ck_assert_int_eq(en_rpc_encode_user(&out, "u", "k", EN_FRED_CONFIGURE_KEYGROUPS), 0);
    CHECK_BYTES(&out, "\x0a\x01u\x12\x01k\x18\x04");
}
END_TEST

START_TEST(what_a_node_would_refuse_for_its_length_is_refused_here)
{
    struct en_buffer out = EN_BUFFER_INIT(EN_RPC_REQUEST_MAX_BYTES);
    char *value = calloc(1, EN_RPC_REQUEST_MAX_BYTES);
    struct en_fred_write write = {"k", "x", value, EN_RPC_REQUEST_MAX_BYTES, NULL, 0};

    ck_assert_ptr_nonnull(value);
    ck_assert_int_eq(en_rpc_encode_write(&out, &write), ENOKI_ELIMIT);
    /* Two tags with their lengths, one of which takes 4 bytes, and two letters. */
    write.value_len = EN_RPC_REQUEST_MAX_BYTES - (3 + 3 + 1 + 4);
    ck_assert_int_eq(en_rpc_encode_write(&out, &write), 0);
    ck_assert_uint_eq(out.len, EN_RPC_REQUEST_MAX_BYTES);
    en_buffer_fini(&out);
    free(value);
}
END_TEST

static void check_clock(struct en_version_view version, const char *wanted)
{
    struct en_buffer text = EN_BUFFER_INIT(1000);

    ck_assert_int_eq(en_version_text(version, &text), 0);
    ck_assert_str_eq(text.data, wanted);
    en_buffer_fini(&text);
}

/* Item x of value "v" with {b:2, a (no value), b:3, zz:1}; a tombstone y without a version. */
#define ITEMS                                                                                      \
    "\x0a\x23\x0a\x01x\x12\x01v\x1a\x1b\x0a\x05\x0a\x01"                                           \
    "b\x10\x02\x0a\x03\x0a\x01"                                                                    \
    "a\x0a\x05\x0a\x01"                                                                            \
    "b\x10\x03\x0a\x06\x0a\x02zz\x10\x01"                                                          \
    "\x0a\x03\x0a\x01y"

START_TEST(clocks_come_unsorted_with_defaults_left_out_and_repeated_keys)
{
    struct en_fred_items items;

    ck_assert_int_eq(en_rpc_decode_items(ITEMS, sizeof(ITEMS) - 1, &items), 0);
    ck_assert_uint_eq(items.count, 2);
    ck_assert_str_eq(items.items[0].id, "x");
    ck_assert_uint_eq(items.items[0].value_len, 1);
    ck_assert_mem_eq(items.items[0].value, "v", 1);
    check_clock(items.items[0].version, "a=0,b=3,zz=1");
    ck_assert_str_eq(items.items[1].id, "y");
    ck_assert_uint_eq(items.items[1].value_len, 0);
    check_clock(items.items[1].version, "");
    en_fred_items_free(&items);
    ck_assert_ptr_null(items.items);
}
END_TEST

START_TEST(keys_have_no_values)
{
    static const char bytes[] = "\x0a\x0c\x0a\x01x\x12\x07\x0a\x05\x0a\x01"
                                "a\x10\x07";
    struct en_fred_items items;

    ck_assert_int_eq(en_rpc_decode_keys(bytes, sizeof(bytes) - 1, &items), 0);
    ck_assert_uint_eq(items.count, 1);
    ck_assert_str_eq(items.items[0].value, "");
    check_clock(items.items[0].version, "a=7");
    en_fred_items_free(&items);
}
END_TEST

START_TEST(members_and_nodes_are_lists)
{
    static const char info[] = "\x08\x01\x12\x0a\x0a\x01n\x10\x05\x1a\x03h:1\x12\x00";
    static const char nodes[] = "\x0a\x08\x0a\x01n\x12\x03h:1";
    struct en_fred_replicas list;

    ck_assert_int_eq(en_rpc_decode_keygroup_info(info, sizeof(info) - 1, &list), 0);
    ck_assert(list.is_mutable);
    ck_assert_uint_eq(list.count, 2);
    ck_assert_str_eq(list.replicas[0].node, "n");
    ck_assert_str_eq(list.replicas[0].host, "h:1");
    ck_assert_int_eq(list.replicas[0].expiry_s, 5);
    ck_assert_str_eq(list.replicas[1].node, "");
    en_fred_replicas_free(&list);
    ck_assert_int_eq(en_rpc_decode_nodes(nodes, sizeof(nodes) - 1, &list), 0);
    ck_assert_uint_eq(list.count, 1);
    ck_assert_str_eq(list.replicas[0].host, "h:1");
    en_fred_replicas_free(&list);
    ck_assert_int_eq(en_rpc_decode_nodes("", 0, &list), 0);
    ck_assert_uint_eq(list.count, 0);
    en_fred_replicas_free(&list);
}
END_TEST

START_TEST(bytes_that_are_no_answer_are_refused)
{
    static const char nameless[] = "\x0a\x04\x0a\x02\x10\x01"; /* a counter of nobody */
    struct en_fred_items items;
    struct en_fred_replicas list;
    struct en_buffer out = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);

    for (size_t len = 1; len < sizeof(ITEMS) - 6; len++)
        ck_assert_int_eq(en_rpc_decode_items(ITEMS, len, &items), ENOKI_EPROTO);
    ck_assert_int_eq(en_rpc_decode_keys("\xff\xff\xff", 3, &items), ENOKI_EPROTO);
    ck_assert_int_eq(en_rpc_decode_version("\x0a\x7f", 2, &out), ENOKI_EPROTO);
    ck_assert_int_eq(en_rpc_decode_version(nameless, sizeof(nameless) - 1, &out), ENOKI_EPROTO);
    ck_assert_int_eq(en_rpc_decode_keygroup_info("\x12\x05", 2, &list), ENOKI_EPROTO);
    ck_assert_int_eq(en_rpc_decode_nodes("\x0a\x05", 2, &list), ENOKI_EPROTO);
    ck_assert_uint_eq(out.len, 0);
    en_buffer_fini(&out);
}
END_TEST

START_TEST(an_answer_cannot_ask_for_much_more_memory_than_it_is_long)
{
    /* Items without content: 2 bytes each here, over 100 as structs. */
    const size_t len = 4u << 20;
    char *bytes = calloc(1, len);
    struct en_fred_items items;

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < len; i += 2)
        bytes[i] = '\x0a';
    ck_assert_int_eq(en_rpc_decode_items(bytes, len, &items), ENOKI_EPROTO);
    free(bytes);
}
END_TEST

START_TEST(an_arena_gives_aligned_memory_up_to_its_budget)
{
    struct en_rpc_arena arena;
    size_t total = 0;

    en_rpc_arena_init(&arena, 10);
    for (unsigned char *taken; (taken = en_rpc_arena_take(&arena, 1000)) != NULL; total += 1000) {
        ck_assert_uint_eq((uintptr_t)taken % 16, 0);
        memset(taken, 1, 1000);
    }
    ck_assert_uint_gt(total, 30000);
    ck_assert_uint_lt(total, 100000);
    ck_assert_ptr_null(en_rpc_arena_take(&arena, SIZE_MAX));
    ck_assert(!arena.is_out_of_memory);
    en_rpc_arena_fini(&arena);
}
END_TEST

START_TEST(decoding_survives_every_failed_allocation)
{
    for (unsigned i = 1;; i++) {
        struct en_fred_items items = {NULL, 0, NULL};
        int rc;

        failing_alloc_arm(i);
        rc = en_rpc_decode_items(ITEMS, sizeof(ITEMS) - 1, &items);
        if (!failing_alloc_disarm()) {
            ck_assert_int_eq(rc, 0);
            en_fred_items_free(&items);
            break;
        }
        ck_assert_int_eq(rc, ENOKI_ENOMEM);
        ck_assert_ptr_null(items.items);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_empty_clock_and_a_zero_counter_are_on_the_wire,
        defaults_are_left_out_of_requests,
        what_a_node_would_refuse_for_its_length_is_refused_here,
        clocks_come_unsorted_with_defaults_left_out_and_repeated_keys,
        keys_have_no_values,
        members_and_nodes_are_lists,
        bytes_that_are_no_answer_are_refused,
        an_answer_cannot_ask_for_much_more_memory_than_it_is_long,
        an_arena_gives_aligned_memory_up_to_its_budget,
        decoding_survives_every_failed_allocation,
    };

    return check_main("messages", tests, sizeof(tests) / sizeof(tests[0]));
}
