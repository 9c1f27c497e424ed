/*
 * The host of functions in Python: a folder with fn.py that has fn(input) or fn(input, headers).
 * What is Python about it is in enoki/_host.py; this is the way there and back.
 */
#include "interpreter.h"

#include <string.h>

/* The handler that _host.load() made; needs the GIL. */
static PyObject *handler;
/* Instances that are open on this thread. Each keeps Python's state of the thread, which a call
 * would else make anew, and with it what the function put into threading.local(). */
static _Thread_local unsigned open_here;

/* Takes the exception's words; they are what the person who deploys sees. */
static int report(struct enoki_error *err)
{
    PyObject *type, *value, *trace, *text;
    const char *words = NULL;
    int rc;

    PyErr_Fetch(&type, &value, &trace);
    text = value == NULL ? NULL : PyObject_Str(value);
    if (text != NULL)
        words = PyUnicode_AsUTF8(text);
    if (type != NULL && PyErr_GivenExceptionMatches(type, PyExc_MemoryError))
        rc = enoki_error_set(err, ENOKI_ENOMEM, "MemoryError%s%s",
                             words == NULL || words[0] == '\0' ? "" : ": ",
                             words == NULL ? "" : words);
    else
        rc = enoki_error_set(err, ENOKI_EFUNCTION, "%s", words != NULL ? words : "Python failed");
    PyErr_Clear();
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return rc;
}

static int load(const struct enoki_env *env, struct enoki_error *err)
{
    PyObject *host = PyImport_ImportModule("enoki._host");

    if (host != NULL)
        handler =
            PyObject_CallMethod(host, "load", "ss", enoki_env_directory(env), enoki_env_name(env));
    Py_XDECREF(host);
    return handler != NULL ? 0 : report(err);
}

/* In the process that forks the workers, so that a worker costs a fork and no import. */
static int preload(const struct enoki_env *env, struct enoki_error *err)
{
    PyGILState_STATE gil;
    int rc;

    en_py_ignore_leaks();
    rc = en_py_start(env, err);
    if (rc != 0)
        return rc;
    gil = PyGILState_Ensure();
    rc = load(env, err);
    PyGILState_Release(gil);
    return rc;
}

static int open_worker(const struct enoki_env *env, void **instance, struct enoki_error *err)
{
    PyGILState_STATE gil;
    PyObject *done;
    int rc = 0;

    en_py_ignore_leaks();
    gil = PyGILState_Ensure();
    *instance = NULL;
    en_py_set_env(env);
    done = PyObject_CallMethod(handler, "start_worker", NULL);
    if (done == NULL)
        rc = report(err);
    Py_XDECREF(done);
    if (rc != 0) {
        PyGILState_Release(gil);
        return rc;
    }
    open_here++;
    (void)PyEval_SaveThread(); /* not Release: see open_here */
    return 0;
}

/* A list of pairs, as they came. */
static PyObject *headers_of(const struct enoki_call *call)
{
    PyObject *list = PyList_New(0);
    const char *name, *value;

    for (size_t i = 0; list != NULL && (value = enoki_call_header_at(call, i, &name)) != NULL; i++)
        if (en_py_add_pair(list, name, value) != 0)
            Py_CLEAR(list);
    return list;
}

/* Sends what the handler returned: (status, text or bytes). */
static int answer(struct enoki_call *call, PyObject *result, struct enoki_error *err)
{
    PyObject *body;
    const char *bytes;
    Py_ssize_t len;
    int status, rc;

    if (!PyArg_ParseTuple(result, "iO", &status, &body) || en_py_bytes_of(body, &bytes, &len) != 0)
        return report(err);
    rc = enoki_call_reply(call, bytes, (size_t)len, err);
    return rc == 0 && status != 200 ? enoki_call_reply_status(call, status, err) : rc;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *body, *headers, *result = NULL;
    size_t len;
    const char *bytes = enoki_call_body(call, &len);
    int rc;

    (void)instance;
    en_py_set_env(enoki_call_env(call));
    en_py_set_call(call);
    body = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)len);
    headers = headers_of(call);
    if (body != NULL && headers != NULL)
        result = PyObject_CallFunctionObjArgs(handler, body, headers, NULL);
    rc = result != NULL ? answer(call, result, err) : report(err);
    Py_XDECREF(result);
    Py_XDECREF(headers);
    Py_XDECREF(body);
    en_py_set_call(NULL);
    PyGILState_Release(gil);
    return rc;
}

static void close_worker(void *instance)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *done = PyObject_CallMethod(handler, "end_worker", NULL);

    (void)instance;
    PyErr_Clear();
    Py_XDECREF(done);
    en_py_set_env(NULL);
    if (open_here > 0) {
        open_here--;
        PyGILState_Release(PyGILState_LOCKED);
    }
    PyGILState_Release(gil);
}

ENOKI_FUNCTION(.preload = preload, .open = open_worker, .invoke = invoke, .close = close_worker);
