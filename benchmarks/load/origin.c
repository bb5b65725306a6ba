/* The origin of a benchmark: answers from memory, as fast as it can, so that it is never what is measured.
 *
 * usage: origin PORT CPU FILE...   Each FILE is loaded and served under its name in any folder:
 *   /cached/NAME   with Cache-Control: max-age=3600
 *   /anything/NAME with Cache-Control: no-store
 * Loopback only, HTTP/1.1 keep-alive, no request bodies. Ends with its parent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 16
#define HEAD_MAX 65536

struct file { const char *name; char *cached, *fresh; size_t cached_bytes, fresh_bytes, body_bytes; };

struct viewer {
    int fd;
    size_t in_bytes, left;
    const char *out;
    char in[HEAD_MAX];
};

static struct file files[FILES_MAX];
static unsigned file_count;
static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static char *whole_answer(const char *cache, const char *name, const char *body, size_t n, size_t *total)
{
    char *answer = malloc(n + 512);
    int head = sprintf(answer,
                       "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n"
                       "ETag: \"%s-%zu\"\r\nCache-Control: %s\r\n\r\n", n, name, n, cache);
    memcpy(answer + head, body, n);
    *total = (size_t)head + n;
    return answer;
}

static void load_file(const char *path)
{
    struct file *file = &files[file_count++];
    FILE *in = fopen(path, "rb");
    struct stat about;
    if (!in || fstat(fileno(in), &about) != 0)
        fail(path);
    size_t n = (size_t)about.st_size;
    char *body = malloc(n + 1);
    if (fread(body, 1, n, in) != n)
        fail(path);
    fclose(in);
    const char *slash = strrchr(path, '/');
    file->name = slash ? slash + 1 : path;
    file->body_bytes = n;
    file->cached = whole_answer("max-age=3600", file->name, body, n, &file->cached_bytes);
    file->fresh = whole_answer("no-store", file->name, body, n, &file->fresh_bytes);
    free(body);
}

static void choose_answer(struct viewer *v)
{
    v->out = missing;
    v->left = sizeof missing - 1;
    char *path = memchr(v->in, ' ', v->in_bytes);
    char *end = path ? memchr(path + 1, ' ', v->in_bytes - (size_t)(path + 1 - v->in)) : NULL;
    if (!end)
        return;
    path++;
    char *name = memrchr(path, '/', (size_t)(end - path));
    size_t length = name ? (size_t)(end - ++name) : 0;
    int head = memcmp(v->in, "HEAD ", 5) == 0, cached = end - path > 8 && memcmp(path, "/cached/", 8) == 0;
    for (unsigned i = 0; i < file_count; i++) {
        struct file *file = &files[i];
        if (strlen(file->name) != length || memcmp(file->name, name, length) != 0)
            continue;
        v->out = cached ? file->cached : file->fresh;
        v->left = (cached ? file->cached_bytes : file->fresh_bytes) - (head ? file->body_bytes : 0);
    }
}

/* Returns 0 when the connection is over. */
static int serve(struct viewer *v, int poller)
{
    for (;;) {
        while (v->left) {
            ssize_t n = send(v->fd, v->out, v->left, MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN) {
                struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = v};
                epoll_ctl(poller, EPOLL_CTL_MOD, v->fd, &event);
                return 1;
            }
            if (n <= 0)
                return 0;
            v->out += n;
            v->left -= (size_t)n;
        }
        char *empty = memmem(v->in, v->in_bytes, "\r\n\r\n", 4);
        if (!empty) {
            ssize_t n = v->in_bytes < HEAD_MAX ? recv(v->fd, v->in + v->in_bytes, HEAD_MAX - v->in_bytes, 0) : 0;
            if (n < 0 && errno == EAGAIN)
                return 1;
            if (n <= 0)
                return 0;
            v->in_bytes += (size_t)n;
            continue;
        }
        choose_answer(v);
        size_t used = (size_t)(empty + 4 - v->in);
        memmove(v->in, v->in + used, v->in_bytes - used);
        v->in_bytes -= used;
    }
}

int main(int count, char **arguments)
{
    if (count < 4 || count > 3 + FILES_MAX) {
        fprintf(stderr, "usage: origin PORT CPU FILE...\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(atoi(arguments[2]), &set);
    sched_setaffinity(0, sizeof set, &set);
    for (int i = 3; i < count; i++)
        load_file(arguments[i]);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0)
        fail("listen");
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[128];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(poller, events, 128, -1);
        for (int i = 0; i < n; i++) {
            struct viewer *v = events[i].data.ptr;
            if (!v) {
                int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd < 0 || !(v = calloc(1, sizeof *v)))
                    continue;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                v->fd = fd;
                event = (struct epoll_event){.events = EPOLLIN, .data.ptr = v};
                epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
                continue;
            }
            int was_full = v->left > 0;
            if (!serve(v, poller)) {
                close(v->fd);
                free(v);
            } else if (was_full && !v->left) {
                event = (struct epoll_event){.events = EPOLLIN, .data.ptr = v};
                epoll_ctl(poller, EPOLL_CTL_MOD, v->fd, &event);
            }
        }
    }
}
