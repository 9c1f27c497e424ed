/* State URIs: what is taken, and what the refusal of the rest says. */
#include "check_main.h"

#include "state/uri.h"

#include <string.h>

START_TEST(every_option_of_fred_is_taken)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct en_uri uri;

    ck_assert_msg(
        en_uri_parse(&uri,
                     "fred://10.0.0.1:9001,[::1]:9002?tls=/etc/enoki&user=alice&admin=root"
                     "&node=edge&expiry=60&stale=any&session=s&durability=process"
                     "&timeout=100&start=0&max_value=10&keygroup=k",
                     &err) == 0,
        "%s", err.message);
    ck_assert_str_eq(uri.scheme, "fred");
    ck_assert_str_eq(uri.where, "10.0.0.1:9001,[::1]:9002");
    ck_assert_str_eq(uri.tls, "/etc/enoki");
    ck_assert_str_eq(uri.user, "alice");
    ck_assert_str_eq(uri.admin, "root");
    ck_assert_str_eq(uri.node, "edge");
    ck_assert_str_eq(uri.session, "s");
    ck_assert_str_eq(uri.durability, "process");
    ck_assert_str_eq(uri.keygroup, "k");
    ck_assert_uint_eq(uri.expiry_s, 60);
    ck_assert_uint_eq(uri.timeout_ms, 100);
    ck_assert_uint_eq(uri.start_ms, 0);
    ck_assert_uint_eq(uri.max_value_bytes, 10);
    ck_assert_int_eq(uri.stale, EN_STALE_ANY);
    en_uri_fini(&uri);
}
END_TEST

START_TEST(what_is_not_given_has_its_default)
{
    struct en_uri uri;

    ck_assert_int_eq(en_uri_parse(&uri, "fred://a:1?tls=d&user=u", NULL), 0);
    ck_assert_uint_eq(uri.start_ms, EN_URI_START_MS);
    ck_assert_int_eq(uri.stale, EN_STALE_WAIT);
    ck_assert_ptr_null(uri.session);
    ck_assert_ptr_null(uri.admin);
    en_uri_fini(&uri);
    ck_assert_int_eq(en_uri_parse(&uri, "embedded:a folder:with%20signs", NULL), 0);
    ck_assert_str_eq(uri.where, "a folder:with%20signs");
    en_uri_fini(&uri);
}
END_TEST

START_TEST(the_rest_is_refused_and_named)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"", "embedded:DIR"},
        {"embedded", "embedded:DIR"},
        {"redis://x", "fred://"},
        {"embedded:d?expiry=5", "expiry"},
        {"embedded:d?user=u", "user"},
        {"relay:3?timeout=5", "timeout"},
        {"fred://a:1?tls=d&user=u&nonsense=1", "nonsense"},
        {"fred://a:1?tls=d&user=u&timeout=0", "timeout"},
        {"fred://a:1?tls=d&user=u&timeout=5s", "timeout"},
        {"fred://a:1?tls=d&user=u&timeout=99999999999999999999", "timeout"},
        {"fred://a:1?tls=d&user=u&expiry=-1", "expiry"},
        {"fred://a:1?tls=d&user=u&stale=maybe", "stale"},
        {"fred://a:1?tls=&user=u", "tls"},
        {"fred://a:1?tls", "tls"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct enoki_error err = ENOKI_ERROR_INIT;
        struct en_uri uri;

        ck_assert_msg(en_uri_parse(&uri, rows[i].text, &err) == ENOKI_EINVAL, "'%s' is taken",
                      rows[i].text);
        ck_assert_msg(strstr(err.message, rows[i].words) != NULL, "'%s': '%s' lacks '%s'",
                      rows[i].text, err.message, rows[i].words);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_option_of_fred_is_taken,
        what_is_not_given_has_its_default,
        the_rest_is_refused_and_named,
    };

    return check_main("uri", tests, sizeof(tests) / sizeof(tests[0]));
}
