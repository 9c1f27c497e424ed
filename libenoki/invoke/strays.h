/*
 * strays.h - processes that user code has started and left behind: they become children of whoever
 * has adopted them, which ends them.
 *
 * Threads  the main thread, of which they become children.    Fork  adoption is not inherited.
 */
#ifndef EN_STRAYS_H
#define EN_STRAYS_H

#include <stdbool.h>
#include <sys/types.h>

/* From now on whoever loses its parent among the descendants is this process's child. */
void en_strays_adopt(void);

/* Kills and reaps every child that is_known() does not know. Returns how many there were; some may
 * be adopted a moment later only. */
unsigned en_strays_end(bool (*is_known)(void *context, pid_t pid), void *context);

#endif
