#include "enoki_python.h"

struct state {
    PyObject_HEAD struct enoki_state *state;
    int is_borrowed;
    unsigned calls; /* that run in some thread, without the GIL */
};

_Static_assert(ENOKI_SCAN_MAX == 1000000, "what scan() and keys() say of themselves");

static PyTypeObject *state_type;

/* --- life ------------------------------------------------------------------------------------- */

static void log_line(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    (void)fprintf(stderr, "enoki: %s\n", message);
}

static PyObject *state_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"uri", "keygroup", "append_only", "must_exist", "timeout_ms", NULL};
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct state *self;
    unsigned long long timeout = 0;
    int append_only = 0, rc;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|z$ppK:State", names, &options.uri,
                                     &options.keygroup, &append_only, &options.must_exist,
                                     &timeout))
        return NULL;
    options.kind = append_only ? ENOKI_KEYGROUP_APPEND : ENOKI_KEYGROUP_ANY;
    options.timeout_ms = timeout;
    options.log = log_line;
    self = (struct state *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS rc = enoki_state_open(&self->state, &options, &err);
    Py_END_ALLOW_THREADS if (rc != 0)
    {
        Py_DECREF(self);
        return en_py_raise(&err);
    }
    return (PyObject *)self;
}

PyObject *en_py_borrowed_state(struct enoki_state *state)
{
    struct state *self = (struct state *)state_type->tp_alloc(state_type, 0);

    if (self != NULL) {
        self->state = state;
        self->is_borrowed = 1;
    }
    return (PyObject *)self;
}

static void release(struct state *self)
{
    struct enoki_state *state = self->is_borrowed ? NULL : self->state;

    self->state = NULL;
    Py_BEGIN_ALLOW_THREADS enoki_state_free(state);
    Py_END_ALLOW_THREADS
}

static void state_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    release((struct state *)self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *state_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (((struct state *)self)->calls != 0) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is in a call on this state");
        return NULL;
    }
    release((struct state *)self);
    Py_RETURN_NONE;
}

static PyObject *state_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

static PyObject *state_exit(PyObject *self, PyObject *unused)
{
    return state_close(self, unused);
}

/* --- calls ------------------------------------------------------------------------------------ */

/* The handle, for a call that end_call() ends; NULL and an exception if it is closed. */
static struct enoki_state *begin_call(PyObject *object)
{
    struct state *self = (struct state *)object;

    if (self->state == NULL)
        PyErr_SetString(PyExc_ValueError, "the state is closed");
    else
        self->calls++;
    return self->state;
}

static PyObject *end_call(PyObject *object, int rc, const struct enoki_error *err, PyObject *result)
{
    ((struct state *)object)->calls--;
    if (rc == 0)
        return result;
    Py_XDECREF(result);
    return PyErr_Occurred() ? NULL : en_py_raise(err);
}

int en_py_bytes_of(PyObject *object, const char **bytes, Py_ssize_t *len)
{
    if (PyUnicode_Check(object)) {
        *bytes = PyUnicode_AsUTF8AndSize(object, len);
        return *bytes == NULL ? -1 : 0;
    }
    if (PyBytes_Check(object)) {
        *bytes = PyBytes_AS_STRING(object);
        *len = PyBytes_GET_SIZE(object);
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "a value is str or bytes, not %s", Py_TYPE(object)->tp_name);
    return -1;
}

static PyObject *state_read(PyObject *self, PyObject *args)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    struct enoki_state *state;
    const char *id;
    int rc;

    if (!PyArg_ParseTuple(args, "s:read", &id))
        return NULL;
    state = begin_call(self);
    if (state == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS rc = enoki_state_read(state, id, &items, &err);
    Py_END_ALLOW_THREADS return end_call(self, rc, &err, rc == 0 ? en_py_items(items) : NULL);
}

static PyObject *scan(PyObject *self, PyObject *args, PyObject *keywords,
                      int (*call)(struct enoki_state *, const char *, uint64_t,
                                  struct enoki_items **, struct enoki_error *))
{
    static char *names[] = {"start", "count", NULL};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    struct enoki_state *state;
    const char *start = NULL;
    Py_ssize_t count = ENOKI_SCAN_MAX;
    int rc;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|zn", names, &start, &count))
        return NULL;
    if (count < 0) {
        PyErr_SetString(PyExc_ValueError, "count is negative");
        return NULL;
    }
    state = begin_call(self);
    if (state == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS rc = call(state, start, (uint64_t)count, &items, &err);
    Py_END_ALLOW_THREADS return end_call(self, rc, &err, rc == 0 ? en_py_items(items) : NULL);
}

static PyObject *state_scan(PyObject *self, PyObject *args, PyObject *keywords)
{
    return scan(self, args, keywords, enoki_state_scan);
}

static PyObject *state_keys(PyObject *self, PyObject *args, PyObject *keywords)
{
    PyObject *items = scan(self, args, keywords, enoki_state_keys);
    PyObject *ids = items == NULL ? NULL : PyObject_CallMethod(items, "ids", NULL);

    Py_XDECREF(items);
    return ids;
}

/* Update, or removal if there is no value. missing: expect was given as None, nothing may be there.
 */
static PyObject *write_item(PyObject *self, const char *id, PyObject *value, PyObject *expect)
{
    struct enoki_expect wanted = {sizeof(wanted), NULL};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state;
    const char *bytes = NULL;
    Py_ssize_t len = 0;
    int rc;

    if (value != NULL && en_py_bytes_of(value, &bytes, &len) != 0)
        return NULL;
    if (expect != NULL && expect != Py_None) {
        wanted.items = en_py_items_of(expect);
        if (wanted.items == NULL)
            return NULL;
    }
    state = begin_call(self);
    if (state == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS rc =
        value != NULL ? enoki_state_update(state, id, bytes, (size_t)len,
                                           expect != NULL ? &wanted : NULL, &err)
                      : enoki_state_remove(state, id, expect != NULL ? &wanted : NULL, &err);
    Py_END_ALLOW_THREADS return end_call(self, rc, &err, Py_NewRef(Py_None));
}

static PyObject *state_update(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"id", "value", "expect", NULL};
    PyObject *value, *expect = NULL;
    const char *id;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sO|$O:update", names, &id, &value, &expect))
        return NULL;
    return write_item(self, id, value, expect);
}

static PyObject *state_remove(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"id", "expect", NULL};
    PyObject *expect = NULL;
    const char *id;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|$O:remove", names, &id, &expect))
        return NULL;
    return write_item(self, id, NULL, expect);
}

static PyObject *state_append(PyObject *self, PyObject *value)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    char id[ENOKI_APPEND_ID_BYTES] = "";
    struct enoki_state *state;
    const char *bytes;
    Py_ssize_t len;
    int rc;

    if (en_py_bytes_of(value, &bytes, &len) != 0)
        return NULL;
    state = begin_call(self);
    if (state == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS rc = enoki_state_append(state, bytes, (size_t)len, id, &err);
    Py_END_ALLOW_THREADS return end_call(self, rc, &err, rc == 0 ? PyUnicode_FromString(id) : NULL);
}

/* --- modify ----------------------------------------------------------------------------------- */

struct modify {
    PyObject *function;
    PyObject *result; /* kept until its bytes are written */
    PyThreadState *thread;
};

static int decide(void *context, const struct enoki_items *items, const void **value_out,
                  size_t *value_len_out, struct enoki_error *err)
{
    struct modify *modify = context;
    int decision = ENOKI_EFUNCTION;
    const char *bytes;
    Py_ssize_t len;
    PyObject *entries;

    (void)err;
    PyEval_RestoreThread(modify->thread);
    entries = en_py_entries(items);
    Py_XSETREF(modify->result,
               entries == NULL ? NULL : PyObject_CallOneArg(modify->function, entries));
    Py_XDECREF(entries);
    if (modify->result == Py_None) {
        decision = ENOKI_MODIFY_KEEP;
    } else if (modify->result == Py_False) {
        decision = ENOKI_MODIFY_REMOVE;
    } else if (modify->result != NULL && en_py_bytes_of(modify->result, &bytes, &len) == 0) {
        *value_out = bytes;
        *value_len_out = (size_t)len;
        decision = ENOKI_MODIFY_WRITE;
    }
    modify->thread = PyEval_SaveThread();
    return decision;
}

static PyObject *state_modify(PyObject *self, PyObject *args)
{
    struct modify modify = {NULL, NULL, NULL};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state;
    const char *id;
    int rc;

    if (!PyArg_ParseTuple(args, "sO:modify", &id, &modify.function))
        return NULL;
    state = begin_call(self);
    if (state == NULL)
        return NULL;
    modify.thread = PyEval_SaveThread();
    rc = enoki_state_modify(state, id, decide, &modify, &err);
    PyEval_RestoreThread(modify.thread);
    Py_XDECREF(modify.result);
    return end_call(self, rc, &err, Py_NewRef(Py_None));
}

/* --- type ------------------------------------------------------------------------------------- */

static PyObject *state_keygroup(PyObject *self, void *unused)
{
    const struct enoki_state *state = ((struct state *)self)->state;

    (void)unused;
    if (state == NULL)
        Py_RETURN_NONE;
    return PyUnicode_FromString(enoki_state_keygroup(state));
}

#define KEYWORDS(function) ((PyCFunction)(void (*)(void))(function))
static PyMethodDef state_methods[] = {
    {"read", state_read, METH_VARARGS,
     "read($self, id, /)\n--\n\n"
     "All siblings of an item, as Items; NotFoundError if there is none."},
    {"scan", KEYWORDS(state_scan), METH_VARARGS | METH_KEYWORDS,
     "scan($self, start=None, count=1000000)\n--\n\n"
     "Items in key order from start on, at most count ids, each with all its siblings.\n"
     "A start must have been written once; on FReD there must be one."},
    {"keys", KEYWORDS(state_keys), METH_VARARGS | METH_KEYWORDS,
     "keys($self, start=None, count=1000000)\n--\n\n"
     "A list of ids, as scan() would find them, without their values."},
    {"update", KEYWORDS(state_update), METH_VARARGS | METH_KEYWORDS,
     "update($self, id, value, *, expect=...)\n--\n\n"
     "Writes over all siblings; value is bytes or text. With expect=items, as a read returned\n"
     "them, only if they are all that is there, with expect=None only if nothing is: else\n"
     "ConflictError."},
    {"remove", KEYWORDS(state_remove), METH_VARARGS | METH_KEYWORDS,
     "remove($self, id, *, expect=...)\n--\n\n"
     "Leaves a tombstone; NotFoundError if it was never written. expect: as in update()."},
    {"append", state_append, METH_O,
     "append($self, value, /)\n--\n\n"
     "Adds a value to an append-only keygroup and returns the id that it got."},
    {"modify", state_modify, METH_VARARGS,
     "modify($self, id, function, /)\n--\n\n"
     "Lets function decide what becomes of an item: it gets a list of Item, empty if there is\n"
     "none, and returns the new value, None to leave all as it is, or False to remove it. It runs\n"
     "again if somebody else writes meanwhile, so that no write is lost."},
    {"close", state_close, METH_NOARGS,
     "close($self, /)\n--\n\nReleases the handle; with does so too."},
    {"__enter__", state_enter, METH_NOARGS, NULL},
    {"__exit__", state_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef state_fields[] = {
    {"keygroup", state_keygroup, NULL, "Its name; None once closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot state_slots[] = {
    {Py_tp_new, state_new},
    {Py_tp_dealloc, state_dealloc},
    {Py_tp_methods, state_methods},
    {Py_tp_getset, state_fields},
    {Py_tp_doc, "State(uri, keygroup=None, *, append_only=False, must_exist=False, timeout_ms=0)\n"
                "--\n\n"
                "The items of one keygroup, which is made if it is not there.\n\n"
                "uri         embedded:DIR, or fred://HOST:PORT?tls=DIR&user=NAME&admin=NAME\n"
                "keygroup    tinyFaaSNAME is the function NAME's; None: keygroup= of the uri\n"
                "append_only make it one that only append() writes to\n"
                "must_exist  NotFoundError rather than to make it\n"
                "timeout_ms  of every call; 0: what the uri says, else 5000\n\n"
                "Any thread may use it; open it after a fork."},
    {0, NULL},
};
static PyType_Spec state_spec = {
    .name = "enoki.State",
    .basicsize = sizeof(struct state),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = state_slots,
};

int en_py_add_state(PyObject *module)
{
    state_type = (PyTypeObject *)PyType_FromSpec(&state_spec);
    return state_type == NULL ? -1 : PyModule_AddType(module, state_type);
}
