/*
 * material.h - material as others use it: loaded, checked, reloaded, told about.
 *
 * Threads  as <enoki/tls.h>.    Fork  after.
 */
#ifndef EN_TLS_MATERIAL_H
#define EN_TLS_MATERIAL_H

#include "tls/module.h"

int en_tls_material_load(struct enoki_tls **out, const char *directory, const char *name,
                         struct enoki_error *err);
void en_tls_material_free(struct enoki_tls *tls);
int en_tls_material_refresh(struct enoki_tls *tls, struct enoki_error *err);

int en_tls_material_inspect(const char *directory, const char *name, struct enoki_tls_info *out,
                            struct enoki_error *err);
int en_tls_material_check(const char *directory, const char *name, const char *host,
                          enoki_tls_fault_fn fault, void *context);

#endif
