#include "net/packet.h"

#include "check_main.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];
static struct en_packet packet;

static void open_pair(size_t max)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(en_packet_init(&packet, max), 0);
}

static void close_pair(void)
{
    en_packet_fini(&packet);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

START_TEST(a_small_message_arrives_whole)
{
    open_pair(100);
    ck_assert_int_eq(en_packet_receive(&packet, ends[1], 0), 0);
    ck_assert_int_eq(en_packet_send(ends[0], "head", 4, "body", 4), 0);
    ck_assert_int_eq(en_packet_send(ends[0], "x", 1, NULL, 0), 0);
    ck_assert_int_eq(en_packet_receive(&packet, ends[1], 1), 1);
    ck_assert_uint_eq(packet.len, 8);
    ck_assert_mem_eq(packet.data, "headbody", 8);
    ck_assert_int_eq(en_packet_receive(&packet, ends[1], 0), 1);
    ck_assert_uint_eq(packet.len, 1);
    close_pair();
}
END_TEST

START_TEST(a_socket_comes_with_a_small_message_and_goes_with_the_next)
{
    char *large = calloc(1, 200000);
    char byte = 0;
    int pair[2];

    ck_assert_ptr_nonnull(large);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    open_pair(300000);
    ck_assert_int_eq(en_packet_pass(ends[0], "head", 4, "body", 4, pair[1]), 0);
    ck_assert_int_eq(en_packet_pass(ends[0], "head", 4, large, 200000, pair[1]), 0);
    ck_assert_int_eq(en_packet_pass(ends[0], "head", 4, "body", 4, -1), 0);
    ck_assert_int_eq(close(pair[1]), 0);
    ck_assert_int_eq(en_packet_receive(&packet, ends[1], 1), 1);
    ck_assert_mem_eq(packet.data, "headbody", 8);
    ck_assert_int_eq(send(packet.passed, "x", 1, MSG_NOSIGNAL), 1);
    ck_assert_int_eq(recv(pair[0], &byte, 1, 0), 1);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(en_packet_receive(&packet, ends[1], 1), 1);
        ck_assert_int_eq(packet.passed, -1);
        ck_assert_uint_eq(packet.len, i == 0 ? 200004 : 8);
    }
    ck_assert_int_eq(recv(pair[0], &byte, 1, 0), 0);
    ck_assert_int_eq(close(pair[0]), 0);
    free(large);
    close_pair();
}
END_TEST

START_TEST(a_message_of_megabytes_arrives_whole)
{
    size_t len = 5000000;
    char *body = malloc(len);

    ck_assert_ptr_nonnull(body);
    for (size_t i = 0; i < len; i++)
        body[i] = (char)(i * 31);
    open_pair(len + 4);
    ck_assert_int_eq(en_packet_send(ends[0], "head", 4, body, len), 0);
    ck_assert_int_eq(en_packet_receive(&packet, ends[1], 0), 1);
    ck_assert_uint_eq(packet.len, len + 4);
    ck_assert_mem_eq(packet.data + 4, body, len);
    ck_assert_int_eq(en_packet_send(ends[0], "head", 4, "b", 1), 0);
    ck_assert_int_eq(en_packet_receive(&packet, ends[1], 0), 1);
    ck_assert_uint_eq(packet.len, 5);
    close_pair();
    free(body);
}
END_TEST

START_TEST(a_message_longer_than_allowed_is_refused_and_the_next_one_arrives)
{
    static char body[200000];

    open_pair(150000);
    ck_assert_int_eq(en_packet_send(ends[0], "head", 4, body, sizeof(body)), 0);
    ck_assert_int_eq(en_packet_send(ends[0], "next", 4, NULL, 0), 0);
    ck_assert_int_eq(en_packet_receive(&packet, ends[1], 0), ENOKI_EPROTO);
    ck_assert_int_eq(en_packet_receive(&packet, ends[1], 0), 1);
    ck_assert_mem_eq(packet.data, "next", 4);
    close_pair();
}
END_TEST

START_TEST(the_end_of_the_other_side_is_told_to_both)
{
    open_pair(100);
    (void)close(ends[0]);
    ck_assert_int_eq(en_packet_receive(&packet, ends[1], 1), ENOKI_ECLOSED);
    ck_assert_int_eq(en_packet_send(ends[1], "x", 1, NULL, 0), ENOKI_ECLOSED);
    close_pair();
}
END_TEST

START_TEST(a_full_socket_that_must_not_block_says_so)
{
    static char body[50000];
    int rc = 0;

    open_pair(100000);
    (void)close(ends[0]);
    (void)close(ends[1]);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
                     0);
    for (int i = 0; i < 1000 && rc == 0; i++)
        rc = en_packet_send(ends[0], body, sizeof(body), NULL, 0);
    ck_assert_int_eq(rc, ENOKI_ELIMIT);
    close_pair();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_small_message_arrives_whole,
        a_socket_comes_with_a_small_message_and_goes_with_the_next,
        a_message_of_megabytes_arrives_whole,
        a_message_longer_than_allowed_is_refused_and_the_next_one_arrives,
        the_end_of_the_other_side_is_told_to_both,
        a_full_socket_that_must_not_block_says_so,
    };

    return check_main("packet", tests, sizeof(tests) / sizeof(tests[0]));
}
