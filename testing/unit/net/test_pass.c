/* Sockets that go from one process to another, and what else may arrive there. */
#include "net/pass.h"

#include "check_main.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

static void set_up(void)
{
    ck_assert_int_eq(en_pass_pair(ends), 0);
}

START_TEST(a_stream_arrives_with_its_message_and_is_connected)
{
    char message[16];
    int fd, other;

    set_up();
    ck_assert_int_eq(en_pass_new_stream(ends[0], "name", 4, false, &fd), 0);
    ck_assert_int_eq(en_pass_receive(ends[1], message, sizeof(message), &other), 4);
    ck_assert_mem_eq(message, "name", 4);
    ck_assert(en_pass_is_stream(other));
    ck_assert_int_eq(fcntl(other, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(write(fd, "x", 1), 1);
    ck_assert_int_eq(read(other, message, 1), 1);
    ck_assert_int_eq(en_pass_receive(ends[1], message, sizeof(message), &other), 0);
    ck_assert_int_eq(other, -1);
}
END_TEST

START_TEST(a_message_may_have_no_descriptor_or_one_that_is_no_socket)
{
    char message[2];
    int fd, file = open("/dev/null", O_RDWR | O_CLOEXEC);

    set_up();
    ck_assert_int_eq(send(ends[0], "longer", 6, 0), 6);
    ck_assert_int_eq(en_pass_receive(ends[1], message, sizeof(message), &fd), 2);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(en_pass_send(ends[0], "f", 1, file, false), 0);
    ck_assert_int_eq(en_pass_receive(ends[1], message, sizeof(message), &fd), 1);
    ck_assert(!en_pass_is_stream(fd));
    ck_assert(!en_pass_is_stream(ends[0])); /* a socket of another kind */
}
END_TEST

START_TEST(two_descriptors_are_none_and_both_are_closed)
{
    char room[CMSG_SPACE(2 * sizeof(int))] = {0}, byte = 1;
    struct iovec part = {&byte, 1};
    struct msghdr parts = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&parts);
    int fd, pipes[2];

    set_up();
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(head), (int[2]){pipes[1], pipes[1]}, 2 * sizeof(int));
    ck_assert_int_eq(sendmsg(ends[0], &parts, 0), 1);
    ck_assert_int_eq(close(pipes[1]), 0);
    ck_assert_int_eq(en_pass_receive(ends[1], &byte, 1, &fd), 1);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(read(pipes[0], &byte, 1), 0); /* no end for writing is left */
}
END_TEST

START_TEST(a_full_socket_and_a_closed_one_are_told)
{
    char byte;
    int fd, rc;

    set_up();
    do {
        rc = en_pass_new_stream(ends[0], "x", 1, false, &fd);
        if (rc == 0)
            ck_assert_int_eq(close(fd), 0);
    } while (rc == 0);
    ck_assert_int_eq(rc, ENOKI_ELIMIT);
    ck_assert_int_eq(close(ends[1]), 0);
    ck_assert_int_eq(en_pass_new_stream(ends[0], "x", 1, false, &fd), ENOKI_ECLOSED);
    ck_assert_int_eq(en_pass_receive(ends[0], &byte, 1, &fd), ENOKI_ECLOSED);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_stream_arrives_with_its_message_and_is_connected,
                                  a_message_may_have_no_descriptor_or_one_that_is_no_socket,
                                  two_descriptors_are_none_and_both_are_closed,
                                  a_full_socket_and_a_closed_one_are_told};

    return check_main("pass", tests, sizeof(tests) / sizeof(tests[0]));
}
