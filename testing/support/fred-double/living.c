#include "living.h"

#include "clock.h"

#include <stdlib.h>
#include <time.h>

static void join_ended(struct living *living)
{
    while (living->ended_count > 0)
        (void)pthread_join(living->ended[--living->ended_count], NULL);
}

void living_begin(struct living *living, void *(*run)(void *), void *context)
{
    pthread_t thread;

    (void)pthread_mutex_lock(&living->lock);
    join_ended(living);
    living->count++;
    (void)pthread_mutex_unlock(&living->lock);
    if (pthread_create(&thread, NULL, run, context) != 0)
        need(NULL);
}

void living_end(struct living *living)
{
    (void)pthread_mutex_lock(&living->lock);
    living->count--;
    living->ended =
        need(realloc(living->ended, (living->ended_count + 1) * sizeof(*living->ended)));
    living->ended[living->ended_count++] = pthread_self();
    (void)pthread_cond_broadcast(&living->changed);
    (void)pthread_mutex_unlock(&living->lock);
}

bool living_wait(struct living *living, unsigned limit_s)
{
    struct timespec until;
    bool is_empty;
    int rc = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += limit_s;
    (void)pthread_mutex_lock(&living->lock);
    while (living->count > 0 && rc == 0)
        rc = pthread_cond_timedwait(&living->changed, &living->lock, &until);
    is_empty = living->count == 0;
    join_ended(living);
    free(living->ended);
    living->ended = NULL;
    (void)pthread_mutex_unlock(&living->lock);
    return is_empty;
}
