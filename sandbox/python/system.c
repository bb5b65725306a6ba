/* What libc would ask of a system: memory, time, randomness, output, and files that can only be read.
 *
 * The linker (linking.py) prefers these to libc's own of the same name, inside libc too; what of libc is left asks for
 * nothing. Files are those of the function and of the standard library: the host has them, a whole file is
 * read when it is opened. There is no other file, no folder to write in, no socket, no process.
 */
#include "shim.h"

/* ---- memory ------------------------------------------------------------------------------- */

/* The heap's end lies in memory, so it is part of a function's image; how large memory is does not matter:
 * an instance that grew in an earlier request behaves as a fresh one. */
extern char __heap_base;
static uintptr_t heap_end;

EXPORT void *sbrk(intptr_t more)
{
    if (!heap_end)
        heap_end = ((uintptr_t)&__heap_base + 65535) & ~(uintptr_t)65535;
    uintptr_t before = heap_end;
    if (more <= 0)
        return (void *)before;
    uintptr_t after = before + (((uintptr_t)more + 65535) & ~(uintptr_t)65535);
    if (after < before) {
        errno = E_NOMEM;
        return (void *)-1;
    }
    uintptr_t have = __builtin_wasm_memory_size(0) * 65536;
    if (after > have && __builtin_wasm_memory_grow(0, (after - have) / 65536) == (size_t)-1) {
        errno = E_NOMEM;
        return (void *)-1;
    }
    heap_end = after;
    return (void *)before;
}

EXPORT uint32_t shim_heap_end(void)
{
    sbrk(0);
    return heap_end;
}

/* ---- time and randomness ------------------------------------------------------------------- */

struct timespec { int64_t seconds; long nanoseconds; };
struct timeval { int64_t seconds; int64_t microseconds; };
extern const char _CLOCK_REALTIME, _CLOCK_MONOTONIC;

static void put_time(struct timespec *to, int64_t nanoseconds)
{
    to->seconds = nanoseconds / 1000000000;
    to->nanoseconds = (long)(nanoseconds % 1000000000);
}

EXPORT int clock_gettime(const void *clock, struct timespec *to)
{
    put_time(to, host_now(clock == &_CLOCK_REALTIME ? CLOCK_WALL : CLOCK_STEADY));
    return 0;
}

EXPORT int clock_getres(const void *clock, struct timespec *to)
{
    (void)clock;
    put_time(to, 1000);
    return 0;
}

EXPORT int gettimeofday(struct timeval *to, void *zone)
{
    (void)zone;
    int64_t now = host_now(CLOCK_WALL);
    to->seconds = now / 1000000000;
    to->microseconds = now % 1000000000 / 1000;
    return 0;
}

EXPORT int64_t time(int64_t *to)
{
    int64_t now = host_now(CLOCK_WALL) / 1000000000;
    if (to)
        *to = now;
    return now;
}

EXPORT int64_t clock(void)
{
    return host_now(CLOCK_CPU);
}

#define TIMER_ABSTIME 1

EXPORT int clock_nanosleep(const void *clock, int flags, const struct timespec *wanted, struct timespec *left)
{
    (void)left;
    double nanoseconds = (double)wanted->seconds * 1e9 + (double)wanted->nanoseconds;
    if (flags & TIMER_ABSTIME)
        nanoseconds -= (double)host_now(clock == &_CLOCK_REALTIME ? CLOCK_WALL : CLOCK_STEADY);
    if (nanoseconds > 0)
        host_sleep(nanoseconds / 1e6);
    return 0;
}

EXPORT int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    return clock_nanosleep(&_CLOCK_MONOTONIC, 0, wanted, left);
}

EXPORT int __wasilibc_random(void *to, size_t length)
{
    host_random(to, length);
    return 0;
}

EXPORT int getentropy(void *to, size_t length)
{
    return __wasilibc_random(to, length);
}

/* ---- files ---------------------------------------------------------------------------------- */

#define STREAMS 3 /* stdin, stdout, stderr */
#define FILES_MAX 64
#define PATH_BYTES 1024
#define TASK "/var/task"

typedef struct { char *data; uint32_t length, at; int used; } file;
static file files[FILES_MAX];

/* Make a path absolute, without "." and "..": its length, or -1 when it is too long. */
static int plain_path(const char *path, char *to)
{
    uint32_t end = 0;
    if (*path != '/') {
        memcpy(to, TASK, sizeof TASK - 1);
        end = sizeof TASK - 1;
    }
    while (*path) {
        while (*path == '/')
            path++;
        uint32_t length = 0;
        while (path[length] && path[length] != '/')
            length++;
        if (length == 2 && path[0] == '.' && path[1] == '.') {
            while (end && to[--end] != '/')
                ;
        } else if (length && !(length == 1 && path[0] == '.')) {
            if (end + length + 2 > PATH_BYTES)
                return -1;
            to[end++] = '/';
            memcpy(to + end, path, length);
            end += length;
        }
        path += length;
    }
    if (!end)
        to[end++] = '/';
    to[end] = 0;
    return (int)end;
}

static int32_t ask(uint32_t what, const char *path)
{
    char plain[PATH_BYTES];
    int length = plain_path(path, plain);
    if (length < 0)
        return -E_NOENT;
    return host_file(what, plain, (uint32_t)length);
}

#define O_CREAT (1 << 12)
#define O_DIRECTORY (2 << 12)
#define O_TRUNC (8 << 12)
#define O_WRONLY 0x10000000

static int open_file(const char *path, int flags)
{
    if (flags & (O_CREAT | O_TRUNC | O_WRONLY))
        return refuse(E_ROFS);
    int number = 0;
    while (number < FILES_MAX && files[number].used)
        number++;
    if (number == FILES_MAX)
        return refuse(E_MFILE);
    int32_t length = ask(FILE_READ, path);
    if (length < 0)
        return refuse(-length);
    char *data = malloc(length ? length : 1);
    if (!data)
        return refuse(E_NOMEM);
    host_take(data);
    files[number] = (file){data, (uint32_t)length, 0, 1};
    return number + STREAMS;
}

EXPORT int open(const char *path, int flags, const void *more)
{
    (void)more;
    return open_file(path, flags);
}

EXPORT int openat(int folder, const char *path, int flags, const void *more)
{
    (void)folder;
    (void)more;
    return open_file(path, flags);
}

EXPORT int __wasilibc_open_nomode(const char *path, int flags)
{
    return open_file(path, flags);
}

static file *opened(int number)
{
    number -= STREAMS;
    return number >= 0 && number < FILES_MAX && files[number].used ? &files[number] : NULL;
}

EXPORT int close(int number)
{
    file *one = opened(number);
    if (!one)
        return number >= 0 && number < STREAMS ? 0 : refuse(E_BADF);
    free(one->data);
    *one = (file){0};
    return 0;
}

static long read_at(file *one, void *to, size_t length, uint64_t at)
{
    if (at >= one->length)
        return 0;
    if (length > one->length - at)
        length = one->length - at;
    memcpy(to, one->data + at, length);
    return (long)length;
}

EXPORT long read(int number, void *to, size_t length)
{
    file *one = opened(number);
    if (!one)
        return number == 0 ? 0 : refuse(E_BADF);
    long done = read_at(one, to, length, one->at);
    one->at += (uint32_t)done;
    return done;
}

EXPORT long pread(int number, void *to, size_t length, int64_t at)
{
    file *one = opened(number);
    if (!one || at < 0)
        return refuse(one ? E_INVAL : E_BADF);
    return read_at(one, to, length, (uint64_t)at);
}

struct iovec { void *base; size_t length; };

EXPORT long readv(int number, const struct iovec *parts, int count)
{
    long total = 0;
    for (int i = 0; i < count; i++) {
        long done = read(number, parts[i].base, parts[i].length);
        if (done < 0)
            return total ? total : done;
        total += done;
        if ((size_t)done < parts[i].length)
            break;
    }
    return total;
}

enum { FROM_START = 0, FROM_HERE = 1, FROM_END = 2 };

EXPORT int64_t lseek(int number, int64_t offset, int from)
{
    file *one = opened(number);
    if (!one)
        return refuse(E_BADF);
    int64_t at = offset + (from == FROM_HERE ? one->at : from == FROM_END ? one->length : 0);
    if (at < 0 || at > 0x7FFFFFFF)
        return refuse(E_INVAL);
    one->at = (uint32_t)at;
    return at;
}

EXPORT int64_t __wasilibc_tell(int number)
{
    return lseek(number, 0, FROM_HERE);
}

struct status {
    uint64_t device, inode, links;
    uint32_t mode, user, group, pad;
    uint64_t raw_device;
    int64_t size;
    long block_size;
    int64_t blocks;
    struct timespec accessed, modified, changed;
    int64_t reserved[3];
};

#define MODE_FILE 0100444
#define MODE_FOLDER 0040555
#define MODE_DEVICE 0020666

static int put_status(struct status *to, uint32_t mode, int64_t size)
{
    memset(to, 0, sizeof *to);
    to->mode = mode;
    to->links = 1;
    to->size = size;
    to->block_size = 4096;
    return 0;
}

EXPORT int stat(const char *path, struct status *to)
{
    int32_t found = ask(FILE_STAT, path);
    if (found < 0)
        return refuse(-found);
    return found & IS_FOLDER ? put_status(to, MODE_FOLDER, 0) : put_status(to, MODE_FILE, found);
}

EXPORT int lstat(const char *path, struct status *to)
{
    return stat(path, to);
}

EXPORT int fstatat(int folder, const char *path, struct status *to, int flags)
{
    (void)folder;
    (void)flags;
    return stat(path, to);
}

EXPORT int fstat(int number, struct status *to)
{
    file *one = opened(number);
    if (one)
        return put_status(to, MODE_FILE, one->length);
    return number >= 0 && number < STREAMS ? put_status(to, MODE_DEVICE, 0) : refuse(E_BADF);
}

#define MAY_WRITE 2

EXPORT int faccessat(int folder, const char *path, int mode, int flags)
{
    (void)folder;
    (void)flags;
    int32_t found = ask(FILE_STAT, path);
    if (found < 0)
        return refuse(-found);
    return mode & MAY_WRITE ? refuse(E_ROFS) : 0;
}

EXPORT int access(const char *path, int mode)
{
    return faccessat(0, path, mode, 0);
}

/* A folder's list, as the host gives it: for each entry its kind, its name, and a zero. */
struct entry { uint64_t inode; unsigned char kind; char name[256]; };
typedef struct { char *names; uint32_t length, at; struct entry entry; } folder;
enum { ENTRY_FOLDER = 3, ENTRY_FILE = 4 }; /* WASI's filetype */

EXPORT folder *opendir(const char *path)
{
    int32_t length = ask(FILE_LIST, path);
    folder *one = length < 0 ? NULL : malloc(sizeof *one);
    if (!one) {
        errno = length < 0 ? -length : E_NOMEM;
        return NULL;
    }
    one->names = malloc(length ? length : 1);
    if (!one->names) {
        free(one);
        errno = E_NOMEM;
        return NULL;
    }
    host_take(one->names);
    one->length = (uint32_t)length;
    one->at = 0;
    return one;
}

EXPORT struct entry *readdir(folder *one)
{
    if (one->at >= one->length)
        return NULL;
    one->entry.inode = one->at + 1;
    one->entry.kind = one->names[one->at] == 'd' ? ENTRY_FOLDER : ENTRY_FILE;
    const char *name = one->names + one->at + 1;
    size_t length = strlen(name);
    one->at += (uint32_t)length + 2;
    if (length > sizeof one->entry.name - 1)
        length = sizeof one->entry.name - 1;
    memcpy(one->entry.name, name, length);
    one->entry.name[length] = 0;
    return &one->entry;
}

EXPORT void rewinddir(folder *one)
{
    one->at = 0;
}

EXPORT int closedir(folder *one)
{
    free(one->names);
    free(one);
    return 0;
}

EXPORT char *getcwd(char *to, size_t length)
{
    if (!to)
        to = malloc(length = sizeof TASK);
    if (!to || length < sizeof TASK) {
        errno = E_NOMEM;
        return NULL;
    }
    return memcpy(to, TASK, sizeof TASK);
}

EXPORT char *realpath(const char *path, char *to)
{
    if (!to)
        to = malloc(PATH_BYTES);
    int32_t found = to ? ask(FILE_STAT, path) : -E_NOMEM;
    if (found < 0 || plain_path(path, to) < 0) {
        errno = found < 0 ? -found : E_NOENT;
        return NULL;
    }
    return to;
}

EXPORT long readlink(const char *path, char *to, size_t length)
{
    (void)to;
    (void)length;
    int32_t found = ask(FILE_STAT, path);
    return refuse(found < 0 ? -found : E_INVAL);
}

EXPORT long readlinkat(int at, const char *path, char *to, size_t length)
{
    (void)at;
    return readlink(path, to, length);
}

EXPORT int isatty(int number)
{
    (void)number;
    return 0;
}

EXPORT int fcntl(int number, int command, const void *more)
{
    (void)command;
    (void)more;
    return opened(number) || (number >= 0 && number < STREAMS) ? 0 : refuse(E_BADF);
}

/* ---- output: lines of the log ---------------------------------------------------------------- */

enum { LEVEL_INFO = 1, LEVEL_ERROR = 3 };
#define LINE_BYTES 4096
static struct { uint32_t length; char text[LINE_BYTES]; } lines[STREAMS];

static void flush_line(int number)
{
    host_log(number == 2 ? LEVEL_ERROR : LEVEL_INFO, lines[number].text, lines[number].length);
    lines[number].length = 0;
}

/* What was written without an end of line is a line when the handler is done. */
void flush_lines(void)
{
    for (int number = 1; number < STREAMS; number++)
        if (lines[number].length)
            flush_line(number);
}

EXPORT long write(int number, const void *from, size_t length)
{
    if (number < 1 || number >= STREAMS)
        return refuse(opened(number) ? E_ROFS : E_BADF);
    const char *text = from;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n' || lines[number].length == LINE_BYTES)
            flush_line(number);
        if (text[i] != '\n')
            lines[number].text[lines[number].length++] = text[i];
    }
    return (long)length;
}

EXPORT long writev(int number, const struct iovec *parts, int count)
{
    long total = 0;
    for (int i = 0; i < count; i++) {
        long done = write(number, parts[i].base, parts[i].length);
        if (done < 0)
            return done;
        total += done;
    }
    return total;
}

EXPORT long pwrite(int number, const void *from, size_t length, int64_t at)
{
    (void)at;
    return write(number, from, length);
}

/* ---- what is not there ------------------------------------------------------------------------ */

#define NONE1(name, number) EXPORT int name(int a) { (void)a; return refuse(number); }
#define NONE2(name, number) EXPORT int name(int a, int b) { (void)a; (void)b; return refuse(number); }
#define NONE3(name, number) EXPORT int name(int a, int b, int c) { (void)a; (void)b; (void)c; return refuse(number); }
#define NONE4(name, number) \
    EXPORT int name(int a, int b, int c, int d) { (void)a; (void)b; (void)c; (void)d; return refuse(number); }
#define NONE5(name, number) \
    EXPORT int name(int a, int b, int c, int d, int e) \
    { (void)a; (void)b; (void)c; (void)d; (void)e; return refuse(number); }
#define NONE6(name, number) \
    EXPORT int name(int a, int b, int c, int d, int e, int f) \
    { (void)a; (void)b; (void)c; (void)d; (void)e; (void)f; return refuse(number); }

NONE1(chdir, E_NOTSUP)
NONE2(mkdir, E_ROFS)
NONE3(mkdirat, E_ROFS)
NONE1(rmdir, E_ROFS)
NONE1(unlink, E_ROFS)
NONE3(unlinkat, E_ROFS)
NONE2(rename, E_ROFS)
NONE4(renameat, E_ROFS)
NONE2(link, E_ROFS)
NONE5(linkat, E_ROFS)
NONE2(symlink, E_ROFS)
NONE3(symlinkat, E_ROFS)
NONE2(utimes, E_ROFS)
NONE2(futimens, E_ROFS)
NONE4(utimensat, E_ROFS)
NONE1(fsync, E_INVAL)
NONE1(fdatasync, E_INVAL)
NONE3(ioctl, E_NOTSUP)
NONE3(poll, E_NOSYS)
NONE5(select, E_NOSYS)
NONE3(socket, E_ACCES)
NONE3(bind, E_ACCES)
NONE3(connect, E_ACCES)
NONE2(listen, E_ACCES)
NONE3(accept, E_ACCES)
NONE4(accept4, E_ACCES)
NONE2(shutdown, E_BADF)
NONE4(send, E_BADF)
NONE4(recv, E_BADF)
NONE6(sendto, E_BADF)
NONE6(recvfrom, E_BADF)
NONE3(getsockname, E_BADF)
NONE3(getpeername, E_BADF)
NONE5(getsockopt, E_BADF)
NONE5(setsockopt, E_BADF)

EXPORT int ftruncate(int number, int64_t length)
{
    (void)number;
    (void)length;
    return refuse(E_ROFS);
}

EXPORT int truncate(const char *path, int64_t length)
{
    (void)path;
    (void)length;
    return refuse(E_ROFS);
}

EXPORT int posix_fadvise(int number, int64_t from, int64_t length, int advice)
{
    (void)number;
    (void)from;
    (void)length;
    (void)advice;
    return 0;
}

#define EAI_FAIL -4

EXPORT int getaddrinfo(int node, int service, int hints, int found)
{
    (void)node;
    (void)service;
    (void)hints;
    (void)found;
    return EAI_FAIL;
}

EXPORT int gethostbyname(int name) { (void)name; return 0; }
EXPORT int gethostbyaddr(int a, int b, int c) { (void)a; (void)b; (void)c; return 0; }

EXPORT int gethostname(char *to, size_t length)
{
    if (length < sizeof "edgefaas")
        return refuse(E_INVAL);
    memcpy(to, "edgefaas", sizeof "edgefaas");
    return 0;
}

EXPORT void *dlopen(const char *path, int flags) { (void)path; (void)flags; return NULL; }
EXPORT void *dlsym(void *library, const char *name) { (void)library; (void)name; return NULL; }
EXPORT const char *dlerror(void) { return "shared libraries are not loaded here"; }

/* The environment of a request is asked for by lib/boot.py, when the function looks. */
extern char **__wasilibc_environ;
static char *nothing[1];
EXPORT void __wasilibc_initialize_environ(void) { __wasilibc_environ = nothing; }
EXPORT void __wasilibc_ensure_environ(void) { if (!__wasilibc_environ) __wasilibc_environ = nothing; }

EXPORT int __wasilibc_init_stdio(void) { return 0; }

EXPORT _Noreturn void _Exit(int status)
{
    flush_lines();
    host_fail(FAIL_EXIT, (uint32_t)status);
    __builtin_trap();
}

EXPORT _Noreturn void _exit(int status) { _Exit(status); }

EXPORT _Noreturn void abort(void)
{
    flush_lines();
    host_fail(FAIL_ABORT, 0);
    __builtin_trap();
}
