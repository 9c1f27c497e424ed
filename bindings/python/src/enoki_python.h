/*
 * enoki_python.h - what the files of the extension module _enoki share; the host puts the same
 * module into the interpreter that it starts.
 *
 * Memory   Functions that return PyObject * return a new reference, or NULL with an exception set.
 * Threads  with the GIL; calls that may wait give it up meanwhile.
 */
#ifndef ENOKI_PYTHON_H
#define ENOKI_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <enoki/function.h>

/* The module; for PyImport_AppendInittab(). */
PyMODINIT_FUNC PyInit__enoki(void);

/* --- errors.c: enoki.Error and a subclass per status */
int en_py_add_errors(PyObject *module);
/* Raises what fits the status; always NULL. */
PyObject *en_py_raise(const struct enoki_error *err);

/* --- items.c: what reads hand out */
int en_py_add_items(PyObject *module);
/* Takes the items over, also on failure. */
PyObject *en_py_items(struct enoki_items *items);
/* The items inside, borrowed; NULL and TypeError if it is another type. */
const struct enoki_items *en_py_items_of(PyObject *object);
/* A list of entries that is independent of the items; NULL items: an empty one. */
PyObject *en_py_entries(const struct enoki_items *items);

/* --- state.c: a keygroup */
int en_py_add_state(PyObject *module);
/* A State over a handle of the function's instance, which outlives it. */
PyObject *en_py_borrowed_state(struct enoki_state *state);

/* --- module.c: the call that runs on this thread, for log(), remaining_ms() and function_state()
 */
void en_py_set_env(const struct enoki_env *env);
void en_py_set_call(struct enoki_call *call);
/* Of this thread; NULL: none runs on it. */
struct enoki_call *en_py_call(void);
/* Of the function that runs here; NULL with RuntimeError outside one. */
const struct enoki_env *en_py_env(void);

/* --- invoke.c: calls of other functions */
PyObject *en_py_invoke(PyObject *self, PyObject *args);
/* Appends a header, (name, value), to a list; -1 with an exception. */
int en_py_add_pair(PyObject *list, const char *name, const char *value);

/* Text or bytes as bytes, borrowed from the object; -1 with TypeError or UnicodeEncodeError. */
int en_py_bytes_of(PyObject *object, const char **bytes, Py_ssize_t *len);

#endif
