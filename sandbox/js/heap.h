/* The allocator under QuickJS's own small-block arenas: boundary tags, binned free lists, one wilderness on top.
 *
 * All of its state is in linear memory and none depends on how large that memory is, so an image behaves in an
 * instance that grew earlier exactly as in a fresh one. Memory that cannot be had ends the guest: half of
 * JavaScript's allocations have no caller that could go on.
 */

#define WASM_PAGE 65536u
#define CHUNK_HEADER 8u
#define CHUNK_LEAST 24u /* header, two links, and the size again at the end */
#define IN_USE 1u
#define PREVIOUS_IN_USE 2u
#define BINS 64

struct chunk {
    uint32_t previous_size; /* valid while the chunk before is free */
    uint32_t head;          /* size of the whole chunk, and flags */
    struct chunk *next, *back; /* while free */
};

extern unsigned char __heap_base;
static struct chunk *heap_bins[BINS];
static uint64_t heap_filled;
static uintptr_t heap_top;      /* where the wilderness begins */
static uint32_t heap_top_flags; /* PREVIOUS_IN_USE of a chunk to come there */

/* Small chunks that were freed: lists by exact size, last in first out. They are not joined with their neighbours,
 * and stay IN_USE for those, until they are an eighth of the heap and no list has what is wanted. */
#define SMALL_MOST 640u
static struct chunk *heap_small[SMALL_MOST / 8 + 1];
static uint32_t heap_small_bytes;
#define TIDY_LEAST (1u << 20)
#define SETTLED_MOST 16384u     /* free chunks below this are given up when an image is taken */

static int have_memory(uintptr_t end)
{
    uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) * WASM_PAGE;
    return end <= have || __builtin_wasm_memory_grow(0, (end - have + WASM_PAGE - 1) / WASM_PAGE) != (size_t)-1;
}

static void need_memory(uintptr_t end)
{
    if (!have_memory(end)) {
        host_fail(FAIL_MEMORY);
        __builtin_trap();
    }
}

static inline uint32_t chunk_size(const struct chunk *c) { return c->head & ~7u; }
static inline struct chunk *chunk_after(const struct chunk *c, uint32_t size) { return (struct chunk *)((char *)c + size); }

/* Two bins for each power of two, from 16 bytes. */
static inline int heap_bin(uint32_t size)
{
    int log = 31 - __builtin_clz(size);
    int bin = (log - 4) * 2 + (int)(size >> (log - 1) & 1);
    return bin < BINS ? bin : BINS - 1;
}

static void heap_unlink(struct chunk *c)
{
    int bin = heap_bin(chunk_size(c));
    if (c->back) c->back->next = c->next;
    else if (!(heap_bins[bin] = c->next)) heap_filled &= ~(1ull << bin);
    if (c->next) c->next->back = c->back;
}

static void heap_link(struct chunk *c, uint32_t size)
{
    int bin = heap_bin(size);
    c->back = NULL;
    c->next = heap_bins[bin];
    if (c->next) c->next->back = c;
    heap_bins[bin] = c;
    heap_filled |= 1ull << bin;
    chunk_after(c, size)->previous_size = size;
}

/* Cut a used chunk to `size`; what is left over is free. */
static void heap_cut(struct chunk *c, uint32_t size)
{
    uint32_t left = chunk_size(c) - size;
    if (left < CHUNK_LEAST)
        return;
    struct chunk *rest = chunk_after(c, size);
    struct chunk *after = chunk_after(rest, left);
    c->head = size | (c->head & PREVIOUS_IN_USE) | IN_USE;
    if ((uintptr_t)after == heap_top) {
        heap_top = (uintptr_t)rest;
        heap_top_flags = PREVIOUS_IN_USE;
        return;
    }
    if (!(after->head & IN_USE)) {
        heap_unlink(after);
        left += chunk_size(after);
        after = chunk_after(rest, left);
    }
    rest->head = left | PREVIOUS_IN_USE;
    after->head &= ~PREVIOUS_IN_USE;
    heap_link(rest, left);
}

static void heap_release(struct chunk *c);

/* Give the small free chunks back to be joined; whether there were any. */
static int heap_tidy(void)
{
    int any = 0;
    for (unsigned i = 0; i <= SMALL_MOST / 8; i++) {
        struct chunk *c = heap_small[i], *next;
        heap_small[i] = NULL;
        for (; c; c = next, any = 1) {
            next = c->next;
            heap_release(c);
        }
    }
    heap_small_bytes = 0;
    return any;
}

static __attribute__((noinline)) void *heap_take(uint32_t size);

static inline void *heap_malloc(size_t wanted)
{
    uint32_t size = ((uint32_t)wanted + CHUNK_HEADER + 7u) & ~7u;
    if (wanted <= SMALL_MOST - CHUNK_HEADER) {
        if (size < CHUNK_LEAST)
            size = CHUNK_LEAST;
        struct chunk *c = heap_small[size / 8];
        if (c) {
            heap_small[size / 8] = c->next;
            heap_small_bytes -= size;
            return (char *)c + CHUNK_HEADER;
        }
    } else if (wanted > 0x7fff0000u) {
        host_fail(FAIL_MEMORY);
        __builtin_trap();
    }
    return heap_take(size);
}

static __attribute__((noinline)) void *heap_take(uint32_t size)
{
    if (heap_small_bytes > TIDY_LEAST && heap_small_bytes > heap_top / 8)
        heap_tidy();
    /* In the chunk's own bin some may be too small: look at a few; in any larger bin all fit. */
    int bin = heap_bin(size), looked = 0;
    for (struct chunk *c = heap_bins[bin]; c && looked < 8; c = c->next, looked++)
        if (chunk_size(c) >= size) {
            heap_unlink(c);
            c->head |= IN_USE;
            if ((uintptr_t)chunk_after(c, chunk_size(c)) == heap_top) heap_top_flags = PREVIOUS_IN_USE;
            else chunk_after(c, chunk_size(c))->head |= PREVIOUS_IN_USE;
            heap_cut(c, size);
            return (char *)c + CHUNK_HEADER;
        }
    uint64_t larger = bin == BINS - 1 ? 0 : heap_filled & ~0ull << (bin + 1);
    if (larger) {
        struct chunk *c = heap_bins[__builtin_ctzll(larger)];
        heap_unlink(c);
        c->head |= IN_USE;
        chunk_after(c, chunk_size(c))->head |= PREVIOUS_IN_USE; /* a free chunk never touches the top */
        heap_cut(c, size);
        return (char *)c + CHUNK_HEADER;
    }
    if (!heap_top) {
        heap_top = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)7;
        heap_top_flags = PREVIOUS_IN_USE;
    }
    uintptr_t end = heap_top + size + sizeof(struct chunk);
    if (!have_memory(end)) {
        if (heap_tidy())
            return heap_take(size);
        need_memory(end);
    }
    struct chunk *c = (struct chunk *)heap_top;
    c->head = size | heap_top_flags | IN_USE;
    heap_top += size;
    heap_top_flags = PREVIOUS_IN_USE;
    return (char *)c + CHUNK_HEADER;
}

static inline void heap_free(void *memory)
{
    if (!memory)
        return;
    struct chunk *c = (struct chunk *)((char *)memory - CHUNK_HEADER);
    uint32_t size = chunk_size(c);
    if (size <= SMALL_MOST) {
        c->next = heap_small[size / 8];
        heap_small[size / 8] = c;
        heap_small_bytes += size;
        return;
    }
    heap_release(c);
}

/* Join a chunk with its free neighbours. */
static __attribute__((noinline)) void heap_release(struct chunk *c)
{
    uint32_t size = chunk_size(c), flags = c->head & PREVIOUS_IN_USE;
    struct chunk *after = chunk_after(c, size);
    if (!flags) {
        size += c->previous_size;
        c = (struct chunk *)((char *)c - c->previous_size);
        heap_unlink(c);
        flags = c->head & PREVIOUS_IN_USE;
    }
    if ((uintptr_t)after == heap_top) {
        heap_top = (uintptr_t)c;
        heap_top_flags = flags;
        return;
    }
    if (!(after->head & IN_USE)) {
        heap_unlink(after);
        size += chunk_size(after);
        after = chunk_after(c, size);
    }
    c->head = size | flags;
    after->head &= ~PREVIOUS_IN_USE;
    heap_link(c, size);
}

static size_t heap_usable(const void *memory)
{
    return memory ? chunk_size((const struct chunk *)((const char *)memory - CHUNK_HEADER)) - CHUNK_HEADER : 0;
}

static void *heap_calloc(size_t count, size_t each)
{
    size_t size;
    if (__builtin_mul_overflow(count, each, &size))
        size = (size_t)-1;
    void *memory = heap_malloc(size);
    memset(memory, 0, size);
    return memory;
}

static void *heap_realloc(void *memory, size_t wanted)
{
    if (!memory)
        return heap_malloc(wanted);
    if (wanted > 0x7fff0000u)
        return heap_malloc(wanted);
    struct chunk *c = (struct chunk *)((char *)memory - CHUNK_HEADER);
    uint32_t have = chunk_size(c), size = ((uint32_t)wanted + CHUNK_HEADER + 7u) & ~7u;
    if (size < CHUNK_LEAST)
        size = CHUNK_LEAST;
    struct chunk *after = chunk_after(c, have);
    if (size <= have) {
        heap_cut(c, size);
        return memory;
    }
    if ((uintptr_t)after == heap_top) {
        need_memory((uintptr_t)c + size + sizeof(struct chunk));
        c->head = size | (c->head & PREVIOUS_IN_USE) | IN_USE;
        heap_top = (uintptr_t)c + size;
        return memory;
    }
    if (!(after->head & IN_USE) && have + chunk_size(after) >= size) {
        heap_unlink(after);
        have += chunk_size(after);
        c->head = have | (c->head & PREVIOUS_IN_USE) | IN_USE;
        chunk_after(c, have)->head |= PREVIOUS_IN_USE;
        heap_cut(c, size);
        return memory;
    }
    void *moved = heap_malloc(wanted);
    memcpy(moved, memory, have - CHUNK_HEADER);
    heap_free(memory);
    return moved;
}

/* Before an image is taken: what is free inside stays unused, so that a request's own blocks lie together above it
 * and few pages change. Large free chunks are kept for use. */
static void heap_settle(void)
{
    for (unsigned i = 0; i <= SMALL_MOST / 8; i++)
        for (struct chunk *c = heap_small[i], *next; c; c = next) {
            next = c->next;
            memset(&c->next, 0, chunk_size(c) - CHUNK_HEADER);
        }
    memset(heap_small, 0, sizeof(heap_small));
    for (int i = 0; i < heap_bin(SETTLED_MOST); i++) {
        for (struct chunk *c = heap_bins[i], *next; c; c = next) {
            next = c->next;
            memset(&c->next, 0, chunk_size(c) - CHUNK_HEADER);
            c->head |= IN_USE;
            chunk_after(c, chunk_size(c))->head |= PREVIOUS_IN_USE;
        }
        heap_bins[i] = NULL;
        heap_filled &= ~(1ull << i);
    }
    heap_small_bytes = 0;
}
