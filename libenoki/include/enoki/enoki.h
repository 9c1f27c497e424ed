/* enoki.h - every public header of libenoki, and nothing else. */
#ifndef ENOKI_H
#define ENOKI_H

#include <enoki/base.h>
#include <enoki/config.h>
#include <enoki/error.h>
#include <enoki/function.h>
#include <enoki/invocation.h>
#include <enoki/invoke.h>
#include <enoki/runtime.h>
#include <enoki/keygroup.h>
#include <enoki/state.h>
#include <enoki/tls.h>

#endif
