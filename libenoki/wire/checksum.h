/*
 * checksum.h - finds torn and stale bytes at memory speed. It does not stop anybody who forges.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_CHECKSUM_H
#define EN_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t en_checksum(const void *bytes, size_t len);

#endif
