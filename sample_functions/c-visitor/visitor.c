/* An edge function in C without a library: answers with the viewer's address as JSON.
 *
 * The guest's contract (kind "event"): `alloc` gives room for the event, `handle` gets it as UTF-8 JSON and returns
 * pointer << 32 | length of the result. Every request runs in a fresh instance, so nothing is ever freed.
 */
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

extern uint8_t __heap_base; /* the linker's: where data and stack end */
static uint8_t *heap = &__heap_base;

EXPORT("alloc") void *alloc(uint32_t length) {
    uint8_t *start = heap;
    heap += (length + 15u) & ~15u;
    size_t pages = ((size_t)heap + 65535u) / 65536u;
    if (pages > __builtin_wasm_memory_size(0)) {
        __builtin_wasm_memory_grow(0, pages - __builtin_wasm_memory_size(0));
    }
    return start;
}

static int same(const char *at, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (at[i] != text[i]) {
            return 0;
        }
    }
    return 1;
}

/* Finds `"clientIp": "` with any white space and returns what follows up to the quote. An address holds no escapes. */
static const char *client_ip(const char *event, uint32_t length, uint32_t *found) {
    static const char key[] = "\"clientIp\"";
    const uint32_t size = sizeof key - 1;
    for (uint32_t at = 0; at + size < length; at++) {
        if (same(event + at, key, size)) {
            uint32_t start = at + size;
            while (start < length && event[start] != '"') {
                start++;
            }
            uint32_t end = ++start;
            while (end < length && event[end] != '"') {
                end++;
            }
            *found = end - start;
            return event + start;
        }
    }
    *found = 0;
    return event;
}

static char *put(char *out, const char *text, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        *out++ = text[i];
    }
    return out;
}

#define PUT(out, text) put(out, text, sizeof(text) - 1)

EXPORT("handle") uint64_t handle(const char *event, uint32_t length) {
    uint32_t size;
    const char *address = client_ip(event, length, &size);
    char *result = alloc(size + 256), *out = result;
    out = PUT(out, "{\"status\":\"200\",\"headers\":{"
                   "\"content-type\":[{\"key\":\"Content-Type\",\"value\":\"application/json\"}]},"
                   "\"body\":\"{\\\"address\\\":\\\"");
    out = put(out, address, size);
    out = PUT(out, "\\\"}\"}");
    return (uint64_t)(uintptr_t)result << 32 | (uint32_t)(out - result);
}
