/*
 * install.h - what a package requires of others: requirements.txt by pip, package.json's
 * dependencies by npm, into a folder of the package. No network is used where nothing is required,
 * where it came with the package, or where the same was installed before (cache.h).
 *
 * Threads  one at a time; blocks.
 */
#ifndef INSTALL_H
#define INSTALL_H

#include "step.h"

/* root is deploy.path; the installer runs as the builder's identity. ENOKI_EFUNCTION: it failed,
 * and builder->output says more. ENOKI_EINVAL: package.json cannot be read; ENOKI_ETIMEOUT,
 * ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int install_python(const char *folder, const char *root, struct builder *builder,
                                    struct enoki_error *err);
ENOKI_MUST_CHECK int install_node(const char *folder, const char *root, struct builder *builder,
                                  struct enoki_error *err);

#endif
