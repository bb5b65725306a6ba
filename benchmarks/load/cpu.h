/* CPU time: of the watched processes, in clock ticks, and our own, in seconds. */
#ifndef CPU_H
#define CPU_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "options.h"

static uint64_t watched_ticks(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < option.watch_count; i++) {
        char path[64], text[1024];
        snprintf(path, sizeof path, "/proc/%d/stat", option.watch[i]);
        FILE *file = fopen(path, "r");
        size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
        if (file)
            fclose(file);
        text[n] = 0;
        char *field = strrchr(text, ')'); /* the name may hold anything; the rest is numbers */
        unsigned long long user, system;
        if (field && sscanf(field + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) == 2)
            sum += user + system;
    }
    return sum;
}

static double own_cpu_s(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

#endif
