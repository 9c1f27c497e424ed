#include "enoki_python.h"

#include <stdio.h>

struct items {
    PyObject_HEAD struct enoki_items *items;
};

static PyTypeObject *items_type, *item_type;

/* --- one entry -------------------------------------------------------------------------------- */

static PyObject *id_at(const struct enoki_items *items, size_t index)
{
    return PyUnicode_FromString(enoki_items_id(items, index));
}

static PyObject *value_at(const struct enoki_items *items, size_t index)
{
    size_t len;
    const char *value = enoki_items_value(items, index, &len);

    return PyBytes_FromStringAndSize(value, (Py_ssize_t)len);
}

static PyObject *text_at(const struct enoki_items *items, size_t index)
{
    size_t len;
    const char *value = enoki_items_value(items, index, &len);

    return PyUnicode_DecodeUTF8(value, (Py_ssize_t)len, "strict");
}

/* {node: counter} */
static PyObject *version_at(const struct enoki_items *items, size_t index)
{
    const struct enoki_version *version = enoki_items_version(items, index);
    PyObject *clock = PyDict_New();

    for (size_t i = 0; clock != NULL && i < enoki_version_count(version); i++) {
        uint64_t counter;
        const char *node = enoki_version_node(version, i, &counter);
        PyObject *number = PyLong_FromUnsignedLongLong(counter);

        if (number == NULL || PyDict_SetItemString(clock, node, number) != 0)
            Py_CLEAR(clock);
        Py_XDECREF(number);
    }
    return clock;
}

static PyObject *entry_at(const struct enoki_items *items, size_t index)
{
    PyObject *entry = PyStructSequence_New(item_type);
    PyObject *fields[] = {id_at(items, index), value_at(items, index), version_at(items, index)};
    int is_whole = entry != NULL && fields[0] != NULL && fields[1] != NULL && fields[2] != NULL;

    for (Py_ssize_t i = 0; i < 3; i++) {
        if (is_whole)
            PyStructSequence_SetItem(entry, i, fields[i]);
        else
            Py_XDECREF(fields[i]);
    }
    if (!is_whole)
        Py_CLEAR(entry);
    return entry;
}

static PyObject *list_of(const struct enoki_items *items,
                         PyObject *(*make)(const struct enoki_items *, size_t))
{
    size_t count = enoki_items_count(items);
    PyObject *list = PyList_New((Py_ssize_t)count);

    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *one = make(items, i);

        if (one == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, one);
    }
    return list;
}

PyObject *en_py_entries(const struct enoki_items *items)
{
    return list_of(items, entry_at);
}

/* --- the sequence ----------------------------------------------------------------------------- */

static const struct enoki_items *inside(PyObject *self)
{
    return ((struct items *)self)->items;
}

static void items_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    enoki_items_free(((struct items *)self)->items);
    type->tp_free(self);
    Py_DECREF(type);
}

static Py_ssize_t items_len(PyObject *self)
{
    return (Py_ssize_t)enoki_items_count(inside(self));
}

static PyObject *items_at(PyObject *self, Py_ssize_t index)
{
    if (index < 0 || index >= items_len(self)) {
        PyErr_SetString(PyExc_IndexError, "no such entry");
        return NULL;
    }
    return entry_at(inside(self), (size_t)index);
}

static PyObject *items_values(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_of(inside(self), value_at);
}

static PyObject *items_texts(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_of(inside(self), text_at);
}

static PyObject *items_ids(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_of(inside(self), id_at);
}

static PyObject *items_is_stale(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(enoki_items_is_stale(inside(self)));
}

static PyObject *items_repr(PyObject *self)
{
    PyObject *entries = en_py_entries(inside(self));
    PyObject *text = entries == NULL ? NULL : PyUnicode_FromFormat("Items(%R)", entries);

    Py_XDECREF(entries);
    return text;
}

static PyMethodDef items_methods[] = {
    {"values", items_values, METH_NOARGS, "The values, as bytes."},
    {"texts", items_texts, METH_NOARGS, "The values, as text; UnicodeDecodeError if one is none."},
    {"ids", items_ids, METH_NOARGS, "The ids; one per sibling."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef items_fields[] = {
    {"is_stale", items_is_stale, NULL, "The replica is behind this session (stale=any only).",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot items_slots[] = {
    {Py_tp_dealloc, items_dealloc},
    {Py_tp_methods, items_methods},
    {Py_tp_getset, items_fields},
    {Py_tp_repr, items_repr},
    {Py_sq_length, items_len},
    {Py_sq_item, items_at},
    {Py_tp_doc, "What a read or scan found: a sequence of Item, one per sibling."},
    {0, NULL},
};
static PyType_Spec items_spec = {
    .name = "enoki.Items",
    .basicsize = sizeof(struct items),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = items_slots,
};
static PyStructSequence_Field item_fields[] = {
    {"id", "the item's id"},
    {"value", "its bytes"},
    {"version", "its vector clock, {node: counter}"},
    {NULL, NULL},
};
static PyStructSequence_Desc item_description = {
    "enoki.Item", "One version of an item; concurrent ones stand next to each other.", item_fields,
    3};

int en_py_add_items(PyObject *module)
{
    items_type = (PyTypeObject *)PyType_FromSpec(&items_spec);
    item_type = PyStructSequence_NewType(&item_description);
    if (items_type == NULL || item_type == NULL)
        return -1;
    return PyModule_AddType(module, items_type) != 0 || PyModule_AddType(module, item_type) != 0
               ? -1
               : 0;
}

PyObject *en_py_items(struct enoki_items *items)
{
    struct items *self = PyObject_New(struct items, items_type);

    if (self == NULL)
        enoki_items_free(items);
    else
        self->items = items;
    return (PyObject *)self;
}

const struct enoki_items *en_py_items_of(PyObject *object)
{
    if (PyObject_TypeCheck(object, items_type))
        return inside(object);
    PyErr_Format(PyExc_TypeError, "expect is %s, not Items as a read returns them",
                 Py_TYPE(object)->tp_name);
    return NULL;
}
