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

#endif
