/* What the parts of the shim share: the host's functions, and numbers of wasi-libc. */
#ifndef EDGEFAAS_PYTHON_SHIM_H
#define EDGEFAAS_PYTHON_SHIM_H

#include <stddef.h>
#include <stdint.h>

#define IMPORT(name) __attribute__((import_module("edgefaas:python"), import_name(name)))
#define EXPORT __attribute__((visibility("default"), used))

/* Nanoseconds: of the clock 0 since 1970, of 1 since some instant, of 2 of CPU used by this guest. */
IMPORT("now") int64_t host_now(uint32_t clock);
/* Fill with bytes fit for keys. */
IMPORT("random") void host_random(void *to, uint32_t length);
IMPORT("log") void host_log(uint32_t level, const char *text, uint32_t length);
/* Do an operation, which may suspend the guest: length of the answer, or minus one minus that of a message. */
IMPORT("call") int64_t host_call(const char *name, uint32_t name_length, const void *payload, uint32_t length);
/* Ask for a file or a folder of the function or the library: its size, or minus an errno. After READ and
 * LIST what is in it is to be taken. */
IMPORT("file") int32_t host_file(uint32_t what, const char *path, uint32_t length);
/* Copy the answer of the last call, or the input of this entry, to memory. */
IMPORT("take") void host_take(void *to);
IMPORT("sleep") void host_sleep(double milliseconds);
/* Say why the guest is about to trap. */
IMPORT("fail") void host_fail(uint32_t reason, uint32_t detail);

enum { CLOCK_WALL = 0, CLOCK_STEADY = 1, CLOCK_CPU = 2 };
enum { FILE_STAT = 0, FILE_READ = 1, FILE_LIST = 2 };
enum { FAIL_EXIT = 1, FAIL_ABORT = 2 };
/* host_file's STAT: a folder has this bit, a file its size. */
#define IS_FOLDER (1 << 30)

/* wasi-libc's numbers, which are WASI's. */
enum {
    E_ACCES = 2, E_BADF = 8, E_INVAL = 28, E_ISDIR = 31, E_MFILE = 33, E_NOENT = 44, E_NOMEM = 48,
    E_NOSYS = 52, E_NOTDIR = 54, E_NOTSUP = 58, E_ROFS = 69
};

extern int errno; /* libc's; the guest has one thread */

void *malloc(size_t);
void free(void *);
void *memcpy(void *, const void *, size_t);
void *memset(void *, int, size_t);
size_t strlen(const char *);

static inline int refuse(int number)
{
    errno = number;
    return -1;
}

#endif
