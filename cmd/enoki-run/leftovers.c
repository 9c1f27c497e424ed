/* What the functions of runtimes that have ended left running: it became the node's children. */
#include "instance.h"
#include "node_inside.h"

#include "base/clock.h"
#include "invoke/strays.h"

/* A runtime's processes end one after the other. */
#define STRAYS_MS 2000u
#define STRAYS_LOOK_MS 100u

static bool has_process(const struct function *function, pid_t pid)
{
    for (const struct instance *at = function->instances; at != NULL; at = at->next) {
        if (at->pid == pid)
            return true;
    }
    return false;
}

static bool is_runtime(void *context, pid_t pid)
{
    const struct node *node = context;

    for (size_t i = 0; i < node->roster.count; i++) {
        if (has_process(node->roster.functions[i], pid))
            return true;
    }
    for (const struct function *function = node->retired; function != NULL;
         function = function->next_function) {
        if (has_process(function, pid))
            return true;
    }
    return false;
}

void node_expect_strays(struct node *node)
{
    node->strays_until_ms = en_clock_ms() + STRAYS_MS;
    node_schedule(node, en_clock_ms() + STRAYS_LOOK_MS);
}

void node_end_strays(struct node *node, uint64_t now_ms)
{
    if (node->strays_until_ms == 0)
        return;
    (void)en_strays_end(is_runtime, node);
    if (now_ms >= node->strays_until_ms)
        node->strays_until_ms = 0;
    else
        node_schedule(node, now_ms + STRAYS_LOOK_MS);
}
