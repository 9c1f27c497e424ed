#include "interpreter.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

/* Debian's extension modules take Python's symbols from the program, which is none here. */
#define PYTHON_LIBRARY "libpython" PYTHON_VERSION ".so.1.0"
#define STRING(text) #text
#define TEXT(number) STRING(number)
#define PYTHON_VERSION TEXT(PY_MAJOR_VERSION) "." TEXT(PY_MINOR_VERSION)

/* --- forks: what os.fork() does around its own ------------------------------------------------ */

static struct {
    PyGILState_STATE gil;
    int is_ours; /* from before Python's hooks run until they have */
} forking; /* needs the GIL */

static void before_fork(void)
{
    PyGILState_STATE gil;

    /* Python's own forks hold the GIL, and have done all this. */
    if (PyGILState_Check())
        return;
    gil = PyGILState_Ensure();
    forking.gil = gil; /* another thread's until now */
    forking.is_ours = 1;
    PyOS_BeforeFork();
}

static void after_fork_in_parent(void)
{
    if (!forking.is_ours)
        return;
    PyOS_AfterFork_Parent();
    forking.is_ours = 0;
    PyGILState_Release(forking.gil);
}

static void after_fork_in_child(void)
{
    if (!forking.is_ours)
        return;
    PyOS_AfterFork_Child();
    forking.is_ours = 0;
    PyGILState_Release(forking.gil);
}

/* --- signals ---------------------------------------------------------------------------------- */

/* What a terminal or a service manager sends to all is the runtime's to handle. The processes that
 * a function starts end by it: multiprocessing and subprocess rely on that. */
static const int ending[] = {SIGINT, SIGTERM};

/* Around every fork. A function's own fork: its child gets back the signals for which the function
 * has set nothing itself, and none is lost before that. In a thread runtime the child would else
 * tell the runtime to end. */
static _Thread_local sigset_t before_own_fork;

static PyObject *block_ending(PyObject *self, PyObject *unused)
{
    sigset_t set;

    (void)self;
    (void)unused;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
        (void)sigaddset(&set, ending[i]);
    if (!forking.is_ours)
        (void)pthread_sigmask(SIG_BLOCK, &set, &before_own_fork);
    Py_RETURN_NONE;
}

static PyObject *unblock(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    if (!forking.is_ours)
        (void)pthread_sigmask(SIG_SETMASK, &before_own_fork, NULL);
    Py_RETURN_NONE;
}

static PyObject *give_back(PyObject *self, PyObject *unused)
{
    PyObject *module = forking.is_ours ? NULL : PyImport_ImportModule("signal");

    for (size_t i = 0; module != NULL && i < sizeof(ending) / sizeof(ending[0]); i++) {
        PyObject *set = PyObject_CallMethod(module, "getsignal", "i", ending[i]);

        /* None: not Python's; SIG_DFL is 0 */
        if (set != NULL && PyObject_IsTrue(set) == 0)
            (void)signal(ending[i], SIG_DFL);
        Py_XDECREF(set);
    }
    Py_XDECREF(module);
    if (PyErr_Occurred())
        PyErr_Clear(); /* what it ends by stays the runtime's */
    return unblock(self, unused);
}

static PyMethodDef hooks[] = {
    {"before", block_ending, METH_NOARGS, NULL},
    {"after_in_parent", unblock, METH_NOARGS, NULL},
    {"after_in_child", give_back, METH_NOARGS, NULL},
};

static int add_hooks(struct enoki_error *err)
{
    PyObject *os = PyImport_ImportModule("os"), *none = PyTuple_New(0), *words = PyDict_New();
    PyObject *add = os == NULL ? NULL : PyObject_GetAttrString(os, "register_at_fork");
    PyObject *done = NULL;
    int rc = add == NULL || none == NULL || words == NULL ? -1 : 0;

    for (size_t i = 0; rc == 0 && i < sizeof(hooks) / sizeof(hooks[0]); i++) {
        PyObject *hook = PyCFunction_New(&hooks[i], NULL);

        rc = hook == NULL ? -1 : PyDict_SetItemString(words, hooks[i].ml_name, hook);
        Py_XDECREF(hook);
    }
    if (rc == 0)
        done = PyObject_Call(add, none, words);
    rc = done == NULL ? -1 : 0;
    PyErr_Clear();
    Py_XDECREF(done);
    Py_XDECREF(add);
    Py_XDECREF(words);
    Py_XDECREF(none);
    Py_XDECREF(os);
    return rc == 0 ? 0 : enoki_error_set(err, ENOKI_EPLUGIN, "Python has no os.register_at_fork");
}

/* --- start ------------------------------------------------------------------------------------ */

static int set_variables(const struct enoki_env *env, struct enoki_error *err)
{
    const char *name, *value;

    for (size_t i = 0; (value = enoki_env_variable_at(env, i, &name)) != NULL; i++)
        if (setenv(name, value, 1) != 0)
            return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the environment");
    return 0;
}

static int initialize(struct enoki_error *err)
{
    PyConfig config;
    PyStatus status;

    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0; /* signals are the runtime's */
    config.parse_argv = 0;
    config.user_site_directory = 0;
    config.write_bytecode = 0; /* the folder may belong to somebody else */
    status = PyConfig_SetString(&config, &config.program_name, L"/usr/bin/python3");
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (!PyStatus_Exception(status))
        return 0;
    return enoki_error_set(err, ENOKI_EPLUGIN, "Python does not start: %s",
                           status.err_msg != NULL ? status.err_msg : "it exits");
}

/* Puts the folder "python" beside this library first. */
static int add_folder(struct enoki_error *err)
{
    PyObject *path = PySys_GetObject("path"), *folder;
    char text[4096];
    Dl_info own = {0};
    const char *slash;
    int rc = -1;

    if (dladdr((const void *)(uintptr_t)en_py_start, &own) == 0)
        own.dli_fname = "./";
    slash = strrchr(own.dli_fname, '/');
    (void)snprintf(text, sizeof(text), "%.*s/python",
                   slash == NULL ? 1 : (int)(slash - own.dli_fname),
                   slash == NULL ? "." : own.dli_fname);
    folder = PyUnicode_DecodeFSDefault(text);
    if (folder != NULL && path != NULL)
        rc = PyList_Insert(path, 0, folder);
    Py_XDECREF(folder);
    return rc == 0 ? 0 : enoki_error_set(err, ENOKI_EPLUGIN, "Python has no module path");
}

void en_py_ignore_leaks(void)
{
#ifdef __SANITIZE_ADDRESS__
    __lsan_disable();
#endif
}

int en_py_start(const struct enoki_env *env, struct enoki_error *err)
{
    int rc;

    if (dlopen(PYTHON_LIBRARY, RTLD_NOW | RTLD_GLOBAL) == NULL)
        return enoki_error_set(err, ENOKI_EPLUGIN, "Python cannot be loaded: %s", dlerror());
    rc = set_variables(env, err);
    if (rc != 0)
        return rc;
    if (PyImport_AppendInittab("_enoki", PyInit__enoki) != 0)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for Python");
    rc = initialize(err);
    if (rc != 0)
        return rc;
    rc = add_folder(err);
    if (rc == 0)
        rc = add_hooks(err);
    if (rc == 0 && pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for Python");
    (void)PyEval_SaveThread();
    return rc;
}
