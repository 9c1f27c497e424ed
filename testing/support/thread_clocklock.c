/*
 * thread_clocklock.c - in TSan builds only: pthread_mutex_clocklock() in terms of the call that
 * gcc 12's ThreadSanitizer knows. Otherwise it sees the unlock of a mutex that nobody locked.
 */
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define NS_PER_SECOND 1000000000

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
    int64_t left_ns = (int64_t)until->tv_sec * NS_PER_SECOND + until->tv_nsec - now_ns(clock);
    int64_t end_ns = now_ns(CLOCK_REALTIME) + left_ns;
    struct timespec end = {.tv_sec = end_ns / NS_PER_SECOND, .tv_nsec = end_ns % NS_PER_SECOND};

    return pthread_mutex_timedlock(mutex, &end);
}
