/*
 * digest.h - SHA-256 of several pieces of text, one after the other.
 *
 * Threads  one thread at a time.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <stdbool.h>
#include <stddef.h>

struct digest;

/* NULL: no memory. What fails later shows in digest_end(). */
struct digest *digest_new(void);
void digest_add(struct digest *digest, const void *bytes, size_t len);
/* The text and an end mark, so that "ab", "c" is not "a", "bc". */
void digest_add_text(struct digest *digest, const char *text);
/* Releases it; out gets 64 hexadecimal digits and a NUL. False: it failed. NULL is allowed. */
bool digest_end(struct digest *digest, char out[65]);

#endif
