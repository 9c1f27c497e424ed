#include "interpreter.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Debian's extension modules take Python's symbols from the program, which is none here. */
#define PYTHON_LIBRARY "libpython" PYTHON_VERSION ".so.1.0"
#define STRING(text) #text
#define TEXT(number) STRING(number)
#define PYTHON_VERSION TEXT(PY_MAJOR_VERSION) "." TEXT(PY_MINOR_VERSION)

/* --- forks: what os.fork() does around its own ------------------------------------------------ */

static struct {
    PyGILState_STATE gil;
    int is_ours;
} forking;

static void before_fork(void)
{
    /* Python's own forks hold the GIL, and have done all this. */
    forking.is_ours = !PyGILState_Check();
    if (!forking.is_ours)
        return;
    forking.gil = PyGILState_Ensure();
    PyOS_BeforeFork();
}

static void after_fork_in_parent(void)
{
    if (!forking.is_ours)
        return;
    PyOS_AfterFork_Parent();
    PyGILState_Release(forking.gil);
}

static void after_fork_in_child(void)
{
    if (!forking.is_ours)
        return;
    PyOS_AfterFork_Child();
    PyGILState_Release(forking.gil);
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
    if (rc == 0 && pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for Python");
    (void)PyEval_SaveThread();
    return rc;
}
