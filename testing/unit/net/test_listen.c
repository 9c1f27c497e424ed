#include "net/listen.h"

#include "check_main.h"

#include <string.h>
#include <unistd.h>

START_TEST(listens_on_a_free_port_and_names_it)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    char name[64];
    int fd, again;

    ck_assert_int_eq(en_listen_tcp("127.0.0.1:0", &fd, &err), 0);
    ck_assert_int_eq(en_listen_name(fd, name, sizeof(name)), 0);
    ck_assert_int_eq(strncmp(name, "127.0.0.1:", 10), 0);
    ck_assert_str_ne(name, "127.0.0.1:0");
    ck_assert_int_eq(en_listen_name(fd, name, 5), ENOKI_ELIMIT);

    ck_assert_int_eq(en_listen_name(fd, name, sizeof(name)), 0);
    ck_assert_int_eq(en_listen_tcp(name, &again, &err), ENOKI_EIO);
    ck_assert_ptr_nonnull(strstr(err.message, name));
    ck_assert_ptr_nonnull(strstr(err.message, "choose another port"));
    ck_assert_int_eq(en_listen_tcp("192.0.2.1:0", &again, &err), ENOKI_EIO);
    ck_assert_ptr_nonnull(strstr(err.message, "give an address of this machine"));
    (void)close(fd);
}
END_TEST

START_TEST(refuses_what_is_not_an_address_and_shows_the_form)
{
    static const char *const bad[] = {
        "",           "127.0.0.1",
        "127.0.0.1:", "127.0.0.1:65536",
        "host:80",    "1.2.3:80",
        "[::1:80",    "127.0.0.1:-1",
        "[::zz]:80",  "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20:1"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct enoki_error err = ENOKI_ERROR_INIT;
        int fd;

        ck_assert_int_eq(en_listen_tcp(bad[i], &fd, &err), ENOKI_EINVAL);
        ck_assert_ptr_nonnull(strstr(err.message, "127.0.0.1:8000"));
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        listens_on_a_free_port_and_names_it,
        refuses_what_is_not_an_address_and_shows_the_form,
    };

    return check_main("listen", tests, sizeof(tests) / sizeof(tests[0]));
}
