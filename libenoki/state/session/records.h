/*
 * records.h - the entries of a session as bytes. No I/O; what is read is foreign.
 *
 * A record: length of what follows the check (4), check (8), then length of the id (1), flags (1),
 * number of versions (4), the id, the versions one behind the other. Integers are little-endian. A
 * length of 0 ends a sequence.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_SESSION_RECORDS_H
#define EN_SESSION_RECORDS_H

#include "state/session/table.h"

size_t en_session_record_len(const struct en_table_content *content);

/* Writes en_session_record_len() bytes. The length goes last: a record whose writer died is not
 * there. */
void en_session_record_write(unsigned char *to, const struct en_table_content *content);

/* Calls load with each record until one is not whole, or load's status is not 0: *rc_out. Returns
 * how many bytes were good. */
size_t en_session_records_replay(const unsigned char *bytes, size_t len,
                                 int (*load)(void *context, const struct en_table_content *content),
                                 void *context, int *rc_out);

#endif
