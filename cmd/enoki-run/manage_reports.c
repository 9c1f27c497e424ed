#include "manage_state.h"
#include "metrics.h"
#include "page.h"
#include "report.h"

#include <string.h>

/* Has fn write the reply. */
static void reply_with(struct manage *manage, struct enoki_invocation *inv, const char *type,
                       int (*fn)(const struct node *node, struct en_buffer *out))
{
    struct en_buffer body = EN_BUFFER_INIT(MANAGE_REPLY_MAX_BYTES);

    if (fn(manage->node, &body) == 0)
        manage_reply(inv, 200, type, &body);
    else
        en_invocation_fail(inv, 500, "out of memory for the reply\n");
    en_buffer_fini(&body);
}

void manage_list(struct manage *manage, struct enoki_invocation *inv)
{
    reply_with(manage, inv, NULL, report_list);
}

void manage_list_all(struct manage *manage, struct enoki_invocation *inv)
{
    usage_refresh(manage->node);
    reply_with(manage, inv, "application/json", report_functions);
}

void manage_metrics(struct manage *manage, struct enoki_invocation *inv)
{
    struct en_buffer body = EN_BUFFER_INIT(MANAGE_REPLY_MAX_BYTES);
    const struct metrics_uploads done = uploads_done(manage->uploads);

    usage_refresh(manage->node);
    if (metrics_write(manage->node, &done, &body) == 0)
        manage_reply(inv, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
    else
        en_invocation_fail(inv, 500, "out of memory for the reply\n");
    en_buffer_fini(&body);
}

void manage_page(struct manage *manage, struct enoki_invocation *inv)
{
    (void)manage;
    page_answer(inv);
}

void manage_health(struct manage *manage, struct enoki_invocation *inv)
{
    (void)manage;
    enoki_invocation_reply(inv, 200, "OK", 2);
}

void manage_ready(struct manage *manage, struct enoki_invocation *inv)
{
    bool is_ready = report_is_ready(manage->node);

    if (is_ready)
        enoki_invocation_reply(inv, 200, "OK", 2);
    else
        en_invocation_fail(inv, 503, "a function is not ready\n");
}

void manage_describe(struct manage *manage, struct enoki_invocation *inv, const char *name)
{
    const struct function *function = node_find(manage->node, name, strlen(name));
    struct en_buffer body = EN_BUFFER_INIT(MANAGE_REPLY_MAX_BYTES);

    usage_refresh(manage->node);
    if (function == NULL)
        manage_fail_name(inv, 404, name, strlen(name));
    else if (report_function(function, &body) == 0)
        manage_reply(inv, 200, "application/json", &body);
    else
        en_invocation_fail(inv, 500, "out of memory for the reply\n");
    en_buffer_fini(&body);
}
