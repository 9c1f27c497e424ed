#include "state/fred/store.h"

#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

#define FIRST_WAIT_MS 2u
#define MAX_WAIT_MS 200u
/* A try is given at least this, or the last of the time would go to tries that cannot end. */
#define LEAST_TRY_MS 20u

int en_fred_try_begin(struct en_fred_try *trial, struct en_fred_store *store, uint64_t deadline_ms,
                      struct enoki_error *err)
{
    *trial = (struct en_fred_try){.store = store, .deadline_ms = deadline_ms};
    trial->begin_ms = en_clock_ms();
    return en_fred_nodes_check_tls(store->nodes, err);
}

uint64_t en_fred_try_waited_ms(const struct en_fred_try *trial)
{
    return en_clock_ms() - trial->begin_ms;
}

bool en_fred_try_wait(const struct en_fred_try *trial, uint64_t ms)
{
    uint64_t now = en_clock_ms();
    /* Many who failed together must not come back together. */
    uint64_t pause = ms / 2 + en_clock_ns() % (ms / 2 + 1);
    struct timespec until;

    if (now >= trial->deadline_ms)
        return false;
    if (pause > trial->deadline_ms - now)
        pause = trial->deadline_ms - now;
    until.tv_sec = (time_t)((now + pause) / 1000);
    until.tv_nsec = (long)((now + pause) % 1000 * 1000000);
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return en_clock_ms() < trial->deadline_ms;
}

static uint64_t round_wait(unsigned rounds)
{
    uint64_t wait = FIRST_WAIT_MS << (rounds < 8 ? rounds : 8);

    return wait < MAX_WAIT_MS ? wait : MAX_WAIT_MS;
}

struct en_fred_link *en_fred_try_next(struct en_fred_try *trial, struct enoki_error *err)
{
    if (trial->peer != NULL && !trial->may_stay) {
        en_fred_peer_release(trial->peer);
        trial->peer = NULL;
    }
    trial->may_stay = false;
    while (trial->peer == NULL) {
        trial->peer = en_fred_peer_get(trial->store->nodes, trial->rank);
        if (trial->peer != NULL)
            break;
        if (trial->rank == 0) {
            (void)enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a connection");
            return NULL;
        }
        trial->rank = 0;
        if (!en_fred_try_wait(trial, round_wait(trial->rounds++)))
            break;
    }
    trial->tried_ms = en_clock_ms();
    if (trial->peer != NULL && trial->tried_ms < trial->deadline_ms)
        return en_fred_peer_link(trial->peer);
    if (err != NULL && err->status == 0)
        (void)enoki_error_set(err, ENOKI_ETIMEOUT, "no FReD node answered within %llu ms",
                              (unsigned long long)en_fred_try_waited_ms(trial));
    return NULL;
}

uint64_t en_fred_try_deadline(const struct en_fred_try *trial)
{
    uint64_t left = trial->deadline_ms > trial->tried_ms ? trial->deadline_ms - trial->tried_ms : 0;

    if (en_fred_nodes_count(trial->store->nodes) < 2 || left < LEAST_TRY_MS)
        return trial->deadline_ms;
    return trial->tried_ms + left / 2;
}

bool en_fred_try_note(struct en_fred_try *trial, enum en_fred_result result)
{
    if (!en_fred_peer_note(trial->peer, result, en_clock_ms() - trial->tried_ms)) {
        trial->may_stay = true;
        return false;
    }
    trial->rank++;
    /* Members may have changed since they were asked for. */
    if (result == EN_FRED_NOT_HERE)
        (void)en_fred_nodes_refresh(trial->store->nodes, trial->deadline_ms, true, NULL);
    return true;
}

void en_fred_try_stay(struct en_fred_try *trial)
{
    trial->may_stay = true;
}

void en_fred_try_move(struct en_fred_try *trial)
{
    trial->may_stay = false;
    trial->rank++;
}

void en_fred_try_end(struct en_fred_try *trial)
{
    if (trial->peer != NULL)
        en_fred_peer_release(trial->peer);
    trial->peer = NULL;
}
