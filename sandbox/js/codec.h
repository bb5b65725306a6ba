/* Bytes to strings and back, for Buffer, TextEncoder and their like: 20 times cheaper here than in JavaScript. */

enum { ENC_UTF8, ENC_LATIN1, ENC_ASCII, ENC_HEX, ENC_BASE64, ENC_BASE64URL, ENC_UTF16 };

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* The string behind a value that is a string, ropes flattened; *hold must be freed. */
static JSString *codec_string(JSContext *ctx, JSValueConst value, JSValue *hold)
{
    *hold = JS_ToString(ctx, value);
    if (JS_VALUE_GET_TAG(*hold) == JS_TAG_STRING_ROPE) {
        JSValue flat = js_linearize_string_rope(ctx, *hold);
        JS_FreeValue(ctx, *hold);
        *hold = flat;
    }
    return JS_IsException(*hold) ? NULL : JS_VALUE_GET_STRING(*hold);
}

static inline uint32_t codec_unit(JSString *s, uint32_t i) { return s->is_wide_char ? str16(s)[i] : str8(s)[i]; }

/* The next code point of a wide string; lone surrogates become U+FFFD (WHATWG Encoding, UTF-8 encode). */
static uint32_t codec_point(JSString *s, uint32_t *i)
{
    uint32_t c = codec_unit(s, (*i)++);
    if ((c & 0xf800) != 0xd800)
        return c;
    if (c < 0xdc00 && *i < s->len && (codec_unit(s, *i) & 0xfc00) == 0xdc00)
        return 0x10000 + ((c & 0x3ff) << 10) + (codec_unit(s, (*i)++) & 0x3ff);
    return 0xfffd;
}

static size_t codec_utf8_length(JSString *s)
{
    size_t length = s->len;
    if (!s->is_wide_char) {
        const uint8_t *p = str8(s);
        for (uint32_t i = 0; i < s->len; i++)
            length += p[i] >> 7;
        return length;
    }
    length = 0;
    for (uint32_t i = 0; i < s->len;) {
        uint32_t c = codec_point(s, &i);
        length += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    }
    return length;
}

static int base64_digit(uint32_t c)
{
    if (c >= 'A' && c <= 'Z') return (int)c - 'A';
    if (c >= 'a' && c <= 'z') return (int)c - 'a' + 26;
    if (c >= '0' && c <= '9') return (int)c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

static void *codec_bytes(JSContext *ctx, size_t length) { (void)ctx; return must(malloc(length ? length : 1)); }

static void codec_free(JSRuntime *rt, void *opaque, void *bytes) { (void)rt; (void)opaque; free(bytes); }

static void *codec_array_buffer_realloc(JSRuntime *rt, void *opaque, void *bytes, size_t size)
{
    if (size)
        return must(realloc(bytes, size));
    codec_free(rt, opaque, bytes);
    return NULL;
}

/* Own `bytes` as an ArrayBuffer. */
static JSValue codec_buffer(JSContext *ctx, void *bytes, size_t length)
{
    return JS_NewArrayBuffer(ctx, bytes, length, 0, codec_array_buffer_realloc, NULL, false);
}

/* encode(string, encoding) -> ArrayBuffer; lenient as Node's Buffer.from. */
static JSValue codec_encode(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    JSValue hold;
    int encoding = 0;
    JSString *s = codec_string(ctx, argv[0], &hold);
    if (!s)
        return JS_EXCEPTION;
    JS_ToInt32(ctx, &encoding, argv[1]);
    uint8_t *bytes, *to;
    switch (encoding) {
    case ENC_UTF8:
        to = bytes = codec_bytes(ctx, codec_utf8_length(s));
        for (uint32_t i = 0; i < s->len;)
            to = (uint8_t *)put_utf8((char *)to, codec_point(s, &i));
        break;
    case ENC_UTF16:
        to = bytes = codec_bytes(ctx, (size_t)s->len * 2);
        for (uint32_t i = 0; i < s->len; i++) {
            uint32_t c = codec_unit(s, i);
            *to++ = (uint8_t)c;
            *to++ = (uint8_t)(c >> 8);
        }
        break;
    case ENC_HEX:
        to = bytes = codec_bytes(ctx, s->len / 2);
        for (uint32_t i = 0; i + 1 < s->len; i += 2) {
            uint32_t a = codec_unit(s, i), b = codec_unit(s, i + 1);
            int high = a < 0x80 ? from_hex((int)a) : -1, low = b < 0x80 ? from_hex((int)b) : -1;
            if (high < 0 || low < 0)
                break;
            *to++ = (uint8_t)(high << 4 | low);
        }
        break;
    case ENC_BASE64:
    case ENC_BASE64URL: {
        uint32_t bits = 0;
        int have = 0;
        to = bytes = codec_bytes(ctx, (size_t)s->len / 4 * 3 + 3);
        for (uint32_t i = 0; i < s->len; i++) {
            uint32_t c = codec_unit(s, i);
            if (c == '=')
                break;
            int value = base64_digit(c);
            if (value < 0)
                continue;
            bits = bits << 6 | (uint32_t)value;
            have += 6;
            if (have >= 8) {
                have -= 8;
                *to++ = (uint8_t)(bits >> have);
            }
        }
        break;
    }
    default: /* latin1, ascii: the low byte */
        to = bytes = codec_bytes(ctx, s->len);
        for (uint32_t i = 0; i < s->len; i++)
            *to++ = (uint8_t)codec_unit(s, i);
    }
    JS_FreeValue(ctx, hold);
    return codec_buffer(ctx, bytes, (size_t)(to - bytes));
}

static JSValue codec_utf8_count(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    JSValue hold;
    JSString *s = codec_string(ctx, argv[0], &hold);
    if (!s)
        return JS_EXCEPTION;
    size_t length = codec_utf8_length(s);
    JS_FreeValue(ctx, hold);
    return JS_NewInt64(ctx, (int64_t)length);
}

/* The next code point; what is not UTF-8 gives 0xFFFD once per maximal subpart (Unicode 15, 3.9). */
static uint32_t utf8_next_checked(const uint8_t **at, const uint8_t *end, int *bad)
{
    const uint8_t *p = *at;
    uint32_t c = *p++, low = 0x80, high = 0xbf;
    int more;
    if (c < 0x80) {
        *at = p;
        return c;
    }
    if (c >= 0xc2 && c <= 0xdf) {
        more = 1;
        c &= 0x1f;
    } else if (c >= 0xe0 && c <= 0xef) {
        more = 2;
        if (c == 0xe0) low = 0xa0;
        if (c == 0xed) high = 0x9f;
        c &= 0x0f;
    } else if (c >= 0xf0 && c <= 0xf4) {
        more = 3;
        if (c == 0xf0) low = 0x90;
        if (c == 0xf4) high = 0x8f;
        c &= 0x07;
    } else {
        *at = p;
        *bad = 1;
        return 0xfffd;
    }
    while (more--) {
        if (p >= end || *p < low || *p > high) {
            *at = p;
            *bad = 1;
            return 0xfffd;
        }
        c = c << 6 | (*p++ & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    *at = p;
    return c;
}

static JSValue codec_utf8_string(JSContext *ctx, const uint8_t *from, size_t length, int *bad)
{
    const uint8_t *p = from, *end = from + length;
    while (p < end && *p < 0x80)
        p++;
    if (p == end)
        return js_new_string8_len(ctx, (const char *)from, (int)length);
    uint16_t *units = must(malloc(length * 2)), *to = units;
    for (p = from; p < end;) {
        uint32_t c = utf8_next_checked(&p, end, bad);
        if (c >= 0x10000) {
            *to++ = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
            c = 0xdc00 + (c & 0x3ff);
        }
        *to++ = (uint16_t)c;
    }
    JSValue value = JS_NewStringUTF16(ctx, units, (size_t)(to - units));
    free(units);
    return value;
}

/* decode(Uint8Array, encoding, start, end, fatal) -> string, or null when fatal and not UTF-8. */
static JSValue codec_decode(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    size_t size;
    uint8_t *bytes = JS_GetUint8Array(ctx, &size, argv[0]);
    int encoding = 0, bad = 0;
    uint32_t start = 0, end = 0;
    if (!bytes && size)
        return JS_EXCEPTION;
    if (JS_HasException(ctx))
        return JS_EXCEPTION;
    JS_ToInt32(ctx, &encoding, argv[1]);
    JS_ToUint32(ctx, &start, argv[2]);
    JS_ToUint32(ctx, &end, argv[3]);
    if (end > size) end = (uint32_t)size;
    if (start > end) start = end;
    bytes += start;
    size = end - start;
    if (size == 0)
        return js_new_string8_len(ctx, "", 0);
    if (size > (1u << 28))
        return JS_ThrowRangeError(ctx, "Cannot create a string longer than 0x1fffffe8 characters");
    static const char hex[] = "0123456789abcdef";
    static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    JSValue value;
    char *out, *to;
    switch (encoding) {
    case ENC_UTF8:
        value = codec_utf8_string(ctx, bytes, size, &bad);
        if (bad && argc > 4 && JS_ToBool(ctx, argv[4])) {
            JS_FreeValue(ctx, value);
            return JS_NULL;
        }
        return value;
    case ENC_UTF16: {
        uint16_t *units = must(malloc(size));
        memcpy(units, bytes, size & ~(size_t)1);
        value = JS_NewStringUTF16(ctx, units, size / 2);
        free(units);
        return value;
    }
    case ENC_HEX:
        to = out = must(malloc(size * 2));
        for (size_t i = 0; i < size; i++) {
            *to++ = hex[bytes[i] >> 4];
            *to++ = hex[bytes[i] & 15];
        }
        break;
    case ENC_BASE64:
    case ENC_BASE64URL: {
        const char *alphabet = encoding == ENC_BASE64 ? standard : url;
        to = out = must(malloc((size + 2) / 3 * 4));
        size_t i = 0;
        for (; i + 2 < size; i += 3) {
            uint32_t v = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
            *to++ = alphabet[v >> 18];
            *to++ = alphabet[v >> 12 & 63];
            *to++ = alphabet[v >> 6 & 63];
            *to++ = alphabet[v & 63];
        }
        if (i < size) {
            uint32_t v = (uint32_t)bytes[i] << 16 | (i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0);
            *to++ = alphabet[v >> 18];
            *to++ = alphabet[v >> 12 & 63];
            if (i + 1 < size)
                *to++ = alphabet[v >> 6 & 63];
            else if (encoding == ENC_BASE64)
                *to++ = '=';
            if (encoding == ENC_BASE64)
                *to++ = '=';
        }
        break;
    }
    case ENC_ASCII:
        to = out = must(malloc(size));
        for (size_t i = 0; i < size; i++)
            *to++ = (char)(bytes[i] & 0x7f);
        break;
    default:
        return js_new_string8_len(ctx, (const char *)bytes, (int)size);
    }
    value = js_new_string8_len(ctx, out, (int)(to - out));
    free(out);
    return value;
}

/* compare(a, b) -> -1, 0 or 1. */
static JSValue codec_compare(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    size_t na, nb;
    uint8_t *a = JS_GetUint8Array(ctx, &na, argv[0]);
    if (JS_HasException(ctx)) return JS_EXCEPTION;
    uint8_t *b = JS_GetUint8Array(ctx, &nb, argv[1]);
    if (JS_HasException(ctx)) return JS_EXCEPTION;
    size_t n = na < nb ? na : nb;
    int c = n ? memcmp(a, b, n) : 0;
    if (c == 0)
        c = na < nb ? -1 : na > nb;
    return JS_NewInt32(ctx, c < 0 ? -1 : c > 0);
}

/* index(haystack, needle, from, backwards) -> offset or -1. */
static JSValue codec_index(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv)
{
    size_t nh, nn;
    int32_t from = 0;
    uint8_t *h = JS_GetUint8Array(ctx, &nh, argv[0]);
    if (JS_HasException(ctx)) return JS_EXCEPTION;
    uint8_t *n = JS_GetUint8Array(ctx, &nn, argv[1]);
    if (JS_HasException(ctx)) return JS_EXCEPTION;
    JS_ToInt32(ctx, &from, argv[2]);
    int backwards = JS_ToBool(ctx, argv[3]);
    if (nn > nh)
        return JS_NewInt32(ctx, -1);
    int32_t last = (int32_t)(nh - nn);
    if (backwards) {
        for (int32_t i = from < last ? from : last; i >= 0; i--)
            if (nn == 0 || memcmp(h + i, n, nn) == 0)
                return JS_NewInt32(ctx, i);
        return JS_NewInt32(ctx, -1);
    }
    for (int32_t i = from < 0 ? 0 : from; i <= last; i++) {
        if (nn == 0)
            return JS_NewInt32(ctx, i);
        uint8_t *hit = memchr(h + i, n[0], (size_t)(last - i) + 1);
        if (!hit)
            break;
        i = (int32_t)(hit - h);
        if (memcmp(hit, n, nn) == 0)
            return JS_NewInt32(ctx, i);
    }
    return JS_NewInt32(ctx, -1);
}

/* JSON's reader wants replacement without the count. */
static uint32_t utf8_next(const uint8_t **at, const uint8_t *end)
{
    int bad = 0;
    return utf8_next_checked(at, end, &bad);
}
