/* CPython behind a few entries: start, run a step of lib/boot.py on bytes, freeze.
 *
 * Compiled to a shared library without any header of CPython's: only functions of its stable ABI are called, by
 * their published signatures. linking.py puts it together with libpython and libc. Protocol: docs/python.md, "Inside".
 */
#include "shim.h"

typedef struct object object;
typedef object *(*function)(object *self, object *arguments);
typedef struct { const char *name; function call; int flags; const char *doc; } method;
typedef struct initconfig initconfig;

#define TAKES_TUPLE 1 /* METH_VARARGS */

initconfig *PyInitConfig_Create(void);
int PyInitConfig_SetInt(initconfig *, const char *, int64_t);
int PyInitConfig_SetStr(initconfig *, const char *, const char *);
int PyInitConfig_SetStrList(initconfig *, const char *, size_t, char *const *);
int PyInitConfig_GetError(initconfig *, const char **);
int Py_InitializeFromInitConfig(initconfig *);
object *PyImport_AddModuleRef(const char *);
object *PyImport_ImportModule(const char *);
object *PyCMethod_New(method *, object *, object *, object *);
object *PyObject_GetAttrString(object *, const char *);
int PyObject_SetAttrString(object *, const char *, object *);
object *PyObject_CallFunctionObjArgs(object *, ...);
object *PyBytes_FromStringAndSize(const char *, long);
int PyBytes_AsStringAndSize(object *, char **, long *);
object *PyUnicode_DecodeUTF8(const char *, long, const char *);
object *PyLong_FromLong(long);
int PyArg_ParseTuple(object *, const char *, ...);
void PyErr_SetObject(object *, object *);
void PyErr_Print(void);
void Py_DecRef(object *);
void Py_IncRef(object *);
extern object *PyExc_OSError;
extern object _Py_NoneStruct;

void flush_lines(void);

#define INBOX_BYTES 16384 /* program.py */
static char inbox[INBOX_BYTES];
static struct { const char *data; uint32_t length; } output;
static object *step;   /* lib/boot.py: step(number, bytes) -> bytes */
static object *given;  /* what the last step returned: output points into it */

enum { DONE = 0, THREW = 1, FULL = 2, BROKEN = 3 };

/* ---- the module _edgefaas --------------------------------------------------------------------- */

static object *py_log(object *self, object *arguments)
{
    int level;
    const char *text;
    long length;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "is#", &level, &text, &length))
        return NULL;
    host_log((uint32_t)level, text, (uint32_t)length);
    Py_IncRef(&_Py_NoneStruct);
    return &_Py_NoneStruct;
}

static object *py_call(object *self, object *arguments)
{
    const char *name, *payload;
    long name_length, length;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "s#y#", &name, &name_length, &payload, &length))
        return NULL;
    int64_t told = host_call(name, (uint32_t)name_length, payload, (uint32_t)length);
    int failed = told < 0;
    uint32_t size = (uint32_t)(failed ? -1 - told : told);
    object *answer = PyBytes_FromStringAndSize(NULL, (long)size);
    char *at;
    long room; /* asked for, lest zeros in it be refused */
    if (!answer || PyBytes_AsStringAndSize(answer, &at, &room))
        return NULL;
    host_take(at);
    if (!failed)
        return answer;
    object *message = PyUnicode_DecodeUTF8(at, (long)size, "replace");
    if (message)
        PyErr_SetObject(PyExc_OSError, message);
    Py_DecRef(answer);
    return NULL;
}

static method methods[] = {
    {"log", py_log, TAKES_TUPLE, NULL},
    {"call", py_call, TAKES_TUPLE, NULL},
};

/* ---- entries ------------------------------------------------------------------------------------ */

EXPORT void *shim_inbox(void) { return inbox; }
EXPORT void *shim_output(void) { return &output; }

static int complain(const char *what)
{
    output.data = what;
    output.length = strlen(what);
    return BROKEN;
}

static int configure(initconfig *config)
{
    static const char *const zeros[] = {
        "site_import", "write_bytecode", "user_site_directory", "install_signal_handlers", "use_environment",
        "parse_argv", "pathconfig_warnings", "buffered_stdio", "faulthandler",
    };
    static char *const paths[] = {"/usr/lib/python3.14"};
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        if (PyInitConfig_SetInt(config, zeros[i], 0))
            return -1;
    if (PyInitConfig_SetInt(config, "isolated", 1) || PyInitConfig_SetInt(config, "utf8_mode", 1))
        return -1;
    if (PyInitConfig_SetStr(config, "home", "/usr") || PyInitConfig_SetStr(config, "program_name", "python3"))
        return -1;
    if (PyInitConfig_SetStr(config, "executable", ""))
        return -1;
    return PyInitConfig_SetStrList(config, "module_search_paths", 1, paths);
}

/* Start CPython and load lib/boot.py. Once, for the base image. */
EXPORT int shim_start(void)
{
    initconfig *config = PyInitConfig_Create();
    const char *wrong = "CPython does not start";
    if (!config || configure(config) || Py_InitializeFromInitConfig(config)) {
        if (config)
            PyInitConfig_GetError(config, &wrong);
        return complain(wrong);
    }
    object *module = PyImport_AddModuleRef("_edgefaas");
    for (size_t i = 0; module && i < sizeof methods / sizeof *methods; i++) {
        object *made = PyCMethod_New(&methods[i], NULL, NULL, NULL);
        if (!made || PyObject_SetAttrString(module, methods[i].name, made))
            return complain("the module _edgefaas cannot be made");
    }
    object *boot = module ? PyImport_ImportModule("edgefaas_boot") : NULL;
    step = boot ? PyObject_GetAttrString(boot, "step") : NULL;
    if (!step) {
        PyErr_Print();
        flush_lines();
        return complain("lib/boot.py does not load");
    }
    return DONE;
}

/* Run one step on what is in the inbox, or to be taken when it is larger; the answer is in `output`. */
EXPORT int shim_step(int number, uint32_t length)
{
    object *input = PyBytes_FromStringAndSize(length < INBOX_BYTES ? inbox : NULL, (long)length);
    char *at;
    long room;
    if (input && length >= INBOX_BYTES && !PyBytes_AsStringAndSize(input, &at, &room))
        host_take(at);
    object *which = PyLong_FromLong(number);
    object *answer = input && which ? PyObject_CallFunctionObjArgs(step, which, input, NULL) : NULL;
    if (input)
        Py_DecRef(input);
    if (which)
        Py_DecRef(which);
    flush_lines();
    if (given)
        Py_DecRef(given);
    given = answer;
    char *data;
    long size;
    if (!answer || PyBytes_AsStringAndSize(answer, &data, &size) || !size) {
        PyErr_Print();
        flush_lines();
        return complain("the step failed");
    }
    output.data = data + 1;
    output.length = (uint32_t)size - 1;
    return *data == '0' ? DONE : *data == '1' ? THREW : FULL;
}
