/*
 * reload.h - the functions of the configuration file, at the start and when it is read again.
 *
 * Threads  loop thread.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "node.h"

/* What changed in the node's settings is replaced, what is new is started, what is gone drains;
 * what was uploaded stays. */
void reload_apply(struct node *node);

#endif
