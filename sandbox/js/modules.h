/* ES modules: names are resolved and built-ins supplied by the library (lib/modules.js); bytecode by the host. */

static JSValue natives;

/* Ask the host for bytecode (operation "code") and read it; the value is a function or a module. */
static JSValue read_code(JSContext *ctx, const char *name, size_t name_length)
{
    uint64_t answer = host_call("code", 4, name, (uint32_t)name_length);
    if (answer >> 32 == CALL_LONG)
        answer = host_wait();
    uint32_t kind = (uint32_t)(answer >> 32), length = (uint32_t)answer;
    if (kind == CALL_PENDING)
        return JS_ThrowInternalError(ctx, "code must not wait");
    char *bytes;
    if (building) {
        need_memory((uintptr_t)SCRATCH_BASE + length + 1);
        bytes = (char *)SCRATCH_BASE;
    } else {
        bytes = must(malloc((size_t)length + 1));
    }
    take_all(bytes);
    bytes[length] = 0;
    JSValue code = kind == CALL_FAILED ? JS_ThrowPlainError(ctx, "%s", bytes)
                                       : JS_ReadObject(ctx, (uint8_t *)bytes, length, JS_READ_OBJ_BYTECODE);
    if (!building)
        free(bytes);
    return code;
}

static char *module_normalize(JSContext *ctx, const char *base, const char *name, void *opaque)
{
    if (compiling) /* names stay as written */
        return js_strdup(ctx, name);
    JSValue arguments[2] = { JS_NewString(ctx, base), JS_NewString(ctx, name) };
    JSValue resolved = JS_Call(ctx, hook_resolve, JS_UNDEFINED, 2, (JSValueConst *)arguments);
    JS_FreeValue(ctx, arguments[0]);
    JS_FreeValue(ctx, arguments[1]);
    if (JS_IsException(resolved))
        return NULL;
    const char *text = JS_ToCString(ctx, resolved);
    char *copy = text ? js_strdup(ctx, text) : NULL;
    JS_FreeCString(ctx, text);
    JS_FreeValue(ctx, resolved);
    return copy;
}

static int module_nothing(JSContext *ctx, JSModuleDef *m) { return 0; }

static int module_fill(JSContext *ctx, JSModuleDef *m)
{
    JSValue value = JS_GetModulePrivateValue(ctx, m);
    for (int i = 0; i < m->export_entries_count; i++) {
        JSAtom name = m->export_entries[i].export_name;
        const char *text = JS_AtomToCString(ctx, name);
        JSValue item = JS_GetProperty(ctx, value, name);
        if (!text || JS_IsException(item) || JS_SetModuleExport(ctx, m, text, item))
            return -1;
        JS_FreeCString(ctx, text);
    }
    JS_FreeValue(ctx, value);
    return 0;
}

/* A module over an object: each of its own names is an export. */
static JSModuleDef *module_of_object(JSContext *ctx, const char *name, JSValue value)
{
    JSPropertyEnum *names;
    uint32_t count;
    JSModuleDef *m = JS_NewCModule(ctx, name, module_fill);
    if (!m || JS_GetOwnPropertyNames(ctx, &names, &count, value, JS_GPN_STRING_MASK)) {
        JS_FreeValue(ctx, value);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *text = JS_AtomToCString(ctx, names[i].atom);
        if (text)
            JS_AddModuleExport(ctx, m, text);
        JS_FreeCString(ctx, text);
    }
    JS_FreePropertyEnum(ctx, names, count);
    JS_SetModulePrivateValue(ctx, m, value);
    return m;
}

static JSModuleDef *module_load(JSContext *ctx, const char *name, void *opaque)
{
    if (compiling)
        return JS_NewCModule(ctx, name, module_nothing);
    JSValue argument = JS_NewString(ctx, name);
    JSValue value = JS_Call(ctx, hook_import, JS_UNDEFINED, 1, (JSValueConst *)&argument);
    JS_FreeValue(ctx, argument);
    if (JS_IsException(value))
        return NULL;
    if (!JS_IsUndefined(value))
        return module_of_object(ctx, name, value);
    JSValue code = read_code(ctx, name, strlen(name));
    if (JS_IsException(code))
        return NULL;
    if (JS_VALUE_GET_TAG(code) != JS_TAG_MODULE) {
        JS_FreeValue(ctx, code);
        JS_ThrowTypeError(ctx, "%s is not a module", name);
        return NULL;
    }
    JSModuleDef *m = JS_VALUE_GET_PTR(code);
    JSValue meta = JS_GetImportMeta(ctx, m);
    char url[1024];
    snprintf(url, sizeof(url), "file://%s", name);
    JS_DefinePropertyValueStr(ctx, meta, "url", JS_NewString(ctx, url), JS_PROP_C_W_E);
    JS_DefinePropertyValueStr(ctx, meta, "filename", JS_NewString(ctx, name), JS_PROP_C_W_E);
    const char *slash = strrchr(name, '/');
    JS_DefinePropertyValueStr(ctx, meta, "dirname", JS_NewStringLen(ctx, name, slash ? (size_t)(slash - name) : 0),
                              JS_PROP_C_W_E);
    JS_FreeValue(ctx, meta);
    return m;
}

/* {"imports": […], "exports": […]} of a module just compiled. */
static void module_describe(struct text *text, JSModuleDef *m)
{
    text_add(text, "{\"imports\":[", 12);
    for (int i = 0; i < m->req_module_entries_count; i++) {
        if (i) text_char(text, ',');
        json_write_string(text, context->rt->atom_array[m->req_module_entries[i].module_name]);
    }
    text_add(text, "],\"exports\":[", 13);
    for (int i = 0; i < m->export_entries_count; i++) {
        if (i) text_char(text, ',');
        json_write_string(text, context->rt->atom_array[m->export_entries[i].export_name]);
    }
    text_add(text, "]}", 2);
}
