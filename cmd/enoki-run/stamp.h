/*
 * stamp.h - whether a function's code or secrets have changed where they are: a number made of
 * names, sizes and times of their files, none of which is read.
 *
 * Threads  any thread; blocks on the disk.
 */
#ifndef STAMP_H
#define STAMP_H

#include "settings.h"

#include <stdint.h>

/* Of the library, or of all files in the folder but hidden ones and what Python has compiled; of an
 * upload, whose code never changes, nothing; and of the files that have secrets. What is not there
 * counts as that. */
uint64_t stamp_of(const struct settings *settings);

#endif
