/*
 * package.h - an uploaded ZIP becomes code that a runtime can start.
 *
 * Threads  any thread; building blocks for as long as a compiler takes.    Fork  none: spawns.
 */
#ifndef PACKAGE_H
#define PACKAGE_H

#include "step.h"

/* Refused beyond: entries, bytes of all files, bytes per byte of the ZIP (above 1 MiB). */
#define PACKAGE_ENTRIES_MAX 10000u
#define PACKAGE_BYTES_MAX (256u << 20)
#define PACKAGE_RATIO_MAX 200u

/*
 * Unpacks into an existing, empty folder that nobody else writes to. Nothing outside of it is ever
 * written; links and special files are refused. After a failure the caller removes the folder.
 *
 * ENOKI_EINVAL  no ZIP, or one that is not taken: which entry, and why
 * ENOKI_ELIMIT  too much; ENOKI_EIO, ENOKI_ENOMEM
 */
ENOKI_MUST_CHECK int package_unpack(const void *zip, size_t len, const char *folder,
                                    struct enoki_error *err);

/*
 * Makes the folder ready for the language that env names ("python3", "so", "c", ...): checks what
 * must be there, compiles, installs what it requires. code_out gets the path of what a runtime is
 * given, below the folder; root is deploy.path. builder->output is what a failed step wrote.
 * Steps run as the builder's identity, which the folder is given to meanwhile.
 *
 * ENOKI_EINVAL     no such env (the message lists them), or something is missing
 * ENOKI_EFUNCTION  a step failed; ENOKI_ETIMEOUT; ENOKI_EIO
 */
ENOKI_MUST_CHECK int package_prepare(const char *env, const char *folder, const char *root,
                                     struct builder *builder, char *code_out, size_t code_size,
                                     struct enoki_error *err);

/* One step: a shell script of ours. The folder is the identity's only as long as it runs. As above.
 */
ENOKI_MUST_CHECK int package_run_step(const char *script, const char *folder,
                                      struct builder *builder, struct enoki_error *err);

/* A folder of an unpacked package takes the package's place: all else goes. "" is the package
 * itself. ENOKI_EINVAL: it is not there; ENOKI_EIO */
ENOKI_MUST_CHECK int package_take_subfolder(const char *folder, const char *subfolder,
                                            struct enoki_error *err);

/* Removes a folder and all in it; links are not followed. What is not there is no failure. */
void package_remove(const char *folder);

#endif
