#include "state/store/gate.h"

#include <errno.h>
#include <time.h>

#define LOOK_AGAIN_NS 20000000

int en_gate_init(struct en_gate *gate)
{
    pthread_mutexattr_t attributes;
    int rc = pthread_mutexattr_init(&attributes);

    if (rc != 0)
        return rc;
    (void)pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    rc = pthread_mutex_init(&gate->mutex, &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
    return rc;
}

static int take_over(struct en_gate *gate, int rc)
{
    return rc == EOWNERDEAD ? pthread_mutex_consistent(&gate->mutex) : rc;
}

int en_gate_try(struct en_gate *gate)
{
    return take_over(gate, pthread_mutex_trylock(&gate->mutex));
}

int en_gate_lock(struct en_gate *gate)
{
    struct timespec until;
    int rc = en_gate_try(gate);

    while (rc == EBUSY || rc == ETIMEDOUT) {
        /* The wall clock, because ThreadSanitizer does not know pthread_mutex_clocklock; a jump of
         * it only moves the moment of looking again. */
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_AGAIN_NS;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        rc = take_over(gate, pthread_mutex_timedlock(&gate->mutex, &until));
    }
    return rc;
}

void en_gate_unlock(struct en_gate *gate)
{
    (void)pthread_mutex_unlock(&gate->mutex);
}
