#include "enoki_python.h"

/* Of the function's instance and call that run on this thread. A thread that the function started
 * itself has neither, and uses what was opened last: one worker has one function. */
static _Thread_local const struct enoki_env *own_env;
static _Thread_local struct enoki_call *own_call;
static const struct enoki_env *last_env;
static int asked_in_vain;

void en_py_set_env(const struct enoki_env *env)
{
    /* An instance that is closed is nobody's any more. */
    if (env != NULL || last_env == own_env)
        last_env = env;
    own_env = env;
}

void en_py_set_call(struct enoki_call *call)
{
    own_call = call;
}

struct enoki_call *en_py_call(void)
{
    return own_call;
}

const struct enoki_env *en_py_env(void)
{
    const struct enoki_env *env = own_env != NULL ? own_env : last_env;

    if (env == NULL) {
        asked_in_vain = 1;
        PyErr_SetString(PyExc_RuntimeError, "no function runs here: open a keygroup with "
                                            "enoki.State(uri, keygroup)");
    }
    return env;
}

static PyObject *is_function(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return PyBool_FromLong(own_env != NULL || last_env != NULL);
}

static PyObject *was_asked_in_vain(PyObject *self, PyObject *unused)
{
    int was = asked_in_vain;

    (void)self;
    (void)unused;
    asked_in_vain = 0;
    return PyBool_FromLong(was);
}

static PyObject *function_state(PyObject *self, PyObject *unused)
{
    const struct enoki_env *env = en_py_env();
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state = NULL;
    int rc;

    (void)self;
    (void)unused;
    if (env == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS rc = enoki_env_state(env, &state, &err);
    Py_END_ALLOW_THREADS return rc == 0 ? en_py_borrowed_state(state) : en_py_raise(&err);
}

static PyObject *log_message(PyObject *self, PyObject *args)
{
    const struct enoki_env *env;
    const char *message;
    int level;

    (void)self;
    if (!PyArg_ParseTuple(args, "is:log", &level, &message))
        return NULL;
    env = en_py_env();
    if (env == NULL)
        return NULL;
    enoki_env_log(env, (enum enoki_log_level)level, "%s", message);
    Py_RETURN_NONE;
}

static PyObject *remaining_ms(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    if (own_call == NULL)
        Py_RETURN_NONE;
    return PyLong_FromLongLong(enoki_call_remaining_ms(own_call));
}

static PyMethodDef functions[] = {
    {"function_state", function_state, METH_NOARGS, "The State of the function that runs here."},
    {"log", log_message, METH_VARARGS, "log(level, message): 0 error, 1 warning, 2 info, 3 debug."},
    {"is_function", is_function, METH_NOARGS, "Whether a function runs here."},
    {"was_asked_in_vain", was_asked_in_vain, METH_NOARGS,
     "Whether something wanted to know the function while none ran, since this was asked last."},
    {"invoke", en_py_invoke, METH_VARARGS,
     "invoke(name, body, method, path, query, headers, timeout_ms, is_async): (status, headers, "
     "body)."},
    {"remaining_ms", remaining_ms, METH_NOARGS,
     "Milliseconds until the caller gets 504; None outside a call."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_enoki",
    .m_doc = "libenoki for Python; use it as enoki.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__enoki(void)
{
    PyObject *module = PyModule_Create(&definition);

    if (module != NULL && (en_py_add_errors(module) != 0 || en_py_add_items(module) != 0 ||
                           en_py_add_state(module) != 0 ||
                           PyModule_AddStringConstant(module, "__version__", enoki_version()) != 0))
        Py_CLEAR(module);
    return module;
}
