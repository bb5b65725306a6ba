/* The JavaScript engine as one WebAssembly module: QuickJS-ng plus this shim, in one translation unit.
 *
 * Everything that can change lives in linear memory, so a function is an image of that memory
 * (docs/adr/0020). The module imports five functions of `edgefaas:js` and nothing else; what libc
 * would ask of WASI is answered here. Including quickjs.c gives the shim its internals: the JSON
 * codec below walks shapes and strings directly.
 *
 * Build: sandbox/js/engine_build.py. Protocol: docs/javascript.md, "Inside".
 */
#define NDEBUG 1
#define _GNU_SOURCE 1

#include <stdint.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

/* Diagnostics of the engine go nowhere: a guest has log() only. */
#define printf(...) ((void)0)
#define fprintf(...) ((void)0)
#define putchar(c) ((void)(c))
#define fputs(s, f) ((void)0)
#define abort() __builtin_trap()

#define IMPORT(name) __attribute__((import_module("edgefaas:js"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

/* Milliseconds since 1970. */
IMPORT("now") double host_now(void);
/* Fill with bytes fit for keys. */
IMPORT("random") void host_random(void *to, uint32_t length);
IMPORT("log") void host_log(uint32_t level, const char *text, uint32_t length);
/* Do an operation. High half: 0 done (low: length of the answer), 1 failed (low: length of the
 * message), 2 under way (low: its number), 3 takes long: wait for it. */
IMPORT("call") uint64_t host_call(const char *name, uint32_t name_length, const void *payload, uint32_t length);
/* Let others run until the last call is done; what it has to say then, as above. */
IMPORT("wait") uint64_t host_wait(void);
/* Copy the answer of the last call, or the input of this entry, to memory: a piece of it, whose length is returned
 * while there are more, 0 after the last. */
IMPORT("take") uint32_t host_take(void *to);
/* Say why the guest is about to trap. */
IMPORT("fail") void host_fail(uint32_t reason);

/* Between two pieces others may run. */
static void take_all(void *to)
{
    for (uint32_t length; (length = host_take(to)) != 0; to = (char *)to + length)
        ;
}

enum { FAIL_MEMORY = 1, FAIL_ENGINE = 2 };
enum { CALL_DONE = 0, CALL_FAILED = 1, CALL_PENDING = 2, CALL_LONG = 3 };
enum { STATE_PENDING = 0, STATE_FINISHED = 1, STATE_THREW = 2 };

#include "heap.h"
#include <malloc.h>
#define malloc heap_malloc
#define free heap_free
#define realloc heap_realloc
#define calloc heap_calloc
#define malloc_usable_size(p) heap_usable(p)

/* Every block from heap.h: the arenas of QuickJS would strew a request's few blocks over as many pages as there
 * are sizes. (This is its own switch for that; nothing is sanitised.) */
#define __SANITIZE_ADDRESS__ 1
#include "quickjs.c"
#include "dtoa.c"
#include "libregexp.c"
#include "libunicode.c"

#undef malloc
#undef free
#undef realloc
#define malloc heap_malloc
#define free heap_free
#define realloc heap_realloc

/* Where the builder puts bytecode while it reads it: above every heap, so that none of it is in the image. */
#define SCRATCH_BASE (48u << 20)

/* ---- what libc wants of the outside ------------------------------------------------------- */

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    double now = host_now();
    tv->tv_sec = (time_t)(now / 1000);
    tv->tv_usec = (suseconds_t)((now - (double)tv->tv_sec * 1000) * 1000);
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    double now = host_now();
    ts->tv_sec = (time_t)(now / 1000);
    ts->tv_nsec = (long)((now - (double)ts->tv_sec * 1000) * 1e6);
    return 0;
}

struct tm *localtime_r(const time_t *restrict t, struct tm *restrict tm)
{
    memset(tm, 0, sizeof(*tm)); /* the edge runs in UTC; only tm_gmtoff is read */
    return tm;
}

/* ---- state --------------------------------------------------------------------------------- */

#define INBOX_BYTES 16384

static struct {
    uint32_t output;
    uint32_t output_length;
    uint32_t pending;
    uint32_t heap_end;
    double next_timer; /* milliseconds since 1970, or -1 */
} state;

static char inbox[INBOX_BYTES];
static JSRuntime *runtime;
static JSContext *context;
static JSValue hooks;          /* the object of functions that lib/main.js hands over */
static JSValue hook_start, hook_resume, hook_ticks, hook_resolve, hook_import, hook_compile, hook_describe;
static JSValue unhandled;      /* first rejection that nobody handled */
static JSValue unhandled_promise;
static JSValue result;
static JSValue awaited;        /* what the entry returned: the answer, or a promise for it */
static JSValue held;           /* the callback's answer, given once no host operation is under way */
static int has_held;
static uint32_t outcome;
static int ticks_wanted, timers_hold, building, compiling, has_unhandled;

static void *must(void *memory)
{
    if (!memory) {
        host_fail(FAIL_MEMORY);
        __builtin_trap();
    }
    return memory;
}

static void set_output(const void *bytes, size_t length)
{
    state.output = (uint32_t)(uintptr_t)bytes;
    state.output_length = (uint32_t)length;
}

/* The input of an entry: in the inbox when it fits, else fetched. Always followed by a zero byte. */
static char *input(uint32_t length)
{
    char *buffer;
    if (length < INBOX_BYTES) {
        inbox[length] = 0;
        return inbox;
    }
    if (building) {
        need_memory((uintptr_t)SCRATCH_BASE + length + 1);
        buffer = (char *)SCRATCH_BASE;
    } else {
        buffer = must(malloc((size_t)length + 1));
    }
    take_all(buffer);
    buffer[length] = 0;
    return buffer;
}

static void input_free(char *buffer)
{
    if (buffer != inbox && buffer != (char *)SCRATCH_BASE)
        free(buffer);
}

#include "codec.h"
#include "json.h"
#include "modules.h"
#include "natives.h"

/* ---- running ------------------------------------------------------------------------------- */

static void take_exception(void)
{
    JSValue error = JS_GetException(context);
    JS_FreeValue(context, result);
    result = error;
    outcome = STATE_THREW;
}

static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool handled, void *opaque)
{
    if (handled) {
        if (has_unhandled && JS_VALUE_GET_PTR(unhandled_promise) == JS_VALUE_GET_PTR(promise)) {
            JS_FreeValue(ctx, unhandled);
            JS_FreeValue(ctx, unhandled_promise);
            unhandled = unhandled_promise = JS_UNDEFINED;
            has_unhandled = 0;
        }
    } else if (!has_unhandled) {
        unhandled = JS_DupValue(ctx, reason);
        unhandled_promise = JS_DupValue(ctx, promise);
        has_unhandled = 1;
    }
}

/* Run nextTick callbacks, then all microtasks, until there are neither; the order is Node's. */
static void drain(void)
{
    JSContext *ctx;
    int ran;
    do {
        if (ticks_wanted && !outcome) {
            ticks_wanted = 0;
            JSValue r = JS_Call(context, hook_ticks, JS_UNDEFINED, 0, NULL);
            if (JS_IsException(r))
                take_exception();
            JS_FreeValue(context, r);
        }
        while (!outcome && (ran = JS_ExecutePendingJob(runtime, &ctx)) != 0)
            if (ran < 0)
                take_exception();
    } while (ticks_wanted && !outcome);
    if (has_unhandled && !outcome) {
        JS_FreeValue(context, result);
        result = JS_DupValue(context, unhandled);
        outcome = STATE_THREW;
    }
}

/* Before the library is there. */
static JSValue describe_plainly(JSValueConst error)
{
    JSValue object = JS_NewObject(context);
    JS_SetPropertyStr(context, object, "message", JS_ToString(context, error));
    JS_SetPropertyStr(context, object, "stack", JS_GetPropertyStr(context, error, "stack"));
    return object;
}

/* Nothing runs any more: is there an answer? */
static void conclude(void)
{
    int idle = !state.pending && !timers_hold;
    JSPromiseStateEnum promise = JS_IsObject(awaited) ? JS_PromiseState(context, awaited) : JS_PROMISE_NOT_A_PROMISE;
    int settled = promise == JS_PROMISE_FULFILLED || promise == JS_PROMISE_REJECTED;
    if (has_held && (settled || !state.pending)) { /* who calls back first is heard, also in an async handler */
        result = JS_DupValue(context, held);
        outcome = STATE_FINISHED;
    } else if (settled) {
        result = JS_PromiseResult(context, awaited);
        outcome = promise == JS_PROMISE_FULFILLED ? STATE_FINISHED : STATE_THREW;
    } else if (promise == JS_PROMISE_NOT_A_PROMISE && !JS_IsUndefined(awaited)) {
        result = JS_DupValue(context, awaited);
        outcome = STATE_FINISHED;
    } else if (idle && promise == JS_PROMISE_PENDING) {
        JS_ThrowPlainError(context, "the handler's promise was never settled, and nothing is under way that could settle it");
        take_exception();
    } else if (idle) {
        outcome = STATE_FINISHED; /* nothing was answered: null, as in Lambda */
    }
}

/* Take what the entry returned, run all there is to run, and hand the answer over or say what is awaited. */
static uint32_t settle(JSValue called)
{
    if (JS_IsException(called)) {
        take_exception();
    } else if (!JS_IsUndefined(called)) {
        JS_FreeValue(context, awaited);
        awaited = called;
        if (JS_IsObject(awaited) && JS_PromiseState(context, awaited) != JS_PROMISE_NOT_A_PROMISE)
            JS_PromiseMarkAsHandled(context, awaited);
    }
    drain();
    if (!outcome)
        conclude();
    if (!outcome)
        return STATE_PENDING;
    if (outcome == STATE_FINISHED) {
        struct text text = {0};
        if (json_write(context, &text, result)) {
            set_output(text.bytes, text.length);
            return STATE_FINISHED;
        }
        free(text.bytes);
        take_exception();
    }
    JSValue described = JS_IsUndefined(hook_describe)
                            ? describe_plainly(result)
                            : JS_Call(context, hook_describe, JS_UNDEFINED, 1, (JSValueConst *)&result);
    struct text text = {0};
    if (JS_IsException(described) || !json_write(context, &text, described)) {
        JS_FreeValue(context, JS_GetException(context));
        text.length = 0;
        text_add(&text, "{\"message\":\"the error could not be described\"}", 46);
    }
    set_output(text.bytes, text.length);
    return STATE_THREW;
}

EXPORT("inbox") void *export_inbox(void) { return inbox; }
EXPORT("state") void *export_state(void) { return &state; }

/* Start the engine in an empty instance. */
EXPORT("init") void export_init(uint32_t stack_bytes)
{
    building = 1;
    runtime = must(JS_NewRuntime());
    JS_SetMaxStackSize(runtime, stack_bytes);
    JS_SetGCThreshold(runtime, (size_t)-1);
    context = must(JS_NewContext(runtime));
    JS_AddIntrinsicDOMException(context);
    JS_SetHostPromiseRejectionTracker(runtime, on_rejection, NULL);
    JS_SetModuleLoaderFunc(runtime, module_normalize, module_load, NULL);
    result = awaited = held = unhandled = unhandled_promise = JS_UNDEFINED;
    hooks = hook_start = hook_resume = hook_ticks = hook_resolve = hook_import = hook_compile = hook_describe =
        JS_UNDEFINED;
    state.next_timer = -1;
    natives_init();
    json_init(context);
}

/* Parse a file of `length` bytes, its name first and a zero byte between.
 * As: 0 a script whose value is a function, 1 a module. Output: JSON line, newline, bytecode. */
EXPORT("compile") uint32_t export_compile(uint32_t as, int32_t first_line, uint32_t length)
{
    char *bytes = input(length);
    size_t name_length = strlen(bytes);
    outcome = 0;
    compiling = 1;
    JSEvalOptions options = {
        .version = JS_EVAL_OPTIONS_VERSION,
        .eval_flags = (as ? JS_EVAL_TYPE_MODULE : JS_EVAL_TYPE_GLOBAL) | JS_EVAL_FLAG_COMPILE_ONLY,
        .filename = bytes,
        .line_num = first_line,
    };
    JSValue code = JS_Eval2(context, bytes + name_length + 1, length - name_length - 1, &options);
    compiling = 0;
    if (JS_IsException(code))
        return settle(code);
    struct text text = {0};
    if (as)
        module_describe(&text, JS_VALUE_GET_PTR(code));
    text_add(&text, "\n", 1);
    size_t size;
    uint8_t *written = JS_WriteObject(context, &size, code, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE);
    if (!written)
        return settle(JS_EXCEPTION);
    text_add(&text, written, size);
    js_free(context, written);
    set_output(text.bytes, text.length);
    return STATE_FINISHED;
}

/* Run a chunk of the library (bytecode in the input): a function that gets the natives and may return hooks. */
EXPORT("boot") uint32_t export_boot(uint32_t length)
{
    char *bytes = input(length);
    JSValue code = JS_ReadObject(context, (uint8_t *)bytes, length, JS_READ_OBJ_BYTECODE);
    JSValue function = JS_IsException(code) ? code : JS_EvalFunction(context, code);
    outcome = 0;
    if (JS_IsException(function))
        return settle(function);
    JSValue returned = JS_Call(context, function, JS_UNDEFINED, 1, (JSValueConst *)&natives);
    JS_FreeValue(context, function);
    if (JS_IsException(returned))
        return settle(returned);
    hooks = returned;
    hook_start = JS_GetPropertyStr(context, hooks, "start");
    hook_resume = JS_GetPropertyStr(context, hooks, "resume");
    hook_ticks = JS_GetPropertyStr(context, hooks, "ticks");
    hook_resolve = JS_GetPropertyStr(context, hooks, "resolve");
    hook_import = JS_GetPropertyStr(context, hooks, "import");
    hook_compile = JS_GetPropertyStr(context, hooks, "build");
    hook_describe = JS_GetPropertyStr(context, hooks, "describe");
    return STATE_FINISHED;
}

/* Load a function's files and run its module scope; the input is JSON for the library. */
EXPORT("build") uint32_t export_build(uint32_t length)
{
    char *bytes = input(length);
    outcome = 0;
    JSValue options = json_read(context, bytes, length);
    if (JS_IsException(options))
        return settle(options);
    JSValue r = JS_Call(context, hook_compile, JS_UNDEFINED, 1, (JSValueConst *)&options);
    JS_FreeValue(context, options);
    return settle(r);
}

/* Tidy up before the image is taken; returns where the heap ends. */
EXPORT("freeze") uint32_t export_freeze(void)
{
    JS_FreeValue(context, result);
    JS_FreeValue(context, awaited);
    result = awaited = JS_UNDEFINED;
    outcome = 0;
    state.output = state.output_length = 0;
    JS_RunGC(runtime);
    /* Cycles are collected only once a request has made 8 MB more; short requests never pay. */
    JS_SetGCThreshold(runtime, runtime->malloc_state.malloc_size + (8u << 20));
    memset(inbox, 0, sizeof(inbox));
    heap_settle();
    building = 0;
    state.heap_end = (uint32_t)(heap_top + CHUNK_HEADER);
    return state.heap_end;
}

/* How far Math.random has come: the builder compares it around the module scope. */
EXPORT("randomness") uint64_t export_randomness(void) { return context->random_state; }

/* Answer one event: `length` bytes of JSON, at `now` milliseconds since 1970. */
EXPORT("start") uint32_t export_start(uint32_t length, uint64_t seed, double now)
{
    char *bytes = input(length);
    context->time_origin = now;
    context->random_state = seed ? seed : 1;
    outcome = 0;
    JSValue event = json_read(context, bytes, length);
    input_free(bytes);
    if (JS_IsException(event))
        return settle(event);
    JSValue r = JS_Call(context, hook_start, JS_UNDEFINED, 1, (JSValueConst *)&event);
    JS_FreeValue(context, event);
    return settle(r);
}

/* Go on: operation `number` ended (0: a timer is due) with `failed` or not; the input is its answer. */
EXPORT("resume") uint32_t export_resume(uint32_t number, uint32_t failed, uint32_t length)
{
    JSValue arguments[3] = { JS_NewUint32(context, number), JS_NewBool(context, failed), JS_UNDEFINED };
    if (number) {
        char *bytes = input(length);
        arguments[2] = JS_NewArrayBufferCopy(context, (uint8_t *)bytes, length);
        input_free(bytes);
        state.pending--;
    }
    JSValue r = JS_Call(context, hook_resume, JS_UNDEFINED, 3, (JSValueConst *)arguments);
    JS_FreeValue(context, arguments[2]);
    JS_FreeValue(context, r);
    return settle(JS_IsException(r) ? r : JS_UNDEFINED);
}
