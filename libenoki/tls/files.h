/*
 * files.h - the files of a folder with TLS material.
 *
 * Memory   Paths and texts are allocated; the caller frees them.
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_TLS_FILES_H
#define EN_TLS_FILES_H

#include <enoki/error.h>

#include <stdbool.h>

/* A PEM file is at most so long. */
#define EN_TLS_FILE_MAX_BYTES 65536u

/* The rule for names; "ca" only if is_ca. ENOKI_EINVAL */
ENOKI_MUST_CHECK int en_tls_check_name(const char *name, bool is_ca, struct enoki_error *err);

/* DIR/NAME.ENDING; the CA's key is DIR/ca/ca.key. NULL: no memory. */
char *en_tls_path(const char *directory, const char *name, const char *ending);

/* ENOKI_ETLS: missing, unreadable, too long, empty; ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_tls_read(const char *path, char **out, struct enoki_error *err);

/* Makes the folder with mode 0700 if it is not there. */
ENOKI_MUST_CHECK int en_tls_make_folder(const char *path, struct enoki_error *err);

/* Writes a file whole, to the disk, in the place of one that is there if force. is_secret: mode
 * 0600, else 0644. ENOKI_ETLS: it is there */
ENOKI_MUST_CHECK int en_tls_write(const char *path, const char *text, size_t len, bool is_secret,
                                  bool force, struct enoki_error *err);

/* True if others than the owner may read or write it. */
bool en_tls_is_open_to_others(const char *path);

/* Changes when one of the files is replaced; NULL counts as a file that is never there. */
uint64_t en_tls_stamp_files(const char *const *paths, size_t count);

/* Changes when one of NAME's files, or the CA, is replaced. */
uint64_t en_tls_stamp(const char *directory, const char *name);

#endif
