#include "rpc/errors.h"

#include "check_main.h"

#include <grpc/status.h>
#include <string.h>

struct row {
    int code;
    const char *text;
    bool was_sent;
    enum en_fred_result result;
    int status;
};

/* FReD's words, as its nodes say them. */
static const struct row rows[] = {
    {2, "item x not found in keygroup k", true, EN_FRED_NOT_FOUND, ENOKI_ENOTFOUND},
    {2, "item does not exist so it cannot be deleted", true, EN_FRED_NOT_FOUND, ENOKI_ENOTFOUND},
    {2, "error scanning 3 items starting at x from keygroup k", true, EN_FRED_NOT_FOUND,
     ENOKI_ENOTFOUND},
    {2, "error scanning keys for 3 items starting at x from keygroup k", true, EN_FRED_NOT_FOUND,
     ENOKI_ENOTFOUND},
    {2, "error updating item", true, EN_FRED_REFUSED, ENOKI_ECONFLICT},
    {2, "error reading item x from keygroup k", true, EN_FRED_NOT_HERE, ENOKI_EUNAVAILABLE},
    {2, "user alice cannot read from keygroup k", true, EN_FRED_DENIED, ENOKI_EDENIED},
    {2, "user alice cannot add user permissions to keygroup k", true, EN_FRED_DENIED,
     ENOKI_EDENIED},
    {2, "cannot update item x because keygroup is immutable", true, EN_FRED_OTHER_KIND,
     ENOKI_EKIND},
    {2, "cannot append 1 to mutable keygroup", true, EN_FRED_OTHER_KIND, ENOKI_EKIND},
    {2, "x509: certificate is valid for 10.0.0.1, not 127.0.0.1", true, EN_FRED_DENIED,
     ENOKI_EDENIED},
    {2, "invalid subject common name", true, EN_FRED_DENIED, ENOKI_EDENIED},
    {2, "error creating keygroup", true, EN_FRED_FAILED, ENOKI_EIO},
    {2, "error adding replica", true, EN_FRED_FAILED, ENOKI_EIO},
    {2, "", true, EN_FRED_FAILED, ENOKI_EIO},
    {8, "grpc: received message larger than max (9 vs. 4194304)", true, EN_FRED_TOO_LARGE,
     ENOKI_ELIMIT},
    {12, "unknown method Keys for service mcc.fred.client.Client", true, EN_FRED_UNIMPLEMENTED,
     ENOKI_EPROTO},
    {13, "grpc: error unmarshalling request: string field contains invalid UTF-8", true,
     EN_FRED_INVALID, ENOKI_EINVAL},
    {13, "Received RST_STREAM with error code 2", true, EN_FRED_BROKEN, ENOKI_EPROTO},
    {14, "Socket closed", true, EN_FRED_LOST, ENOKI_EUNAVAILABLE},
    {1, "CANCELLED", true, EN_FRED_LOST, ENOKI_EUNAVAILABLE},
    {14, "failed to connect to all addresses", false, EN_FRED_UNREACHABLE, ENOKI_EUNAVAILABLE},
    {4, "Deadline Exceeded", true, EN_FRED_TIMEOUT, ENOKI_ETIMEOUT},
    {4, "Deadline Exceeded", false, EN_FRED_UNREACHABLE, ENOKI_EUNAVAILABLE},
    {7, "no", true, EN_FRED_DENIED, ENOKI_EDENIED},
    {15, "data loss", true, EN_FRED_BROKEN, ENOKI_EPROTO},
    {99, "?", true, EN_FRED_BROKEN, ENOKI_EPROTO},
};

START_TEST(every_refusal_has_its_result_and_names_the_node)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct en_rpc_failure failure = {rows[i].code, rows[i].text, "10.0.0.5:9001",
                                               rows[i].was_sent};
        struct enoki_error err = ENOKI_ERROR_INIT;

        ck_assert_msg(en_rpc_explain(&failure, &err) == rows[i].result, "%s", rows[i].text);
        ck_assert_msg(err.status == rows[i].status, "%s: %s", rows[i].text, err.message);
        ck_assert_ptr_nonnull(strstr(err.message, "10.0.0.5:9001"));
        if (rows[i].code != GRPC_STATUS_DEADLINE_EXCEEDED)
            ck_assert_ptr_nonnull(strstr(err.message, rows[i].text));
    }
}
END_TEST

static void check_advice(const char *text, const char *wanted)
{
    const struct en_rpc_failure failure = {14, text, "h:1", false};
    struct enoki_error err = ENOKI_ERROR_INIT;

    ck_assert_int_eq(en_rpc_explain(&failure, &err), EN_FRED_UNREACHABLE);
    ck_assert_msg(strstr(err.message, wanted) != NULL, "%s", err.message);
}

START_TEST(a_handshake_that_failed_says_what_to_look_at)
{
    check_advice("Peer name h is not in peer certificate", "--san");
    check_advice("Ssl handshake failed: SSL_ERROR_SSL", "one CA");
    check_advice("Endpoint read failed", "one CA");
    check_advice("connect: Connection refused", "is the node running");
}
END_TEST

START_TEST(a_long_text_is_cut)
{
    char text[2000];
    const struct en_rpc_failure failure = {2, text, "h:1", true};
    struct enoki_error err = ENOKI_ERROR_INIT;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(en_rpc_explain(&failure, &err), EN_FRED_FAILED);
    ck_assert_uint_lt(strlen(err.message), sizeof(err.message));
    ck_assert_int_eq(en_rpc_explain(&failure, NULL), EN_FRED_FAILED);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_refusal_has_its_result_and_names_the_node,
        a_handshake_that_failed_says_what_to_look_at,
        a_long_text_is_cut,
    };

    return check_main("errors", tests, sizeof(tests) / sizeof(tests[0]));
}
