#include "rpc/errors.h"

#include <grpc/status.h>
#include <string.h>

/* A text matches if it begins and, where an end is given, ends so: ids and names stand between. */
static const struct {
    const char *begin;
    const char *end;
    enum en_fred_result result;
    const char *advice;
} texts[] = {
    {"item does not exist so it cannot be deleted", NULL, EN_FRED_NOT_FOUND, NULL},
    {"item ", " not found in keygroup ", EN_FRED_NOT_FOUND, NULL},
    {"error scanning ", NULL, EN_FRED_NOT_FOUND, NULL},
    {"error updating item", NULL, EN_FRED_REFUSED, NULL},
    {"error reading item ", NULL, EN_FRED_NOT_HERE, "the node has no replica of the keygroup"},
    {"user ", " cannot ", EN_FRED_DENIED,
     "the user lacks a role, the keygroup does not exist, or the node's name service is down"},
    {"cannot update item ", "because keygroup is immutable", EN_FRED_OTHER_KIND, NULL},
    {"cannot append ", "to mutable keygroup", EN_FRED_OTHER_KIND, NULL},
    {"x509: ", NULL, EN_FRED_DENIED,
     "issue the client's certificate for the address that it calls from (--san)"},
    {"invalid subject common name", NULL, EN_FRED_DENIED,
     "issue the client's certificate with a name"},
};

static const struct {
    int code;
    enum en_fred_result result;
} codes[] = {
    {GRPC_STATUS_RESOURCE_EXHAUSTED, EN_FRED_TOO_LARGE},
    {GRPC_STATUS_UNIMPLEMENTED, EN_FRED_UNIMPLEMENTED},
    {GRPC_STATUS_PERMISSION_DENIED, EN_FRED_DENIED},
    {GRPC_STATUS_UNAUTHENTICATED, EN_FRED_DENIED},
    {GRPC_STATUS_INVALID_ARGUMENT, EN_FRED_INVALID},
    {GRPC_STATUS_UNKNOWN, EN_FRED_FAILED},
};

static bool matches(const char *text, const char *begin, const char *inside)
{
    return strncmp(text, begin, strlen(begin)) == 0 &&
           (inside == NULL || strstr(text, inside) != NULL);
}

int en_rpc_status(enum en_fred_result result)
{
    static const int statuses[] = {
        [EN_FRED_OK] = 0,
        [EN_FRED_NOT_FOUND] = ENOKI_ENOTFOUND,
        [EN_FRED_REFUSED] = ENOKI_ECONFLICT,
        [EN_FRED_DENIED] = ENOKI_EDENIED,
        [EN_FRED_OTHER_KIND] = ENOKI_EKIND,
        [EN_FRED_NOT_HERE] = ENOKI_EUNAVAILABLE,
        [EN_FRED_FAILED] = ENOKI_EIO,
        [EN_FRED_TOO_LARGE] = ENOKI_ELIMIT,
        [EN_FRED_INVALID] = ENOKI_EINVAL,
        [EN_FRED_UNIMPLEMENTED] = ENOKI_EPROTO,
        [EN_FRED_UNREACHABLE] = ENOKI_EUNAVAILABLE,
        [EN_FRED_LOST] = ENOKI_EUNAVAILABLE,
        [EN_FRED_TIMEOUT] = ENOKI_ETIMEOUT,
        [EN_FRED_BROKEN] = ENOKI_EPROTO,
        [EN_FRED_NO_MEMORY] = ENOKI_ENOMEM,
    };

    return statuses[result];
}

/* INTERNAL is FReD's word for a request that it cannot decode, and gRPC's for an answer that is
 * none. */
static enum en_fred_result classify(const struct en_rpc_failure *failure)
{
    if (failure->code == GRPC_STATUS_INTERNAL)
        return strstr(failure->text, "unmarshal") != NULL ? EN_FRED_INVALID : EN_FRED_BROKEN;
    if (failure->code == GRPC_STATUS_UNAVAILABLE || failure->code == GRPC_STATUS_CANCELLED)
        return failure->was_sent ? EN_FRED_LOST : EN_FRED_UNREACHABLE;
    if (failure->code == GRPC_STATUS_DEADLINE_EXCEEDED)
        return failure->was_sent ? EN_FRED_TIMEOUT : EN_FRED_UNREACHABLE;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].code == failure->code)
            return codes[i].result;
    return failure->was_sent ? EN_FRED_BROKEN : EN_FRED_UNREACHABLE;
}

/* What to look at when no connection comes about: gRPC says little of why a handshake failed. */
static const char *advise(const struct en_rpc_failure *failure)
{
    if (strstr(failure->text, "not in peer certificate") != NULL)
        return "the node's certificate is for another name: issue it with --san for this address";
    if (strstr(failure->text, "Ssl handshake failed") != NULL ||
        strstr(failure->text, "CERTIFICATE_VERIFY_FAILED") != NULL ||
        strstr(failure->text, "Handshake read failed") != NULL ||
        strstr(failure->text, "Endpoint read failed") != NULL)
        return "the TLS handshake failed: do both sides use certificates of one CA?";
    return "is the node running, and the address right?";
}

enum en_fred_result en_rpc_explain(const struct en_rpc_failure *failure, struct enoki_error *err)
{
    enum en_fred_result result = classify(failure);
    const char *advice = result == EN_FRED_UNREACHABLE ? advise(failure) : NULL;

    if (failure->code == GRPC_STATUS_UNKNOWN) {
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
            if (!matches(failure->text, texts[i].begin, texts[i].end))
                continue;
            result = texts[i].result;
            advice = texts[i].advice;
            break;
        }
    }
    if (result == EN_FRED_TIMEOUT)
        (void)enoki_error_set(err, ENOKI_ETIMEOUT, "FReD node %.100s did not answer in time",
                              failure->address);
    else if (failure->code == GRPC_STATUS_DEADLINE_EXCEEDED)
        (void)enoki_error_set(err, en_rpc_status(result),
                              "FReD node %.100s: no connection in time (%s)", failure->address,
                              advice);
    else
        (void)enoki_error_set(err, en_rpc_status(result), "FReD node %.100s: %.200s%s%s%s",
                              failure->address, failure->text, advice != NULL ? " (" : "",
                              advice != NULL ? advice : "", advice != NULL ? ")" : "");
    return result;
}
