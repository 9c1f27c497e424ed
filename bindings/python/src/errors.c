#include "enoki_python.h"

static PyObject *base;

static struct {
    int status;
    const char *name;
    const char *doc;
    PyObject *type;
} errors[] = {
    {ENOKI_EINVAL, "InvalidError", "An argument is outside its range.", NULL},
    {ENOKI_ENOTFOUND, "NotFoundError", "There is no such item or keygroup.", NULL},
    {ENOKI_ETIMEOUT, "TimeoutError", "The deadline passed; a write may have been done.", NULL},
    {ENOKI_ELIMIT, "LimitError", "A limit is reached: a value too long, a scan too large.", NULL},
    {ENOKI_EKIND, "KindError", "The keygroup is of the other kind.", NULL},
    {ENOKI_ECONFLICT, "ConflictError", "Somebody else changed the item; nothing was written.",
     NULL},
    {ENOKI_EUNCERTAIN, "UncertainError", "The write may or may not have been done.", NULL},
    {ENOKI_ESTALE, "StaleError", "No replica has what this session has seen.", NULL},
    {ENOKI_EDENIED, "DeniedError", "This user may not do that.", NULL},
    {ENOKI_EUNAVAILABLE, "UnavailableError", "No node that could answer is reachable.", NULL},
};

int en_py_add_errors(PyObject *module)
{
    char name[64];

    base = PyErr_NewExceptionWithDoc(
        "enoki.Error", "What libenoki reports; status is its code, name its name.", NULL, NULL);
    if (base == NULL || PyModule_AddObjectRef(module, "Error", base) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        PyObject *bases = errors[i].status == ENOKI_ETIMEOUT
                              ? PyTuple_Pack(2, base, PyExc_TimeoutError)
                              : PyTuple_Pack(1, base);

        (void)snprintf(name, sizeof(name), "enoki.%s", errors[i].name);
        errors[i].type =
            bases == NULL ? NULL : PyErr_NewExceptionWithDoc(name, errors[i].doc, bases, NULL);
        Py_XDECREF(bases);
        if (errors[i].type == NULL ||
            PyModule_AddObjectRef(module, errors[i].name, errors[i].type) != 0)
            return -1;
    }
    return 0;
}

PyObject *en_py_raise(const struct enoki_error *err)
{
    PyObject *type = base, *error, *text, *status = PyLong_FromLong(err->status),
             *name = PyUnicode_FromString(enoki_error_name(err->status));

    if (err->status == ENOKI_ENOMEM) {
        Py_XDECREF(status);
        Py_XDECREF(name);
        return PyErr_NoMemory();
    }
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i].status == err->status)
            type = errors[i].type;
    text = PyUnicode_DecodeUTF8(err->message, (Py_ssize_t)strlen(err->message), "replace");
    error = text == NULL ? NULL : PyObject_CallOneArg(type, text);
    if (error != NULL && status != NULL && name != NULL &&
        PyObject_SetAttrString(error, "status", status) == 0 &&
        PyObject_SetAttrString(error, "name", name) == 0)
        PyErr_SetObject(type, error);
    Py_XDECREF(error);
    Py_XDECREF(text);
    Py_XDECREF(status);
    Py_XDECREF(name);
    return NULL;
}
