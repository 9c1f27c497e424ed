/*
 * clocks.h - vector clocks of JSON, {"nodeA": 1}, as libenoki's versions and back.
 */
#ifndef REPLAY_CLOCKS_H
#define REPLAY_CLOCKS_H

#include "wire/version.h"

#include <json-c/json.h>

/* Appends the version to out. 0, or a negative code: no clock that libenoki can hold (a node
 * without a name). */
int clock_read(struct json_object *clock, struct en_buffer *out);

/* A new object. */
struct json_object *clock_json(struct en_version_view version);

#endif
