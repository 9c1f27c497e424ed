/*
 * words.h - what may stand at a place of a command line of ours: the tables of options tell it, and
 * the node, which functions there are.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>

/* words follow `enoki`; the last is to be completed. Prints a line for each that fits, its meaning
 * after a tab; ":files": the names of files fit too. Words may be split at ':' and '=', as bash
 * does. 0, or -1 without memory. */
int words_complete(char **words, size_t count);

#endif
