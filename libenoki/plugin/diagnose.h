/*
 * diagnose.h - why a function's library does not load, in words that help its author.
 *
 * Reads the file, calls nothing of it.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_DIAGNOSE_H
#define EN_DIAGNOSE_H

#include <enoki/error.h>

/* The path, or the end of a long one, so that the rest of a message has room; a view into it. */
const char *en_diagnose_path(const char *path);

/* 0 if the file looks like a library for this machine; else ENOKI_EPLUGIN with the reason. */
ENOKI_MUST_CHECK int en_diagnose_file(const char *path, struct enoki_error *err);

/* Turns the loader's text into a message with the likely cause. Returns ENOKI_EPLUGIN. */
int en_diagnose_load(const char *path, const char *text, struct enoki_error *err);

/* The file loads but does not export the symbol. Returns ENOKI_EPLUGIN. */
int en_diagnose_symbol(const char *path, const char *symbol, struct enoki_error *err);

#endif
