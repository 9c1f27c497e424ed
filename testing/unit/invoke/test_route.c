#include "invoke/route.h"

#include "check_main.h"

#include <string.h>

static enum en_route find(const char *method, const char *path, const char *async,
                          struct en_text *subpath)
{
    const struct en_header header = {{"x-tinyfaas-async", 16},
                                     {async, async == NULL ? 0 : strlen(async)}};
    const struct en_request request = {
        .method = {method, strlen(method)},
        .path = {path, strlen(path)},
        .headers = &header,
        .header_count = async == NULL ? 0 : 1,
    };

    return en_route_find(&request, "echo", subpath);
}

START_TEST(any_method_on_the_functions_path_calls_it)
{
    struct en_text subpath;

    ck_assert_int_eq(find("GET", "/echo", NULL, &subpath), EN_ROUTE_CALL);
    ck_assert_str_eq(subpath.data, "");
    ck_assert_int_eq(find("BREW", "/echo/", NULL, &subpath), EN_ROUTE_CALL);
    ck_assert_str_eq(subpath.data, "/");
    ck_assert_int_eq(find("PUT", "/echo/a/b%20c", NULL, &subpath), EN_ROUTE_CALL);
    ck_assert_str_eq(subpath.data, "/a/b%20c");
    ck_assert_uint_eq(subpath.len, 8);
}
END_TEST

START_TEST(a_percent_encoded_name_is_the_same_name)
{
    struct en_text subpath;

    ck_assert_int_eq(find("GET", "/%65c%68o/x", NULL, &subpath), EN_ROUTE_CALL);
    ck_assert_str_eq(subpath.data, "/x");
    ck_assert_int_eq(find("GET", "/echo%2fx", NULL, &subpath), EN_ROUTE_NONE);
    ck_assert_int_eq(find("GET", "/ech%6", NULL, &subpath), EN_ROUTE_NONE);
    ck_assert_int_eq(find("GET", "/ech%zz", NULL, &subpath), EN_ROUTE_NONE);
}
END_TEST

START_TEST(any_other_path_is_no_function)
{
    const char *const paths[] = {"/",      "/ech",    "/echoo", "/Echo",
                                 "//echo", "/x/echo", "",       "/health/x"};
    struct en_text subpath;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        ck_assert_msg(find("GET", paths[i], "1", &subpath) == EN_ROUTE_NONE, "%s", paths[i]);
}
END_TEST

START_TEST(an_async_header_with_any_value_runs_the_call_later)
{
    struct en_text subpath;

    ck_assert_int_eq(find("POST", "/echo", "true", &subpath), EN_ROUTE_ASYNC);
    ck_assert_int_eq(find("POST", "/echo/s", "false", &subpath), EN_ROUTE_ASYNC);
    ck_assert_str_eq(subpath.data, "/s");
    ck_assert_int_eq(find("POST", "/echo", "", &subpath), EN_ROUTE_CALL);
}
END_TEST

START_TEST(health_is_asked_with_get_or_head_and_options_asterisk_asks_the_same)
{
    struct en_text subpath;

    ck_assert_int_eq(find("GET", "/health", NULL, &subpath), EN_ROUTE_HEALTH);
    ck_assert_int_eq(find("HEAD", "/health", NULL, &subpath), EN_ROUTE_HEALTH);
    ck_assert_int_eq(find("POST", "/health", NULL, &subpath), EN_ROUTE_NONE);
    ck_assert_int_eq(find("OPTIONS", "*", NULL, &subpath), EN_ROUTE_HEALTH);
}
END_TEST

START_TEST(each_route_has_its_answer)
{
    struct en_reply reply;

    en_reply_init(&reply, 1000);
    en_route_answer(EN_ROUTE_ASYNC, &reply);
    ck_assert_int_eq(reply.status, 202);
    ck_assert_uint_eq(reply.body.len, 0);
    en_route_answer(EN_ROUTE_HEALTH, &reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply.body.data, "OK");
    en_route_answer(EN_ROUTE_NONE, &reply);
    ck_assert_int_eq(reply.status, 404);
    en_route_answer(EN_ROUTE_CALL, &reply);
    ck_assert_int_eq(reply.status, 404);
    en_reply_fini(&reply);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        any_method_on_the_functions_path_calls_it,
        a_percent_encoded_name_is_the_same_name,
        any_other_path_is_no_function,
        an_async_header_with_any_value_runs_the_call_later,
        health_is_asked_with_get_or_head_and_options_asterisk_asks_the_same,
        each_route_has_its_answer,
    };

    return check_main("route", tests, sizeof(tests) / sizeof(tests[0]));
}
