#include "gate.h"

#include "scaling.h"

#include <unistd.h>

/* A start uses a processor most of the time, but also waits for files. */
#define STARTS_PER_CORE 2u
#define STARTS_MIN 4u

static void on_soon(void *context)
{
    struct gate *gate = context;

    /* A function that is still not done stands at the end again. */
    while (gate->first != NULL && gate->inside < gate->most) {
        struct function *function = gate->first;

        gate_forget(gate, function);
        scaling_fill(function);
    }
}

int gate_init(struct gate *gate, struct en_loop *loop)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    *gate = (struct gate){.most = STARTS_MIN};
    if (cores > 0 && (unsigned)cores * STARTS_PER_CORE > STARTS_MIN)
        gate->most = (unsigned)cores * STARTS_PER_CORE;
    return en_soon_new(&gate->soon, loop, on_soon, gate);
}

void gate_fini(struct gate *gate)
{
    en_soon_free(gate->soon);
    gate->soon = NULL;
}

bool gate_enter(struct gate *gate, struct function *function, bool urgent)
{
    if (gate->inside < gate->most) {
        gate->inside++;
        return true;
    }
    if (function->is_at_gate)
        return false;
    function->is_at_gate = true;
    function->next_at_gate = NULL;
    if (gate->first == NULL) {
        gate->first = gate->last = function;
    } else if (urgent) {
        function->next_at_gate = gate->first;
        gate->first = function;
    } else {
        gate->last->next_at_gate = function;
        gate->last = function;
    }
    return false;
}

void gate_leave(struct gate *gate)
{
    gate->inside--;
    if (gate->first != NULL)
        en_soon_set(gate->soon);
}

void gate_forget(struct gate *gate, struct function *function)
{
    struct function *before = NULL, *at = gate->first;

    if (!function->is_at_gate)
        return;
    while (at != function) {
        before = at;
        at = at->next_at_gate;
    }
    if (before == NULL)
        gate->first = function->next_at_gate;
    else
        before->next_at_gate = function->next_at_gate;
    if (gate->last == function)
        gate->last = before;
    function->is_at_gate = false;
}
