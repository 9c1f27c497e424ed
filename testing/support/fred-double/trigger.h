/*
 * trigger.h - calls trigger servers, as their client.
 *
 * Threads  any thread, after trigger_init().
 */
#ifndef DOUBLE_TRIGGER_H
#define DOUBLE_TRIGGER_H

#include "store.h"

/* The identity that trigger servers see; PEM texts, copied. */
void trigger_init(const char *ca, const char *certificate, const char *key);
void trigger_end(void);

/* False if the server could not be reached or answered with an error. */
bool trigger_call(const char *host, bool is_put, const char *keygroup, const char *id,
                  struct text value);

#endif
