/* The command line of the generator: what may be asked, and the bounds of it. Exits with 2 on what may not. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#define CONNECTIONS_MAX 4096
#define DURATION_MAX_S 600.0
#define COUNT_MAX 1000000000ull
#define RATE_MAX 2000000.0
#define WATCH_MAX 64

static struct {
    struct sockaddr_storage address;
    socklen_t address_bytes;
    unsigned connections;
    double rate, duration_s, warmup_s, timeout_s;
    uint64_t count;
    int cpu, poisson, fresh, with_buckets;
    pid_t watch[WATCH_MAX];
    unsigned watch_count;
} option = {.connections = 1, .duration_s = 5, .timeout_s = 10, .count = COUNT_MAX, .cpu = -1, .with_buckets = 1};

static void fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(code);
}

static void read_target(const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;
    if (!colon || port < 1 || port > 65535 || (size_t)(colon - text) >= sizeof host)
        fail(2, "--target is %s, not HOST:PORT", text);
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    struct sockaddr_in *v4 = (struct sockaddr_in *)&option.address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&option.address;
    if (strcmp(host, "[::1]") == 0) {
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        v6->sin6_addr = in6addr_loopback;
        option.address_bytes = sizeof *v6;
        return;
    }
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &v4->sin_addr) != 1 || ntohl(v4->sin_addr.s_addr) >> 24 != 127)
        fail(2, "--target %s is not a loopback address: this generator loads only the machine it runs on", host);
    option.address_bytes = sizeof *v4;
}

static double number(const char *name, const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || !(value >= least && value <= most))
        fail(2, "%s is %s; it may be %g to %g", name, text, least, most);
    return value;
}

static void read_watched(const char *text)
{
    while (*text && option.watch_count < WATCH_MAX) {
        char *end;
        long pid = strtol(text, &end, 10);
        if (end == text || pid <= 0)
            fail(2, "--watch takes process ids, separated by commas");
        option.watch[option.watch_count++] = (pid_t)pid;
        text = *end == ',' ? end + 1 : end;
    }
}

/* Reads the command line; returns the path of the requests file, and the target as it was written. */
static const char *read_options(int count, char **arguments, const char **authority)
{
    const char *target = NULL, *file = NULL;
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i];
        if (strcmp(name, "--poisson") == 0) { option.poisson = 1; continue; }
        if (strcmp(name, "--new-connections") == 0) { option.fresh = 1; continue; }
        if (strcmp(name, "--no-buckets") == 0) { option.with_buckets = 0; continue; }
        if (i + 1 == count)
            fail(2, "%s needs a value, or is unknown", name);
        const char *value = arguments[++i];
        if (strcmp(name, "--target") == 0) target = value;
        else if (strcmp(name, "--requests") == 0) file = value;
        else if (strcmp(name, "--connections") == 0) option.connections = (unsigned)number(name, value, 1, CONNECTIONS_MAX);
        else if (strcmp(name, "--rate") == 0) option.rate = number(name, value, 0.01, RATE_MAX);
        else if (strcmp(name, "--duration") == 0) option.duration_s = number(name, value, 0.001, DURATION_MAX_S);
        else if (strcmp(name, "--warmup") == 0) option.warmup_s = number(name, value, 0, 60);
        else if (strcmp(name, "--timeout") == 0) option.timeout_s = number(name, value, 0.001, 60);
        else if (strcmp(name, "--count") == 0) option.count = (uint64_t)number(name, value, 1, (double)COUNT_MAX);
        else if (strcmp(name, "--cpu") == 0) option.cpu = (int)number(name, value, 0, CPU_SETSIZE - 1);
        else if (strcmp(name, "--watch") == 0) read_watched(value);
        else fail(2, "%s is unknown", name);
    }
    if (!target || !file)
        fail(2, "usage: load --target HOST:PORT --requests FILE [--connections N] [--rate R [--poisson]] [--duration S] "
                "[--warmup S] [--count N] [--timeout S] [--cpu K] [--watch PID,..] [--new-connections] [--no-buckets]");
    read_target(target);
    *authority = target;
    return file;
}

#endif
