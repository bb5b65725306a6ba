/* JSON between events and objects, without the general machinery: about half of what a short
 * request costs (docs/adr/0020). Objects that are not plain take the engine's own path. */

struct text {
    char *bytes;
    size_t length, room;
    int strict; /* all or nothing: what is not plain ends it, before any code of the guest has run */
    int ended;
};

static void text_room(struct text *t, size_t more)
{
    if (t->room - t->length >= more)
        return;
    size_t room = t->room ? t->room * 2 : 4096;
    while (room - t->length < more)
        room *= 2;
    t->bytes = must(realloc(t->bytes, room));
    t->room = room;
}

static void text_add(struct text *t, const void *bytes, size_t length)
{
    text_room(t, length);
    memcpy(t->bytes + t->length, bytes, length);
    t->length += length;
}

static inline void text_char(struct text *t, char c)
{
    text_room(t, 1);
    t->bytes[t->length++] = c;
}

/* Bytes that JSON strings cannot hold as they are, or that are not ASCII. */
static inline int is_special(uint8_t c) { return c < 0x20 || c == '"' || c == '\\' || c >= 0x80; }

/* Where the first of them is, or `end`: eight bytes at a time. A byte of `x` below n (at most 128) shows as its highest
 * bit in (x - n) & ~x, if it had not that bit itself; a byte that is c, as one of x ^ c below 1. */
static const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end)
{
    const uint64_t each = 0x0101010101010101u, highest = each << 7;
    for (; end - p >= 8; p += 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        uint64_t quote = x ^ each * '"', backslash = x ^ each * '\\';
        uint64_t found = ((x - each * 0x20) & ~x) | ((quote - each) & ~quote) | ((backslash - each) & ~backslash) | x;
        if (found & highest)
            break;
    }
    while (p < end && !is_special(*p))
        p++;
    return p;
}

static void json_write_escape(struct text *t, uint32_t c)
{
    static const char hex[] = "0123456789abcdef";
    text_room(t, 6);
    char *to = t->bytes + t->length;
    *to++ = '\\';
    switch (c) {
    case '"': *to++ = '"'; break;
    case '\\': *to++ = '\\'; break;
    case '\b': *to++ = 'b'; break;
    case '\f': *to++ = 'f'; break;
    case '\n': *to++ = 'n'; break;
    case '\r': *to++ = 'r'; break;
    case '\t': *to++ = 't'; break;
    default:
        *to++ = 'u';
        *to++ = hex[c >> 12 & 15];
        *to++ = hex[c >> 8 & 15];
        *to++ = hex[c >> 4 & 15];
        *to++ = hex[c & 15];
    }
    t->length = (size_t)(to - t->bytes);
}

static void json_write_string(struct text *t, JSString *s)
{
    uint32_t length = s->len;
    text_char(t, '"');
    if (!s->is_wide_char) {
        const uint8_t *from = str8(s), *end = from + length;
        while (from < end) {
            const uint8_t *run = from;
            from = skip_plain(from, end);
            text_add(t, run, (size_t)(from - run));
            if (from == end)
                break;
            if (*from >= 0x80) {
                text_room(t, 2);
                t->length = (size_t)(put_utf8(t->bytes + t->length, *from) - t->bytes);
            } else {
                json_write_escape(t, *from);
            }
            from++;
        }
    } else {
        const uint16_t *from = str16(s);
        for (uint32_t i = 0; i < length; i++) {
            uint32_t c = from[i];
            if (c < 0x80 && is_special((uint8_t)c)) {
                json_write_escape(t, c);
                continue;
            }
            if (c >= 0xd800 && c < 0xe000) {
                if (c < 0xdc00 && i + 1 < length && (from[i + 1] & 0xfc00) == 0xdc00) {
                    c = 0x10000 + ((c & 0x3ff) << 10) + (from[++i] & 0x3ff);
                } else { /* well-formed JSON.stringify: lone surrogates are escaped */
                    json_write_escape(t, c);
                    continue;
                }
            }
            text_room(t, 4);
            t->length = (size_t)(put_utf8(t->bytes + t->length, c) - t->bytes);
        }
    }
    text_char(t, '"');
}

/* Append what JSON.stringify(value) says; undefined gives nothing. False: an exception is pending. */
static int json_write_slow(JSContext *ctx, struct text *t, JSValueConst value, int *wrote)
{
    if (t->strict) {
        t->ended = 1;
        return 0;
    }
    JSValue s = JS_JSONStringify(ctx, value, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(s))
        return 0;
    *wrote = !JS_IsUndefined(s);
    if (*wrote) {
        size_t length;
        const char *bytes = JS_ToCStringLen(ctx, &length, s);
        if (!bytes) {
            JS_FreeValue(ctx, s);
            return 0;
        }
        text_add(t, bytes, length);
        JS_FreeCString(ctx, bytes);
    }
    JS_FreeValue(ctx, s);
    return 1;
}

/* Deeper than this the engine's own JSON.stringify decides: it finds cycles and stack overflows. */
#define JSON_DEPTH 64

static int json_write_value(JSContext *ctx, struct text *t, JSValueConst value, int depth, int *wrote);

/* Whether a fast array has no holes at its end, as `new Array(3)` has. */
static int is_full_array(const JSObject *p)
{
    JSValueConst length = p->prop[0].u.value;
    return JS_VALUE_GET_TAG(length) == JS_TAG_INT && (uint32_t)JS_VALUE_GET_INT(length) == p->u.array.count;
}

static int json_write_object(JSContext *ctx, struct text *t, JSValueConst value, int depth, int *wrote)
{
    JSObject *p = JS_VALUE_GET_OBJ(value);
    if (depth > JSON_DEPTH || p->is_exotic && p->class_id != JS_CLASS_ARRAY)
        return json_write_slow(ctx, t, value, wrote);
    if (p->class_id == JS_CLASS_ARRAY ? !p->fast_array || !is_full_array(p) : p->class_id != JS_CLASS_OBJECT)
        return json_write_slow(ctx, t, value, wrote);
    JSValue method = JS_GetProperty(ctx, value, JS_ATOM_toJSON);
    if (JS_IsException(method))
        return 0;
    if (!JS_IsUndefined(method)) {
        JS_FreeValue(ctx, method);
        return json_write_slow(ctx, t, value, wrote);
    }
    size_t begin = t->length;
    int first = 1, inner;
    if (p->class_id == JS_CLASS_ARRAY) {
        text_char(t, '[');
        /* The count is read anew each time: a toJSON inside may have changed the array. */
        for (uint32_t i = 0; i < p->u.array.count; i++) {
            if (!first)
                text_char(t, ',');
            first = 0;
            JSValue item = JS_DupValue(ctx, p->u.array.u.values[i]);
            int good = json_write_value(ctx, t, item, depth + 1, &inner);
            JS_FreeValue(ctx, item);
            if (!good)
                return 0;
            if (!inner)
                text_add(t, "null", 4);
            if (!p->fast_array)
                goto again;
        }
        text_char(t, ']');
        *wrote = 1;
        return 1;
    }
    text_char(t, '{');
    for (int i = 0; i < p->shape->prop_count; i++) {
        JSShapeProperty *prop = get_shape_prop(p->shape) + i;
        JSAtom atom = prop->atom;
        if (atom == JS_ATOM_NULL || !(prop->flags & JS_PROP_ENUMERABLE))
            continue;
        if (__JS_AtomIsTaggedInt(atom) || (prop->flags & JS_PROP_TMASK) != JS_PROP_NORMAL)
            goto again; /* index order, getters */
        JSString *name = ctx->rt->atom_array[atom];
        if (name->atom_type != JS_ATOM_TYPE_STRING)
            continue; /* a symbol */
        if (name->len && !name->is_wide_char && str8(name)[0] <= '9' && str8(name)[0] >= '0')
            goto again; /* may be an index above 2^31 */
        size_t before = t->length;
        JSValue item = JS_DupValue(ctx, p->prop[i].u.value);
        JS_DupAtom(ctx, atom);
        if (!first)
            text_char(t, ',');
        json_write_string(t, name);
        text_char(t, ':');
        int good = json_write_value(ctx, t, item, depth + 1, &inner);
        JS_FreeValue(ctx, item);
        JS_FreeAtom(ctx, atom);
        if (!good)
            return 0;
        if (inner)
            first = 0;
        else
            t->length = before;
    }
    text_char(t, '}');
    *wrote = 1;
    return 1;
again:
    t->length = begin;
    return json_write_slow(ctx, t, value, wrote);
}

static int json_write_value(JSContext *ctx, struct text *t, JSValueConst value, int depth, int *wrote)
{
    *wrote = 1;
    switch (JS_VALUE_GET_NORM_TAG(value)) {
    case JS_TAG_STRING:
        json_write_string(t, JS_VALUE_GET_STRING(value));
        return 1;
    case JS_TAG_INT: {
        char digits[16];
        text_add(t, digits, i32toa(digits, JS_VALUE_GET_INT(value)));
        return 1;
    }
    case JS_TAG_BOOL:
        if (JS_VALUE_GET_BOOL(value))
            text_add(t, "true", 4);
        else
            text_add(t, "false", 5);
        return 1;
    case JS_TAG_NULL:
        text_add(t, "null", 4);
        return 1;
    case JS_TAG_FLOAT64: {
        if (!isfinite(JS_VALUE_GET_FLOAT64(value))) {
            text_add(t, "null", 4);
            return 1;
        }
        size_t length;
        const char *digits = must((void *)JS_ToCStringLen(ctx, &length, value));
        text_add(t, digits, length);
        JS_FreeCString(ctx, digits);
        return 1;
    }
    case JS_TAG_UNDEFINED:
    case JS_TAG_SYMBOL:
        *wrote = 0;
        return 1;
    case JS_TAG_OBJECT:
        if (JS_IsFunction(ctx, value)) {
            *wrote = 0;
            return 1;
        }
        return json_write_object(ctx, t, value, depth, wrote);
    default:
        return json_write_slow(ctx, t, value, wrote);
    }
}

/* Write `value` as JSON, undefined as null. False: an exception is pending. */
static int json_write(JSContext *ctx, struct text *t, JSValueConst value)
{
    int wrote;
    if (!json_write_value(ctx, t, value, 0, &wrote))
        return 0;
    if (!wrote)
        text_add(t, "null", 4);
    return 1;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct reader { JSContext *ctx; const uint8_t *at, *end; int depth; };

static inline void json_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static int json_hex4(struct reader *r)
{
    int value = 0;
    if (r->end - r->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = from_hex(*r->at++);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* A string with escapes: into UTF-16. The opening quote is behind us. */
static JSValue json_read_escaped(struct reader *r)
{
    size_t room = 0;
    for (const uint8_t *p = r->at; p < r->end && *p != '"'; p++, room++)
        if (*p == '\\')
            p++;
    uint16_t *units = must(malloc((room + 1) * 2)), *to = units;
    while (r->at < r->end && *r->at != '"') {
        uint32_t c = *r->at;
        if (c == '\\') {
            if (++r->at >= r->end)
                goto bad;
            c = *r->at++;
            switch (c) {
            case 'b': c = '\b'; break;
            case 'f': c = '\f'; break;
            case 'n': c = '\n'; break;
            case 'r': c = '\r'; break;
            case 't': c = '\t'; break;
            case 'u': {
                int unit = json_hex4(r);
                if (unit < 0)
                    goto bad;
                c = (uint32_t)unit;
                break;
            }
            case '"': case '\\': case '/': break;
            default: goto bad;
            }
            *to++ = (uint16_t)c;
        } else if (c < 0x20) {
            goto bad;
        } else if (c < 0x80) {
            *to++ = (uint16_t)c;
            r->at++;
        } else {
            c = utf8_next(&r->at, r->end);
            if (c >= 0x10000) {
                *to++ = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
                c = 0xdc00 + (c & 0x3ff);
            }
            *to++ = (uint16_t)c;
        }
    }
    if (r->at >= r->end)
        goto bad;
    r->at++;
    JSValue value = JS_NewStringUTF16(r->ctx, units, (size_t)(to - units));
    free(units);
    return value;
bad:
    free(units);
    return JS_EXCEPTION;
}

static JSValue json_read_string(struct reader *r)
{
    const uint8_t *from = ++r->at, *p = skip_plain(from, r->end);
    if (p < r->end && *p == '"') {
        r->at = p + 1;
        return js_new_string8_len(r->ctx, (const char *)from, (int)(p - from));
    }
    return json_read_escaped(r);
}

static JSAtom json_read_key(struct reader *r)
{
    const uint8_t *from = r->at + 1, *p = from;
    while (p < r->end && !is_special(*p))
        p++;
    if (p < r->end && *p == '"') {
        r->at = p + 1;
        return JS_NewAtomLen(r->ctx, (const char *)from, (size_t)(p - from));
    }
    JSValue name = json_read_string(r);
    if (JS_IsException(name))
        return JS_ATOM_NULL;
    JSAtom atom = JS_ValueToAtom(r->ctx, name);
    JS_FreeValue(r->ctx, name);
    return atom;
}

static JSValue json_read_value(struct reader *r);

static JSValue json_read_object(struct reader *r)
{
    JSValue object = JS_NewObject(r->ctx);
    r->at++;
    json_space(r);
    if (r->at < r->end && *r->at == '}') {
        r->at++;
        return object;
    }
    for (;;) {
        json_space(r);
        if (r->at >= r->end || *r->at != '"')
            break;
        JSAtom name = json_read_key(r);
        if (name == JS_ATOM_NULL)
            break;
        json_space(r);
        if (r->at >= r->end || *r->at != ':') {
            JS_FreeAtom(r->ctx, name);
            break;
        }
        r->at++;
        JSValue value = json_read_value(r);
        if (JS_IsException(value)) {
            JS_FreeAtom(r->ctx, name);
            break;
        }
        JSProperty *slot;
        JSObject *p = JS_VALUE_GET_OBJ(object);
        if (find_own_property(&slot, p, name)) {
            set_value(r->ctx, &slot->u.value, value); /* the last of equal names wins */
        } else {
            slot = must(add_property(r->ctx, p, name, JS_PROP_C_W_E));
            slot->u.value = value;
        }
        JS_FreeAtom(r->ctx, name);
        json_space(r);
        if (r->at < r->end && *r->at == ',') {
            r->at++;
            continue;
        }
        if (r->at < r->end && *r->at == '}') {
            r->at++;
            return object;
        }
        break;
    }
    JS_FreeValue(r->ctx, object);
    return JS_EXCEPTION;
}

static JSValue json_read_array(struct reader *r)
{
    JSValue few[8], *items = few, array;
    int count = 0, room = 8;
    r->at++;
    json_space(r);
    if (r->at < r->end && *r->at == ']') {
        r->at++;
        return JS_NewArray(r->ctx);
    }
    for (;;) {
        JSValue value = json_read_value(r);
        if (JS_IsException(value))
            break;
        if (count == room) {
            room *= 2;
            JSValue *more = must(malloc(sizeof(JSValue) * (size_t)room));
            memcpy(more, items, sizeof(JSValue) * (size_t)count);
            if (items != few)
                free(items);
            items = more;
        }
        items[count++] = value;
        json_space(r);
        if (r->at < r->end && *r->at == ',') {
            r->at++;
            continue;
        }
        if (r->at < r->end && *r->at == ']') {
            r->at++;
            array = JS_NewArrayFrom(r->ctx, count, items);
            if (items != few)
                free(items);
            return array;
        }
        break;
    }
    while (count)
        JS_FreeValue(r->ctx, items[--count]);
    if (items != few)
        free(items);
    return JS_EXCEPTION;
}

static JSValue json_read_number(struct reader *r)
{
    const uint8_t *from = r->at, *p = from;
    int64_t whole = 0;
    int negative = p < r->end && *p == '-', digits = 0;
    if (negative)
        p++;
    const uint8_t *first = p;
    while (p < r->end && is_digit(*p) && digits < 10) {
        whole = whole * 10 + (*p++ - '0');
        digits++;
    }
    if (!digits || *first == '0' && digits > 1)
        return JS_EXCEPTION;
    int simple = p == r->end || !(is_digit(*p) || *p == '.' || *p == 'e' || *p == 'E');
    if (simple && !(negative && whole == 0)) {
        r->at = p;
        return JS_NewInt64(r->ctx, negative ? -whole : whole);
    }
    return JS_EXCEPTION; /* fractions and large numbers: json_read falls back */
}

static int json_word(struct reader *r, const char *word, size_t length)
{
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length))
        return 0;
    r->at += length;
    return 1;
}

static JSValue json_read_value(struct reader *r)
{
    JSValue value = JS_EXCEPTION;
    json_space(r);
    if (r->at >= r->end || r->depth > JSON_DEPTH)
        return value;
    r->depth++;
    switch (*r->at) {
    case '{': value = json_read_object(r); break;
    case '[': value = json_read_array(r); break;
    case '"': value = json_read_string(r); break;
    case 't': if (json_word(r, "true", 4)) value = JS_TRUE; break;
    case 'f': if (json_word(r, "false", 5)) value = JS_FALSE; break;
    case 'n': if (json_word(r, "null", 4)) value = JS_NULL; break;
    default: value = json_read_number(r);
    }
    r->depth--;
    return value;
}

/* ---- JSON of the language ------------------------------------------------------------------- */

/* JSON.stringify(value) of plain objects and arrays by the writer above, everything else by the engine. */
static JSValue json_stringify(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    if (argc && JS_IsObject(argv[0]) && (argc < 2 || JS_IsUndefined(argv[1]) || JS_IsNull(argv[1])) &&
        (argc < 3 || JS_IsUndefined(argv[2]))) {
        struct text text = { .strict = 1 };
        int wrote, good = json_write_value(ctx, &text, argv[0], 0, &wrote);
        JSValue made = JS_UNDEFINED;
        if (good && wrote)
            made = JS_NewStringLen(ctx, text.bytes, text.length);
        free(text.bytes);
        if (!good && !text.ended)
            return JS_EXCEPTION; /* a getter of toJSON threw */
        if (good && wrote)
            return made;
    }
    JSValueConst all[3] = { JS_UNDEFINED, JS_UNDEFINED, JS_UNDEFINED };
    for (int i = 0; i < argc && i < 3; i++)
        all[i] = argv[i];
    return js_json_stringify(ctx, this_value, 3, all);
}

/* Read one text with the quick reader. False, and nothing is thrown, for what it does not take (fractions, depth, errors):
   that is for the engine's. */
static bool json_read_whole(JSContext *ctx, const uint8_t *bytes, size_t length, JSValue *value)
{
    struct reader r = { ctx, bytes, bytes + length, 0 };
    *value = json_read_value(&r);
    json_space(&r);
    if (!JS_IsException(*value) && r.at == r.end)
        return true;
    JS_FreeValue(ctx, *value);
    if (JS_HasException(ctx))
        JS_FreeValue(ctx, JS_GetException(ctx));
    return false;
}

/* JSON.parse(text) of ASCII by the reader below, everything else, also what is wrong, by the engine. */
static JSValue json_parse(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    if (argc && JS_VALUE_GET_TAG(argv[0]) == JS_TAG_STRING && (argc < 2 || JS_IsUndefined(argv[1]))) {
        JSString *s = JS_VALUE_GET_STRING(argv[0]);
        uint8_t high = 0;
        if (!s->is_wide_char)
            for (uint32_t i = 0; i < s->len; i++)
                high |= str8(s)[i];
        JSValue value;
        if (!s->is_wide_char && high < 0x80 && json_read_whole(ctx, str8(s), s->len, &value))
            return value;
    }
    JSValueConst all[2] = { JS_UNDEFINED, JS_UNDEFINED };
    for (int i = 0; i < argc && i < 2; i++)
        all[i] = argv[i];
    return js_json_parse(ctx, this_value, 2, all);
}

static void json_init(JSContext *ctx)
{
    JSValue global = JS_GetGlobalObject(ctx), json = JS_GetPropertyStr(ctx, global, "JSON");
    JS_DefinePropertyValueStr(ctx, json, "stringify", JS_NewCFunction(ctx, json_stringify, "stringify", 3),
                              JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE);
    JS_DefinePropertyValueStr(ctx, json, "parse", JS_NewCFunction(ctx, json_parse, "parse", 2),
                              JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE);
    JS_FreeValue(ctx, json);
    JS_FreeValue(ctx, global);
}

/* Read one JSON text. */
static JSValue json_read(JSContext *ctx, const char *bytes, size_t length)
{
    JSValue value;
    if (json_read_whole(ctx, (const uint8_t *)bytes, length, &value))
        return value;
    return JS_ParseJSON(ctx, bytes, length, "<event>");
}
