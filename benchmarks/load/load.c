/* An HTTP/1.1 load generator: one thread, epoll, keep-alive, loopback only, always bounded.
 *
 * Closed loop (no --rate): every connection sends its next request when the last one is answered.
 * Open loop (--rate R): requests are due at fixed instants whether or not the server keeps up; one that finds
 * every connection busy waits, and its latency counts from the instant it was due (wrk2's correction of
 * "coordinated omission"). What is still unanswered at the end is recorded with the time it has waited so far.
 *
 * Prints one JSON object on stdout. Exit codes: 0 measured, 1 could not reach the target, 2 usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"
#include "histogram.h"
#include "options.h"
#include "requests.h"
#include "response.h"

#define NS 1000000000ull
#define READ_BYTES (256u << 10)
#define DISCARD_BYTES (4u << 20)
#define WAIT_MAX_NS (NS / 50)
#define CHECK_EVERY_NS (NS / 10) /* how often request timeouts are looked at */

struct connection {
    int fd;
    int busy;
    int writing; /* waits for room to send the rest */
    int reused;  /* has answered before: the server may close it between requests */
    size_t sent;
    const struct request *request;
    uint64_t due_ns; /* what latency counts from */
    uint64_t sent_ns;
    struct response response;
};

struct errors { uint64_t connect, closed, timeout, parse, status, length, digest; };

static struct requests requests;
static struct connection *connections;
static struct connection **idle;
static unsigned idle_count, busy_count;
static int poller;
static size_t next_request;
static uint64_t next_due_ns, record_from_ns, record_until_ns, recorded, unfinished, body_bytes, reconnects;
static struct errors errors;
static uint64_t by_status[600];
static struct histogram latency, lag;
static char buffer[READ_BYTES];

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static void watch(struct connection *c, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &event) != 0)
        fail(1, "epoll_ctl: %s", strerror(errno));
}

/* Loopback connects are instant or refused, so this blocks; a full backlog is bounded by SO_SNDTIMEO. */
static int open_connection(struct connection *c)
{
    c->fd = socket(option.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail(1, "socket: %s", strerror(errno));
    struct timeval limit = {.tv_sec = 5};
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(c->fd, (struct sockaddr *)&option.address, option.address_bytes) != 0) {
        int reason = errno;
        close(c->fd);
        c->fd = -1;
        errno = reason;
        return -1;
    }
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->busy = c->writing = c->reused = 0;
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
    return 0;
}

static int within_measurement(uint64_t due_ns)
{
    return due_ns >= record_from_ns && due_ns < record_until_ns;
}

static void release(struct connection *c, int reopen)
{
    if (c->busy) {
        c->busy = 0;
        busy_count--;
    }
    if (reopen && c->fd >= 0) {
        close(c->fd);
        reconnects++;
        c->fd = -1;
    }
    if (c->fd < 0 && open_connection(c) != 0) {
        errors.connect++;
        return; /* it stays out of the idle list; tend() tries again */
    }
    idle[idle_count++] = c;
}

/* Ends the request on `c` as an error that belongs to `kind`. */
static void give_up(struct connection *c, uint64_t *kind)
{
    if (within_measurement(c->due_ns))
        (*kind)++;
    release(c, 1);
}

static void push_out(struct connection *c)
{
    const struct request *request = c->request;
    while (c->sent < request->length) {
        ssize_t n = send(c->fd, request->octets + c->sent, request->length - c->sent, MSG_NOSIGNAL);
        if (n > 0) {
            c->sent += (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!c->writing)
                watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            c->writing = 1;
            return;
        } else {
            return; /* the server hung up: what it said before is still to be read */
        }
    }
    if (c->writing)
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
    c->writing = 0;
}

static void begin(struct connection *c, uint64_t due_ns, uint64_t at_ns)
{
    c->request = &requests.list[next_request];
    if (++next_request == requests.count)
        next_request = 0;
    c->busy = 1;
    c->sent = 0;
    c->due_ns = due_ns;
    c->sent_ns = at_ns;
    busy_count++;
    response_begin(&c->response, c->request->head_only, c->request->with_crc);
    push_out(c);
}

static double gap_ns(void)
{
    if (!option.poisson)
        return (double)NS / option.rate;
    static uint64_t state = 0x9E3779B97F4A7C15ull; /* xorshift64*: the same arrivals in every run */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    double uniform = (double)((state * 0x2545F4914F6CDD1Dull) >> 11) / 9007199254740992.0;
    return -__builtin_log(1 - uniform) * (double)NS / option.rate;
}

static void advance_due(void)
{
    static double carry;
    double gap = gap_ns() + carry;
    uint64_t whole = (uint64_t)gap;
    carry = gap - (double)whole;
    next_due_ns += whole;
}

/* Sends whatever is due and has a free connection. */
static void dispatch(void)
{
    static uint64_t free_since_ns; /* a connection has been free from here on */
    static int starved;
    uint64_t now = now_ns();
    if (starved && idle_count) {
        free_since_ns = now;
        starved = 0;
    }
    while (idle_count && now < record_until_ns && recorded + busy_count < option.count) {
        if (option.rate > 0) {
            if (next_due_ns > now)
                return;
            if (next_due_ns >= free_since_ns && within_measurement(next_due_ns))
                histogram_record(&lag, now - next_due_ns); /* our own lateness, not the server's */
            begin(idle[--idle_count], next_due_ns, now);
            advance_due();
        } else {
            begin(idle[--idle_count], now, now);
            now = now_ns();
        }
        starved = idle_count == 0;
    }
}

static void finish(struct connection *c, uint64_t at_ns)
{
    const struct request *request = c->request;
    const struct response *response = &c->response;
    c->reused = 1;
    if (within_measurement(c->due_ns)) {
        recorded++;
        by_status[response->status]++;
        body_bytes += response->body_bytes;
        histogram_record(&latency, at_ns - c->due_ns);
        if (response->status != request->status)
            errors.status++;
        else if (request->body_bytes >= 0 && (uint64_t)request->body_bytes != response->body_bytes)
            errors.length++;
        else if (request->with_crc && request->crc != response->crc)
            errors.digest++;
    }
    release(c, option.fresh || response->close_after);
}

static void read_some(struct connection *c)
{
    if (c->busy && c->response.phase == BODY_COUNTED && !c->response.with_crc) {
        /* Only the count matters, so the kernel may drop the octets uncopied (tcp(7), MSG_TRUNC): a big body
         * must not make the generator the bottleneck. */
        size_t most = c->response.left < DISCARD_BYTES ? (size_t)c->response.left : DISCARD_BYTES;
        ssize_t dropped = recv(c->fd, NULL, most, MSG_TRUNC);
        if (dropped > 0) {
            response_skip(&c->response, (size_t)dropped);
            if (c->response.phase == DONE)
                finish(c, now_ns());
            return;
        }
        if (dropped < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
    }
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (!c->busy) { /* the server closes an idle connection, or speaks out of turn */
        for (unsigned i = 0; i < idle_count; i++)
            if (idle[i] == c)
                idle[i] = idle[--idle_count];
        if (n > 0)
            errors.parse++;
        release(c, 1);
        return;
    }
    if (n <= 0) {
        int untouched = c->response.phase == HEAD && c->response.head_bytes == 0;
        response_end(&c->response);
        if (c->response.phase == DONE) {
            finish(c, now_ns());
        } else if (untouched && c->reused) { /* RFC 9112, 9.3.1: a reused connection may close; send again */
            uint64_t due_ns = c->due_ns;
            const struct request *request = c->request;
            release(c, 1);
            if (c->fd >= 0) {
                idle_count--;
                next_request = (size_t)(request - requests.list);
                begin(c, due_ns, now_ns());
            } else if (within_measurement(due_ns)) {
                errors.closed++;
            }
        } else {
            give_up(c, &errors.closed);
        }
        return;
    }
    size_t used = response_take(&c->response, buffer, (size_t)n);
    if (c->response.phase == BROKEN || (c->response.phase == DONE && used < (size_t)n))
        give_up(c, &errors.parse);
    else if (c->response.phase == DONE)
        finish(c, now_ns());
}

/* Gives up requests that take too long, and opens again what could not be opened. */
static void tend(uint64_t now)
{
    for (unsigned i = 0; i < option.connections; i++) {
        struct connection *c = &connections[i];
        if (c->busy && now - c->sent_ns > (uint64_t)(option.timeout_s * 1e9))
            give_up(c, &errors.timeout);
        else if (c->fd < 0)
            release(c, 0);
    }
}

/* What was due before the end and never answered waited at least until now. */
static void record_unanswered(uint64_t now)
{
    for (unsigned i = 0; i < option.connections; i++)
        if (connections[i].busy && within_measurement(connections[i].due_ns)) {
            histogram_record(&latency, now - connections[i].due_ns);
            unfinished++;
        }
    if (option.rate <= 0)
        return;
    for (; next_due_ns < record_until_ns && recorded + unfinished < option.count; advance_due())
        if (within_measurement(next_due_ns)) {
            histogram_record(&latency, now - next_due_ns);
            unfinished++;
        }
}

/* Waits until something happens, or until `until_ns`; at most 20 ms. One system call, precise to the microsecond. */
static int wait_for_events(struct epoll_event *events, int most, uint64_t until_ns)
{
    uint64_t now = now_ns();
    uint64_t left = until_ns > now ? until_ns - now : 0;
    if (left > WAIT_MAX_NS)
        left = WAIT_MAX_NS;
    static int without_pwait2; /* before Linux 5.11 */
    if (!without_pwait2) {
        struct timespec limit = {.tv_sec = 0, .tv_nsec = (long)left};
        int n = (int)syscall(SYS_epoll_pwait2, poller, events, most, &limit, NULL, 0);
        if (n >= 0 || errno != ENOSYS)
            return n;
        without_pwait2 = 1;
    }
    return epoll_wait(poller, events, most, (int)(left / 1000000)); /* spins through the last millisecond */
}

struct measurement { double duration_s, own_cpu_s, server_cpu_s; };

static struct measurement run(void)
{
    struct epoll_event events[256];
    uint64_t start = now_ns(), tended = start, ticks = 0, last_answer = 0;
    double cpu = 0;
    int measuring = 0;
    next_due_ns = start;
    record_from_ns = start + (uint64_t)(option.warmup_s * 1e9);
    record_until_ns = record_from_ns + (uint64_t)(option.duration_s * 1e9);
    uint64_t grace_ns = (uint64_t)((option.timeout_s < 2 ? option.timeout_s : 2) * 1e9);
    for (;;) {
        uint64_t now = now_ns();
        if (!measuring && now >= record_from_ns) {
            measuring = 1;
            ticks = watched_ticks();
            cpu = own_cpu_s();
        }
        if (now - tended > CHECK_EVERY_NS) {
            tend(now);
            tended = now;
        }
        dispatch();
        int ended = now >= record_until_ns || recorded >= option.count;
        if (ended && (busy_count == 0 || now >= record_until_ns + grace_ns)) {
            last_answer = now;
            break;
        }
        int due = option.rate > 0 && idle_count && next_due_ns < record_until_ns;
        int n = wait_for_events(events, 256, due ? next_due_ns : now + WAIT_MAX_NS);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c->fd < 0)
                continue;
            if (events[i].events & EPOLLOUT)
                push_out(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                read_some(c);
            if (option.rate <= 0)
                dispatch();
        }
    }
    /* Overload ends with what was asked for; a short --count run ends with its last answer. */
    uint64_t end = last_answer < record_until_ns ? last_answer : record_until_ns;
    struct measurement m = {
        .duration_s = measuring ? (double)(end - record_from_ns) / 1e9 : 0,
        .own_cpu_s = own_cpu_s() - cpu,
        .server_cpu_s = (double)(watched_ticks() - ticks) / (double)sysconf(_SC_CLK_TCK),
    };
    record_unanswered(now_ns());
    return m;
}

static void print_result(struct measurement m)
{
    uint64_t wrong = errors.connect + errors.closed + errors.timeout + errors.parse + errors.status +
                     errors.length + errors.digest;
    printf("{\"mode\":\"%s\",\"connections\":%u,", option.rate > 0 ? "open" : "closed", option.connections);
    if (option.rate > 0)
        printf("\"rate\":%.3f,", option.rate);
    else
        printf("\"rate\":null,");
    printf("\"duration_s\":%.6f,\"requests\":%llu,\"unfinished\":%llu,\"reconnects\":%llu,\"body_bytes\":%llu,",
           m.duration_s, (unsigned long long)recorded, (unsigned long long)unfinished,
           (unsigned long long)reconnects, (unsigned long long)body_bytes);
    printf("\"throughput\":%.3f,", m.duration_s > 0 ? (double)recorded / m.duration_s : 0);
    printf("\"errors\":%llu,\"errors_by_kind\":{\"connect\":%llu,\"closed\":%llu,\"timeout\":%llu,\"parse\":%llu,"
           "\"status\":%llu,\"length\":%llu,\"digest\":%llu},\"by_status\":{",
           (unsigned long long)wrong, (unsigned long long)errors.connect, (unsigned long long)errors.closed,
           (unsigned long long)errors.timeout, (unsigned long long)errors.parse, (unsigned long long)errors.status,
           (unsigned long long)errors.length, (unsigned long long)errors.digest);
    for (unsigned status = 0, first = 1; status < 600; status++)
        if (by_status[status]) {
            printf("%s\"%u\":%llu", first ? "" : ",", status, (unsigned long long)by_status[status]);
            first = 0;
        }
    printf("},\"generator_cpu_s\":%.4f,\"server_cpu_s\":", m.own_cpu_s);
    if (option.watch_count)
        printf("%.4f", m.server_cpu_s);
    else
        printf("null");
    printf(",\"latency_us\":");
    histogram_print(stdout, &latency, option.with_buckets);
    printf(",\"lag_us\":");
    histogram_print(stdout, &lag, 0);
    printf("}\n");
}

int main(int count, char **arguments)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlive who started us */
    prctl(PR_SET_TIMERSLACK, 1ul);    /* wake when a request is due, not up to 50 us later */
    const char *authority;
    const char *file = read_options(count, arguments, &authority);
    const char *wrong = requests_read(&requests, file, authority);
    if (wrong)
        fail(2, "%s", wrong);
    alarm((unsigned)(option.warmup_s + option.duration_s + 2 * option.timeout_s) + 30); /* whatever happens */
    if (option.cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(option.cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0)
            fail(2, "--cpu %d: %s", option.cpu, strerror(errno));
    }
    crc_prepare();
    poller = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(option.connections, sizeof *connections);
    idle = calloc(option.connections, sizeof *idle);
    for (unsigned i = 0; i < option.connections; i++) {
        if (open_connection(&connections[i]) != 0)
            fail(1, "connection %u of %u: %s", i + 1, option.connections, strerror(errno));
        idle[idle_count++] = &connections[i];
    }
    print_result(run());
    return 0;
}
