/* The calls that every invocation makes, in a row: what would be thirty crossings from Python is one.

   A helper of store.py, which does the same in Python where this is not built. It knows the order of the calls
   and the layout of the frame, and nothing else: no decisions, no memory of its own, no threads. Everything is
   called with the GIL held; host functions come back into Python from inside a poll, as they always do. Guests
   that use up their slice, or wait, are left where they are (PENDING) and polled on from Python. */

#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "images.h"

typedef struct {
    void *(*store_new)(void *, void *, void *);
    void *(*store_context)(void *);
    void (*store_delete)(void *);
    void (*store_limiter)(void *, int64_t, int64_t, int64_t, int64_t, int64_t);
    void (*set_epoch_deadline)(void *, uint64_t);
    void *(*epoch_yield)(void *, uint64_t);
    void *(*instantiate)(void *, void *, void *, void *, void *);
    uint8_t (*export_get)(void *, void *, const char *, size_t, void *);
    void *(*call)(void *, void *, void *, size_t, void *, size_t, void *, void *);
    uint8_t (*poll)(void *);
    void (*future_delete)(void *);
    void *(*memory_data)(void *, void *);
    size_t (*memory_size)(void *, void *);
    void (*increment_epoch)(void *);
    void *(*bytes_new)(const char *, intptr_t); /* Python's: what Python gets is made here, in the same crossing */
    void *(*int_new)(long);
} Library;

/* The frame of store.py: what the library writes into during a call. */
typedef struct {
    void *trap, *error;          /* 0, 8 */
    uint64_t instance[2];        /* 16 */
    void *store, *context;       /* 32, 40 */
    void *future;                /* 48: NULL while none is under way */
    const void *entry;           /* 56: Entry of a recycled guest */
    struct { uint64_t kind, words[3]; } arguments[8];  /* 64: wasmtime_val_t */
    struct { uint64_t kind, words[3]; } result;        /* 320 */
    uint8_t *output;             /* 352 */
    uint64_t output_bytes;       /* 360 */
    uint64_t memory_bytes;       /* 368: when a pointer was wrong, and at the end */
    void *mirror;                /* 376: Mirror of a recycled guest */
    struct { uint64_t kind, words[3]; } exports[20];   /* 384: wasmtime_extern_t */
} Frame;

typedef struct { const char *name; uint64_t length; } Name;
typedef struct { void *pre; uint64_t count; Name names[20]; } Pre;

enum { FAILED = -1, NO_EXPORT = -2, BAD_POINTER = -3, PENDING = 0, DONE = 1, PENDING_IN_HANDLE = 2, TOO_LONG = 3 };
enum { MEMORY, ALLOC, HANDLE };
enum { EXCHANGED = 16 };
enum { I32 = 0, I64 = 1, F64 = 3 };

static Library lib;

void edgefaas_bind(const Library *table) { lib = *table; }

/* A tick of the epoch timer: one addition, on whatever stack there is. Calls that it interrupts go on. Only the
   kernel's timer says which engine: a signal that somebody sent by hand holds no pointer of ours. */
static void on_tick(int number, siginfo_t *information, void *context) {
    (void)number;
    (void)context;
    if (information->si_code == SI_TIMER) lib.increment_epoch(information->si_value.sival_ptr);
}

/* The signal whose value is the engine that ticks; -1 when somebody else uses it. See ticker.py. */
int edgefaas_tick_signal(void) {
    int number = SIGRTMIN + 5;
    struct sigaction wanted = {.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK}, known;
    wanted.sa_sigaction = on_tick;
    if (sigaction(number, NULL, &known)) return -1;
    if (known.sa_handler != SIG_DFL && known.sa_sigaction != on_tick) return -1;
    return sigaction(number, &wanted, NULL) ? -1 : number;
}

/* Poll the future once; when it is done, it is gone. */
static int settle(Frame *frame) {
    if (!lib.poll(frame->future)) return PENDING;
    lib.future_delete(frame->future);
    frame->future = NULL;
    return frame->trap || frame->error ? FAILED : DONE;
}

static int find_exports(Frame *frame, const Pre *pre) {
    for (uint64_t at = 0; at < pre->count; at++)
        if (!lib.export_get(frame->context, frame->instance, pre->names[at].name, pre->names[at].length,
                            &frame->exports[at]))
            return NO_EXPORT;
    return DONE;
}

/* A fresh store with its limits, and the instance, if that is made within the first slice. */
int edgefaas_open(Frame *frame, void *engine, const Pre *pre, int64_t memory_bytes, int64_t table_elements,
                  uint64_t first_slice_ticks) {
    frame->store = lib.store_new(engine, NULL, NULL);
    frame->context = lib.store_context(frame->store);
    lib.store_limiter(frame->store, memory_bytes, table_elements, 1, 2, 1);
    lib.set_epoch_deadline(frame->context, first_slice_ticks);
    lib.epoch_yield(frame->context, 1);
    frame->future = lib.instantiate(pre->pre, frame->context, frame->instance, &frame->trap, &frame->error);
    int outcome = settle(frame);
    return outcome == DONE ? find_exports(frame, pre) : outcome;
}

static int call(Frame *frame, int export, size_t arguments) {
    frame->future = lib.call(frame->context, &frame->exports[export].words, frame->arguments, arguments,
                             &frame->result, 1, &frame->trap, &frame->error);
    return settle(frame);
}

static void argument(Frame *frame, int at, uint32_t value) {
    frame->arguments[at].kind = I32;
    frame->arguments[at].words[0] = value;
}

/* alloc(length), the event into the memory, handle(pointer, length); then where the output is. */
int edgefaas_exchange(Frame *frame, const uint8_t *event, uint64_t length, uint64_t output_max) {
    void *memory = &frame->exports[MEMORY].words;
    argument(frame, 0, (uint32_t)length);
    int outcome = call(frame, ALLOC, 1);
    if (outcome != DONE) return outcome;
    uint64_t pointer = (uint32_t)frame->result.words[0];
    frame->memory_bytes = lib.memory_size(frame->context, memory);
    if (pointer + length > frame->memory_bytes) {
        frame->output_bytes = pointer;
        return BAD_POINTER;
    }
    if (length) memcpy((uint8_t *)lib.memory_data(frame->context, memory) + pointer, event, length);
    argument(frame, 0, (uint32_t)pointer);
    argument(frame, 1, (uint32_t)length);
    outcome = call(frame, HANDLE, 2);
    if (outcome == PENDING) return PENDING_IN_HANDLE;
    if (outcome != DONE) return outcome;
    uint64_t packed = frame->result.words[0];
    uint64_t at = packed >> 32, size = (uint32_t)packed;
    frame->memory_bytes = lib.memory_size(frame->context, memory);
    if (size > output_max || at + size > frame->memory_bytes) return TOO_LONG; /* Python finds out which, and says so */
    frame->output = (uint8_t *)lib.memory_data(frame->context, memory) + at;
    frame->output_bytes = size;
    return DONE;
}

/* Where a recycled guest has its inbox and state, which exports it has, and how long its first slice is. */
typedef struct { uint64_t inbox, state, memory, start, first_slice_ticks; } Entry;

enum { FINISHED = 1, ELSEWISE = 4, NOT_RESTORED = 5 };

static int start(Frame *frame, const uint8_t *event, uint64_t length, uint64_t seed, double now, uint64_t output_max) {
    const Entry *entry = frame->entry;
    void *memory = &frame->exports[entry->memory].words;
    uint8_t *data = lib.memory_data(frame->context, memory);
    frame->memory_bytes = lib.memory_size(frame->context, memory);
    if (entry->inbox + length > frame->memory_bytes) return NOT_RESTORED;
    if (edgefaas_restore(frame->mirror, data, frame->memory_bytes)) return NOT_RESTORED;
    memcpy(data + entry->inbox, event, length);
    lib.set_epoch_deadline(frame->context, entry->first_slice_ticks);
    argument(frame, 0, (uint32_t)length);
    frame->arguments[1].kind = I64;
    frame->arguments[1].words[0] = seed;
    frame->arguments[2].kind = F64;
    memcpy(frame->arguments[2].words, &now, sizeof now);
    int outcome = call(frame, (int)entry->start, 3);
    if (outcome != DONE) return outcome;
    if ((uint32_t)frame->result.words[0] != FINISHED) return ELSEWISE;
    frame->memory_bytes = lib.memory_size(frame->context, memory);
    data = lib.memory_data(frame->context, memory);
    uint32_t output[2];
    if (entry->state + sizeof output > frame->memory_bytes) return ELSEWISE;
    memcpy(output, data + entry->state, sizeof output);
    if (output[1] > output_max || (uint64_t)output[0] + output[1] > frame->memory_bytes) return ELSEWISE;
    frame->output = data + output[0];
    frame->output_bytes = output[1];
    return DONE;
}

/* The memory made the image, the event into the inbox, start(length, seed, now); a new reference to the output
   (bytes), or to how it went otherwise (int). */
void *edgefaas_start(Frame *frame, const uint8_t *event, uint64_t length, uint64_t seed, double now, uint64_t output_max) {
    int outcome = start(frame, event, length, seed, now, output_max);
    return outcome == DONE ? lib.bytes_new((const char *)frame->output, (intptr_t)frame->output_bytes) : lib.int_new(outcome);
}

/* What all invocations of a program with the same limits have in common; see packed_course. */
typedef struct {
    void *engine;
    const Pre *pre;
    int64_t memory_bytes, table_elements;
    uint64_t first_slice_ticks, output_max;
} Course;

/* The whole of the usual course: open, exchange, close; a new reference to the output (bytes). What comes otherwise is
   left open, and told as an int: how opening went, or EXCHANGED and how the exchange went. */
void *edgefaas_at_once(Frame *frame, const Course *course, const uint8_t *event, uint64_t length) {
    int outcome = edgefaas_open(frame, course->engine, course->pre, course->memory_bytes, course->table_elements,
                                course->first_slice_ticks);
    if (outcome != DONE) return lib.int_new(outcome);
    outcome = edgefaas_exchange(frame, event, length, course->output_max);
    if (outcome != DONE) return lib.int_new(EXCHANGED + outcome);
    void *output = lib.bytes_new((const char *)frame->output, (intptr_t)frame->output_bytes);
    lib.store_delete(frame->store);
    memset(frame, 0, offsetof(Frame, arguments));
    return output;
}

/* The future goes before the store: in the other order the library aborts. */
void edgefaas_close(Frame *frame, void *store, void *future) {
    if (future) lib.future_delete(future);
    lib.store_delete(store);
    memset(frame, 0, offsetof(Frame, arguments));
}
