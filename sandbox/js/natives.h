/* What the library may do beyond the language: one object, handed to lib/main.js and to nobody else. */

/* log(level, string) */
static JSValue native_log(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    uint32_t level = 1;
    size_t length;
    JS_ToUint32(ctx, &level, argv[0]);
    const char *text = JS_ToCStringLen(ctx, &length, argv[1]);
    if (!text)
        return JS_EXCEPTION;
    host_log(level, text, (uint32_t)length);
    JS_FreeCString(ctx, text);
    return JS_UNDEFINED;
}

/* call(name, string or Uint8Array) -> ArrayBuffer, or the number of an operation under way. */
static JSValue native_call(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    size_t name_length, length = 0;
    const char *name = JS_ToCStringLen(ctx, &name_length, argv[0]), *text = NULL;
    const void *payload;
    if (!name)
        return JS_EXCEPTION;
    if (JS_IsObject(argv[1])) {
        payload = JS_GetUint8Array(ctx, &length, argv[1]);
        if (JS_HasException(ctx)) {
            JS_FreeCString(ctx, name);
            return JS_EXCEPTION;
        }
    } else {
        payload = text = JS_ToCStringLen(ctx, &length, argv[1]);
        if (!text) {
            JS_FreeCString(ctx, name);
            return JS_EXCEPTION;
        }
    }
    uint64_t answer = host_call(name, (uint32_t)name_length, payload, (uint32_t)length);
    if (answer >> 32 == CALL_LONG)
        answer = host_wait();
    JS_FreeCString(ctx, name);
    if (text)
        JS_FreeCString(ctx, text);
    uint32_t kind = (uint32_t)(answer >> 32), value = (uint32_t)answer;
    if (kind == CALL_PENDING) {
        state.pending++;
        return JS_NewUint32(ctx, value);
    }
    char *bytes = codec_bytes(ctx, (size_t)value + 1);
    take_all(bytes);
    if (kind == CALL_FAILED) {
        JSValue message = JS_NewStringLen(ctx, bytes, value);
        free(bytes);
        JSValue error = JS_NewError(ctx);
        JS_DefinePropertyValue(ctx, error, JS_ATOM_message, message, JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE);
        return JS_Throw(ctx, error);
    }
    return codec_buffer(ctx, bytes, value);
}

/* forget(number): nobody waits for this operation any more. */
static JSValue native_forget(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    size_t length;
    const char *number = JS_ToCStringLen(ctx, &length, argv[0]);
    if (!number)
        return JS_EXCEPTION;
    host_call("cancel", 6, number, (uint32_t)length);
    JS_FreeCString(ctx, number);
    if (state.pending)
        state.pending--;
    return JS_UNDEFINED;
}

#define RANDOM_BYTES_MAX 65536u /* imports.py: more would hold the host's loop, between pieces it may go on */

/* random(Uint8Array) */
static JSValue native_random(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    size_t length;
    uint8_t *bytes = JS_GetUint8Array(ctx, &length, argv[0]);
    if (JS_HasException(ctx))
        return JS_EXCEPTION;
    for (size_t part; length; bytes += part, length -= part) {
        part = length < RANDOM_BYTES_MAX ? length : RANDOM_BYTES_MAX;
        host_random(bytes, (uint32_t)part);
    }
    return JS_UNDEFINED;
}

/* finish(value): the answer of this request. */
static JSValue native_finish(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    if (!outcome) {
        JS_FreeValue(ctx, result);
        result = JS_DupValue(ctx, argv[0]);
        outcome = STATE_FINISHED;
    }
    return JS_UNDEFINED;
}

/* hold(value): the answer, once no host operation is under way. */
static JSValue native_hold(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    if (!has_held) {
        held = JS_DupValue(ctx, argv[0]);
        has_held = 1;
    }
    return JS_UNDEFINED;
}

/* fail(error): the request ends with an error. */
static JSValue native_fail(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    if (!outcome) {
        JS_FreeValue(ctx, result);
        result = JS_DupValue(ctx, argv[0]);
        outcome = STATE_THREW;
    }
    return JS_UNDEFINED;
}

/* timer(when, holds): milliseconds since 1970 of the next timer, -1 for none; does it keep the request going? */
static JSValue native_timer(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    timers_hold = JS_ToBool(ctx, argv[1]);
    return JS_ToFloat64(ctx, &state.next_timer, argv[0]) ? JS_EXCEPTION : JS_UNDEFINED;
}

/* ticks(): call the ticks hook before the next microtask round. */
static JSValue native_ticks(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    ticks_wanted = 1;
    return JS_UNDEFINED;
}

/* load(name): run bytecode that the host has under this name; a script gives its value. */
static JSValue native_load(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    size_t length;
    const char *name = JS_ToCStringLen(ctx, &length, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    JSValue code = read_code(ctx, name, length);
    JS_FreeCString(ctx, name);
    return JS_IsException(code) ? code : JS_EvalFunction(ctx, code);
}

/* module(name): a promise for the namespace of a module already resolved to this name. */
static JSValue native_module(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    JSValue promise = JS_LoadModule(ctx, "", name);
    JS_FreeCString(ctx, name);
    return promise;
}

/* evaluate(name) -> [state, namespace or error] of a module already resolved; 0: it awaits at its top level. */
static JSValue native_evaluate(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    JSAtom atom = JS_NewAtom(ctx, name);
    JSModuleDef *m = js_find_loaded_module(ctx, atom, JS_UNDEFINED);
    if (!m)
        m = module_load(ctx, name, NULL);
    JS_FreeAtom(ctx, atom);
    JS_FreeCString(ctx, name);
    if (!m)
        return JS_EXCEPTION;
    JSValue module = JS_NewModuleValue(ctx, m);
    if (JS_ResolveModule(ctx, module) < 0) {
        JS_FreeValue(ctx, module);
        return JS_EXCEPTION;
    }
    JSValue promise = JS_EvalFunction(ctx, module);
    if (JS_IsException(promise))
        return promise;
    int state = JS_PromiseState(ctx, promise);
    JSValue value = state == JS_PROMISE_FULFILLED ? JS_GetModuleNamespace(ctx, m) : JS_PromiseResult(ctx, promise);
    JS_PromiseMarkAsHandled(ctx, promise);
    JS_FreeValue(ctx, promise);
    JSValue pair = JS_NewArray(ctx);
    JS_SetPropertyUint32(ctx, pair, 0, JS_NewInt32(ctx, state));
    JS_SetPropertyUint32(ctx, pair, 1, value);
    return pair;
}

/* promise(p) -> [state, result]; state 0 pending, 1 fulfilled, 2 rejected, -1 not a promise. */
static JSValue native_promise(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    JSValue pair = JS_NewArray(ctx);
    JS_SetPropertyUint32(ctx, pair, 0, JS_NewInt32(ctx, JS_PromiseState(ctx, argv[0])));
    JS_SetPropertyUint32(ctx, pair, 1, JS_PromiseResult(ctx, argv[0]));
    return pair;
}

/* kind(object) -> the engine's class name ("Map", "Proxy", "Generator" …): no getter of the guest runs. */
static JSValue native_kind(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    if (!JS_IsObject(argv[0]))
        return JS_UNDEFINED;
    if (JS_IsProxy(argv[0]))
        return JS_NewString(ctx, "Proxy");
    return JS_AtomToString(ctx, JS_GetClassName(runtime, JS_GetClassID(argv[0])));
}

/* target(proxy) */
static JSValue native_target(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    return JS_GetProxyTarget(ctx, argv[0]);
}

static void natives_init(void)
{
    static const struct { const char *name; JSCFunction *function; int length; } table[] = {
        { "log", native_log, 2 },           { "call", native_call, 2 },       { "forget", native_forget, 1 },   { "random", native_random, 1 },
        { "finish", native_finish, 1 },     { "hold", native_hold, 1 },       { "fail", native_fail, 1 },       { "timer", native_timer, 2 },
        { "ticks", native_ticks, 0 },       { "load", native_load, 1 },       { "module", native_module, 1 },     { "evaluate", native_evaluate, 1 },
        { "promise", native_promise, 1 },   { "kind", native_kind, 1 },       { "target", native_target, 1 },
        { "encode", codec_encode, 2 },      { "decode", codec_decode, 5 },    { "length", codec_utf8_count, 1 },
        { "compare", codec_compare, 2 },    { "index", codec_index, 4 },
    };
    natives = JS_NewObject(context);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        JS_DefinePropertyValueStr(context, natives, table[i].name,
                                  JS_NewCFunction(context, table[i].function, table[i].name, table[i].length),
                                  JS_PROP_C_W_E);
}
