/*
 * clock.h - the two clocks. Code that can be tested without a clock takes the time as an argument.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_CLOCK_H
#define EN_CLOCK_H

#include <stdint.h>

/* Milliseconds and nanoseconds on the monotonic clock, which all processes of a machine share. */
uint64_t en_clock_ms(void);
uint64_t en_clock_ns(void);

/* Nanoseconds since 1970. */
uint64_t en_clock_wall_ns(void);

#define EN_CLOCK_TEXT_BYTES 48u
/* Such a time as RFC 3339 has it, in UTC, with nine digits behind the point. */
void en_clock_text(uint64_t wall_ns, char out[EN_CLOCK_TEXT_BYTES]);

#endif
