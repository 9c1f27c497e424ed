/*
 * store.h - the embedded backend: one LMDB environment per keygroup in DIR/KEYGROUP/, used by many
 * processes at once.
 */
#ifndef EN_STORE_H
#define EN_STORE_H

#include "state/backend.h"

extern const struct en_backend en_store_backend;

#endif
