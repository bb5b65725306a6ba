/* An edge function in C, without a library.
 *
 * `alloc` gives room for the event, which comes as UTF-8 JSON; `handle` returns pointer << 32 | length of the result.
 * Every request runs in a fresh instance, so nothing is ever freed.
 */
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

extern uint8_t __heap_base; /* the linker's: where data and stack end */
static uint8_t *heap = &__heap_base;

EXPORT("alloc") void *alloc(uint32_t length) {
    uint8_t *start = heap;
    heap += (length + 15u) & ~15u;
    uint32_t pages = ((uint32_t)(uintptr_t)heap + 65535u) / 65536u;
    uint32_t there = __builtin_wasm_memory_size(0);
    if (pages > there && __builtin_wasm_memory_grow(0, pages - there) == (uint32_t)-1) {
        __builtin_trap(); /* over the function's memory limit */
    }
    return start;
}

static const char answer[] =
    "{\"status\":\"200\","
    "\"headers\":{\"content-type\":[{\"key\":\"Content-Type\",\"value\":\"text/plain\"}]},"
    "\"body\":\"Hello from {{name}}\\n\"}";

EXPORT("handle") uint64_t handle(const char *event, uint32_t length) {
    (void)event;
    (void)length;
    return (uint64_t)(uintptr_t)answer << 32 | (sizeof answer - 1);
}
