#include "external/external.h"

#include "base/clock.h"
#include "invoke/cpu.h"

/* Between two looks: a tenth of the limit, within these. */
#define LOOK_MIN_MS 2u
#define LOOK_MAX_MS 50u
#define NS_PER_MS 1000000u

uint64_t en_external_next_look(const struct en_external *self)
{
    uint64_t limit_ms = self->settings.function->limits.cpu_time_ms, interval = limit_ms / 10;

    if (limit_ms == 0)
        return UINT64_MAX;
    interval = interval < LOOK_MIN_MS ? LOOK_MIN_MS : interval;
    return en_clock_ms() + (interval > LOOK_MAX_MS ? LOOK_MAX_MS : interval);
}

/* Of several calls that a program has at the same time none can say which one computes. But if all
 * of them together, none of which has been answered meanwhile, took more than each may have, one of
 * them took too much. */
void en_external_look(struct en_external *self)
{
    const struct en_log_field limit = {"limit", "cpu"};
    uint64_t limit_ms = self->settings.function->limits.cpu_time_ms, used_ns;

    if (limit_ms == 0 || self->pid <= 0 || self->is_used_up)
        return;
    used_ns = en_cpu_time(self->pid);
    /* A process that it had started may be gone, and its time with it. */
    if (self->cpu_round != self->rounds || used_ns < self->cpu_ns) {
        self->cpu_round = self->rounds;
        self->cpu_ns = used_ns;
    } else if ((used_ns - self->cpu_ns) / NS_PER_MS / self->in_flight >= limit_ms) {
        en_log_fields(self->settings.log, ENOKI_LOG_WARN,
                      "the function's program is killed: a call used more CPU time than it may",
                      &limit, 1);
        self->is_used_up = true;
        en_external_kill(self);
    }
}
