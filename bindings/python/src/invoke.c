#include "enoki_python.h"

#include <enoki/invoke.h>

#include <string.h>

/* What a call is made of, as long as it goes on. */
struct asked {
    const char *name;
    struct enoki_invoke_options options;
    struct enoki_invoke_header *headers;
    Py_buffer body;
};

/* Pairs of texts, which the list keeps alive. -1 with an exception. */
static int take_headers(PyObject *list, struct asked *asked)
{
    Py_ssize_t count = PyList_Size(list);

    if (count < 0)
        return -1;
    asked->headers = PyMem_Calloc((size_t)count + 1, sizeof(*asked->headers));
    if (asked->headers == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, i), "ss", &asked->headers[i].name,
                              &asked->headers[i].value))
            return -1;
    asked->options.headers = asked->headers;
    asked->options.header_count = (size_t)count;
    return 0;
}

static int parse(PyObject *args, struct asked *asked)
{
    static const struct enoki_invoke_options initial = ENOKI_INVOKE_OPTIONS_INIT;
    unsigned long long timeout_ms;
    PyObject *headers;

    memset(asked, 0, sizeof(*asked));
    asked->options = initial;
    if (!PyArg_ParseTuple(args, "sy*sssO!Kp:invoke", &asked->name, &asked->body,
                          &asked->options.method, &asked->options.path, &asked->options.query,
                          &PyList_Type, &headers, &timeout_ms, &asked->options.is_async))
        return -1;
    asked->options.timeout_ms = timeout_ms;
    asked->options.body = asked->body.buf;
    asked->options.body_len = (size_t)asked->body.len;
    return take_headers(headers, asked);
}

int en_py_add_pair(PyObject *list, const char *name, const char *value)
{
    PyObject *pair =
        Py_BuildValue("(NN)", PyUnicode_DecodeLatin1(name, (Py_ssize_t)strlen(name), NULL),
                      PyUnicode_DecodeLatin1(value, (Py_ssize_t)strlen(value), NULL));
    int rc = pair == NULL ? -1 : PyList_Append(list, pair);

    Py_XDECREF(pair);
    return rc;
}

static PyObject *headers_of(const struct enoki_answer *answer)
{
    PyObject *list = PyList_New(0);
    const char *name, *value;

    for (size_t i = 0; list != NULL && (value = enoki_answer_header_at(answer, i, &name)) != NULL;
         i++)
        if (en_py_add_pair(list, name, value) != 0)
            Py_CLEAR(list);
    return list;
}

/* (status, pairs, body) */
static PyObject *tuple_of(const struct enoki_answer *answer)
{
    size_t len;
    const char *body = enoki_answer_body(answer, &len);
    PyObject *headers = headers_of(answer);

    if (headers == NULL)
        return NULL;
    return Py_BuildValue("(iNy#)", enoki_answer_status(answer), headers, body, (Py_ssize_t)len);
}

PyObject *en_py_invoke(PyObject *self, PyObject *args)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_answer *answer = NULL;
    struct enoki_call *call = en_py_call();
    const struct enoki_env *env;
    PyObject *result = NULL;
    struct asked asked;
    int rc;

    (void)self;
    if (parse(args, &asked) != 0 || (env = en_py_env()) == NULL)
        goto out;
    Py_BEGIN_ALLOW_THREADS rc =
        call != NULL ? enoki_call_invoke(call, asked.name, &asked.options, &answer, &err)
                     : enoki_env_invoke(env, asked.name, &asked.options, &answer, &err);
    Py_END_ALLOW_THREADS result = rc == 0 ? tuple_of(answer) : en_py_raise(&err);
    enoki_answer_free(answer);
out:
    PyBuffer_Release(&asked.body);
    PyMem_Free(asked.headers);
    return result;
}
