/*
 * utf8.h - is it text?
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_UTF8_H
#define EN_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* True for UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, at most U+10FFFF. */
bool en_utf8_is_valid(const char *text, size_t len);

/* Length of the character at text, whose first byte is at least 0x80; 0 if it is none. */
size_t en_utf8_sequence(const char *text, size_t len);

#endif
