/*
 * page.h - the status page at / of the management API: page/index.html, which is in the program.
 * It asks /functions and follows /logs as anybody would.
 *
 * Threads  any thread.
 */
#ifndef PAGE_H
#define PAGE_H

#include "invoke/invocation.h"

/* Answers with the page, which nobody but itself may run scripts in. Consumes the call. */
void page_answer(struct enoki_invocation *invocation);

#endif
