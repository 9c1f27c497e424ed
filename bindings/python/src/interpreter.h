/*
 * interpreter.h - CPython inside a runtime: started once per process, and kept whole through the
 * forks that make workers.
 *
 * Threads  en_py_start: one, before all others. It returns without the GIL; PyGILState_Ensure()
 * from then on. Fork     any time without the GIL, which is what runtimes do; Python's own forks
 * are Python's.
 */
#ifndef ENOKI_PYTHON_INTERPRETER_H
#define ENOKI_PYTHON_INTERPRETER_H

#include "enoki_python.h"

/* Starts it, with _enoki built in and the folder "python" beside this library on its path.
 * ENOKI_EPLUGIN: Python's words */
ENOKI_MUST_CHECK int en_py_start(const struct enoki_env *env, struct enoki_error *err);

/* Of each thread that runs Python, before it does. CPython does not give back all memory at its
 * end: a sanitized process would list it, which takes a second of processor time, longer than a
 * drain lasts on a busy machine. */
void en_py_ignore_leaks(void);

#endif
