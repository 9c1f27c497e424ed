#include "admission.h"

/* May one that holds `own` take `more`, if all hold `held` of `most`? */
static bool fits(uint64_t most, uint64_t held, uint64_t own, uint64_t more)
{
    uint64_t rest = most > held ? most - held : 0;

    return own == 0 || (more <= rest && own + more <= rest);
}

bool admission_take(struct admission *all, struct share *own, bool waits, size_t bytes)
{
    uint64_t calls = waits ? 1 : 0;

    /* Who holds nothing always gets one: it cannot be what fills the node. */
    if (own->calls + own->bytes > 0 &&
        (!fits(all->most.calls, all->held.calls, own->calls, calls) ||
         !fits(all->most.bytes, all->held.bytes, own->bytes, bytes)))
        return false;
    admission_add(all, own, waits, bytes);
    return true;
}

void admission_add(struct admission *all, struct share *own, bool waits, size_t bytes)
{
    own->calls += waits ? 1 : 0;
    own->bytes += bytes;
    all->held.calls += waits ? 1 : 0;
    all->held.bytes += bytes;
}

void admission_give(struct admission *all, struct share *own, bool waits, size_t bytes)
{
    own->calls -= waits ? 1 : 0;
    own->bytes -= bytes;
    all->held.calls -= waits ? 1 : 0;
    all->held.bytes -= bytes;
}
