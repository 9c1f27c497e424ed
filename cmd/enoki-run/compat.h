/*
 * compat.h - answers as tinyFaaS gives them, for functions with compat = "tinyfaas".
 *
 * Threads  any thread.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include "invoke/request.h"

/* What a function answered is a success, whatever its status; what was answered in its place keeps
 * its status, without words. */
void compat_apply(struct en_reply *reply);

#endif
