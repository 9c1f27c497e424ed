/*
 * descriptors.h - room for open files: as many connections as are allowed need as many descriptors.
 *
 * Threads  any thread.    Fork  safe; children inherit what was raised.
 */
#ifndef EN_DESCRIPTORS_H
#define EN_DESCRIPTORS_H

#include <stdint.h>

/* Raises this process's soft limit to count, if it is lower, as far as the hard limit lets it.
 * Returns the limit that holds; 0: it cannot be told. */
uint64_t en_descriptors_reserve(uint64_t count);

#endif
