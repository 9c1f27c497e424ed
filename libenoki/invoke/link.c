#include "invoke/link.h"

#include "base/clock.h"
#include "net/exchange.h"
#include "net/pass.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* The called side has its own limits; these keep one that is out of its mind in bounds. */
#define ANSWER_MAX_BYTES (288u << 20)
#define CALL_MAX_BYTES (288u << 20)
#define LOST "the function's runtime ended during this call\n"

struct en_link {
    struct en_exchange exchange;
    uint64_t last_call;
    bool is_greeted; /* READY came: somebody is there */
    bool is_retired;
    uint64_t last_taken; /* once it is retired */
};

static int pass(int routes, enum en_link_kind kind, const char *function, uint64_t end_ms, int *fd)
{
    char message[1 + ENOKI_NAME_MAX];
    size_t len = strlen(function);
    int rc;

    message[0] = (char)kind;
    memcpy(message + 1, function, len);
    for (;;) {
        struct pollfd room = {.fd = routes, .events = POLLOUT};

        rc = en_pass_new_stream(routes, message, 1 + len, false, fd);
        if (rc != ENOKI_ELIMIT)
            return rc;
        if (en_clock_ms() >= end_ms)
            return ENOKI_ETIMEOUT;
        /* Not long: sockets under way may be as many as the user may have, which no poll tells. */
        (void)poll(&room, 1, 1);
    }
}

int en_link_new(struct en_link **out, int routes, enum en_link_kind kind, const char *function,
                uint64_t end_ms)
{
    struct en_link *link = calloc(1, sizeof(*link));
    int fd = -1;
    int rc = link == NULL ? ENOKI_ENOMEM : pass(routes, kind, function, end_ms, &fd);

    if (rc != 0) {
        free(link);
        return rc;
    }
    en_exchange_init(&link->exchange, fd, ANSWER_MAX_BYTES, CALL_MAX_BYTES);
    *out = link;
    return 0;
}

void en_link_free(struct en_link *link)
{
    if (link == NULL)
        return;
    en_exchange_fini(&link->exchange);
    free(link);
}

bool en_link_is_open(struct en_link *link)
{
    struct en_frame_head head;

    return !link->is_retired && en_exchange_receive(&link->exchange, 0, &head) == ENOKI_ETIMEOUT;
}

static int take_answer(struct en_link *link, const struct en_frame_head *head,
                       struct enoki_answer **out)
{
    struct en_frame_reader reader = {(const unsigned char *)en_exchange_payload(&link->exchange),
                                     head->len, false};
    struct en_header headers[EN_HEADERS_MAX];
    struct en_frame_answer answer;
    int rc = en_frame_answer_take(&reader, &answer, headers);

    return rc != 0 ? rc
                   : en_answer_new(out, answer.status, headers, answer.header_count, answer.body);
}

static int take_failure(struct en_link *link, const struct en_frame_head *head,
                        struct enoki_error *err)
{
    struct en_frame_reader reader = {(const unsigned char *)en_exchange_payload(&link->exchange),
                                     head->len, false};
    struct en_text sentence;
    int status;

    if (en_frame_failed_take(&reader, &status, &sentence) != 0)
        return ENOKI_EPROTO;
    return enoki_error_set(err, status, "%.*s",
                           sentence.len > ENOKI_ERROR_MESSAGE_BYTES ? ENOKI_ERROR_MESSAGE_BYTES
                                                                    : (int)sentence.len,
                           sentence.data);
}

/* One frame that came while the call is open. 1: that was not its end. */
static int take_frame(struct en_link *link, const struct en_frame_head *head,
                      struct enoki_answer **out, struct enoki_error *err)
{
    switch (head->type) {
    case EN_FRAME_READY:
        link->is_greeted = true;
        return 1;
    case EN_FRAME_RETIRE:
        link->is_retired = true;
        link->last_taken = head->call;
        return link->last_taken >= link->last_call ? 1 : ENOKI_ECLOSED;
    case EN_FRAME_FAILED:
        return head->call == link->last_call || head->call == 0 ? take_failure(link, head, err)
                                                                : ENOKI_EPROTO;
    case EN_FRAME_ANSWER:
        /* A runtime whose worker died as it answered has answered too. */
        if (head->call < link->last_call)
            return 1;
        return head->call == link->last_call ? take_answer(link, head, out) : ENOKI_EPROTO;
    default:
        return ENOKI_EPROTO;
    }
}

/* The connection ended. Whose call was taken has lost it, which is an answer as over HTTP. */
static int lose(const struct en_link *link, struct enoki_answer **out)
{
    if (!link->is_greeted || (link->is_retired && link->last_taken < link->last_call))
        return ENOKI_ECLOSED;
    return en_answer_new(out, 502, NULL, 0, (struct en_text){LOST, strlen(LOST)});
}

static int send_call(struct en_link *link, const struct en_frame_call *call, uint64_t end_ms)
{
    int rc = 0;

    en_exchange_clear_output(&link->exchange);
    if (link->last_call == 0)
        rc = en_frame_hello_put(&link->exchange.output);
    if (rc == 0)
        rc = en_frame_call_put(&link->exchange.output, ++link->last_call, call);
    if (rc == 0)
        rc = en_exchange_send(&link->exchange, end_ms);
    /* Why it ended may be there to be read. */
    return rc == ENOKI_ECLOSED ? 0 : rc;
}

int en_link_call(struct en_link *link, const struct en_frame_call *call, uint64_t end_ms,
                 struct enoki_answer **out, bool *may_stay_out, struct enoki_error *err)
{
    struct en_frame_head head;
    int rc = send_call(link, call, end_ms);

    *may_stay_out = false;
    if (rc == 0)
        rc = 1;
    while (rc == 1) {
        rc = en_exchange_receive(&link->exchange, end_ms, &head);
        if (rc == ENOKI_ECLOSED) {
            rc = lose(link, out);
            break;
        }
        if (rc == 0) {
            rc = take_frame(link, &head, out, err);
            en_exchange_drop(&link->exchange, &head);
            *may_stay_out = rc == 0 && !link->is_retired && link->exchange.input.len == 0;
        }
    }
    return rc;
}
