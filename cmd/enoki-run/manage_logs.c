#include "follow.h"
#include "manage_state.h"

#include "base/checked.h"

#include <string.h>

/* The value of a query's key, up to '&'; false: it is not there. */
static bool query_value(const struct en_text *query, const char *key, struct en_text *out)
{
    size_t key_len = strlen(key);

    for (const char *at = query->data; *at != '\0';) {
        size_t len = strcspn(at, "&");

        if (len > key_len && strncmp(at, key, key_len) == 0 && at[key_len] == '=') {
            *out = (struct en_text){at + key_len + 1, len - key_len - 1};
            return true;
        }
        at += len + (at[len] == '&' ? 1 : 0);
    }
    return false;
}

struct question {
    const struct function *function; /* NULL: all */
    bool has_tail;
    size_t tail; /* lines of each function */
    bool follows;
};

/* False after an answer. */
static bool read_question(struct manage *manage, struct enoki_invocation *inv,
                          struct question *out)
{
    const struct en_text *query = &inv->request.query;
    struct en_text value;
    uint64_t number;

    *out = (struct question){.has_tail = query_value(query, "tail", &value)};
    if (out->has_tail) {
        if (!en_parse_u64(value.data, value.len, UINT32_MAX, &number)) {
            en_invocation_fail(inv, 400, "tail: a number of lines\n");
            return false;
        }
        out->tail = (size_t)number;
    }
    out->follows = query_value(query, "follow", &value) && value.len == 1 && value.data[0] == '1';
    if (query_value(query, "name", &value)) {
        out->function = node_find(manage->node, value.data, value.len);
        if (out->function == NULL) {
            manage_fail_name(inv, 500, value.data, value.len);
            return false;
        }
    }
    return true;
}

/* The originals end each function's lines with an empty one where all are asked for. */
static int write_lines(const struct node *node, const struct question *question,
                       struct en_buffer *out)
{
    bool nothing = question->has_tail && question->tail == 0;
    int rc = 0;

    if (question->function != NULL)
        return nothing ? 0 : lines_write(question->function->lines, question->tail, out);
    for (size_t i = 0; i < node_function_count(node) && rc == 0; i++) {
        if (!nothing)
            rc = lines_write(node_function_at(node, i)->lines, question->tail, out);
        if (rc == 0 && !question->follows)
            rc = en_buffer_append(out, "\n", 1);
    }
    return rc;
}

void manage_logs(struct manage *manage, struct enoki_invocation *inv)
{
    struct en_buffer body = EN_BUFFER_INIT(MANAGE_REPLY_MAX_BYTES);
    struct question question;

    if (!read_question(manage, inv, &question))
        return;
    if (write_lines(manage->node, &question, &body) != 0)
        en_invocation_fail(inv, 500, "the log is too long for a reply: ask with tail=N\n");
    else if (question.follows)
        followers_add(node_followers(manage->node), inv,
                      question.function == NULL ? "" : function_name(question.function), &body);
    else
        manage_reply(inv, 200, "text/plain; charset=utf-8", &body);
    en_buffer_fini(&body);
}
