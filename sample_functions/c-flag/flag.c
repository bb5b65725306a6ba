/* An edge function in C without a library: answers 503 while the key "maintenance" is in its key-value store.
 *
 * A host operation has a name and a payload; those of the store take fields with a NUL between them. `call` returns
 * the length of the answer, or -1 minus the length of an error's message; `take` copies either to where we want it.
 */
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))
#define HOST(name) __attribute__((import_module("edgefaas"), import_name(name)))

HOST("call") int32_t host_call(const char *name, uint32_t name_length, const char *payload, uint32_t length);
HOST("take") int32_t host_take(char *to, uint32_t length);

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

static char *put(char *out, const char *text, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        *out++ = text[i];
    }
    return out;
}

#define PUT(out, text) put(out, text, sizeof(text) - 1)

/* The request stands in the event as `"request":{…}`, its last member: it goes back as it came. */
static uint64_t unchanged(const char *event, uint32_t length) {
    static const char key[] = "\"request\"";
    for (uint32_t at = 0; at + sizeof key < length; at++) {
        if (same(event + at, key, sizeof key - 1)) {
            uint32_t start = at + sizeof key - 1, end, depth = 0, quoted = 0;
            while (event[start] != '{') {
                start++;
            }
            for (end = start; end < length; end++) {
                if (quoted) {
                    if (event[end] == '\\') {
                        end++;
                    } else if (event[end] == '"') {
                        quoted = 0;
                    }
                } else if (event[end] == '"') {
                    quoted = 1;
                } else if (event[end] == '{') {
                    depth++;
                } else if (event[end] == '}' && --depth == 0) {
                    break;
                }
            }
            return (uint64_t)(uintptr_t)(event + start) << 32 | (end + 1 - start);
        }
    }
    __builtin_trap();
}

EXPORT("handle") uint64_t handle(const char *event, uint32_t length) {
    static const char name[] = "kv.get", payload[] = "\0maintenance"; /* no store named: the function's own */
    int32_t size = host_call(name, sizeof name - 1, payload, sizeof payload - 1);
    if (size < 0) {
        char code[12] = {0}; /* such as "KeyNotFound: the key …" */
        host_take(code, sizeof code);
        if (same(code, "KeyNotFound:", sizeof code)) {
            return unchanged(event, length);
        }
        __builtin_trap(); /* the store cannot be read: the viewer gets 503 all the same */
    }
    char *result = alloc((uint32_t)size + 256), *out = result;
    out = PUT(out, "{\"status\":\"503\",\"headers\":{\"retry-after\":[{\"key\":\"Retry-After\",\"value\":\"");
    out += host_take(out, (uint32_t)size);
    out = PUT(out, "\"}]},\"body\":\"Back in two minutes.\"}");
    return (uint64_t)(uintptr_t)result << 32 | (uint32_t)(out - result);
}
