/*
 * failing_alloc.h - makes the i-th allocation of the code under test fail.
 *
 *   for (unsigned i = 1;; i++) {
 *       failing_alloc_arm(i);
 *       rc = call_under_test();
 *       if (!failing_alloc_disarm())
 *           break;                    it needed fewer than i allocations: all were tried
 *       ck_assert_int_eq(rc, ENOKI_ENOMEM);
 *   }
 *
 * Works on the objects linked into the test (linker option --wrap), not inside other libraries.
 * Threads  one thread at a time.
 */
#ifndef TESTING_FAILING_ALLOC_H
#define TESTING_FAILING_ALLOC_H

#include <stdbool.h>

/* The nth allocation from now on fails, and no other. */
void failing_alloc_arm(unsigned nth);

/* Back to normal. True if the failure happened. */
bool failing_alloc_disarm(void);

#endif
