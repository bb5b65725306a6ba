/* A log-linear latency histogram, as HdrHistogram's: constant relative error, constant size, O(1) to record.
 *
 * Values are nanoseconds. Below 512 every value has a bucket of its own; above, each power of two is cut into
 * 256 equal buckets, so a reported value is at most 1/256 (0.4 %) above the recorded one.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define SUB_BITS 8
#define SUB_COUNT (1u << SUB_BITS)
#define OCTAVES 34 /* up to 2^42 ns, over an hour */
#define BUCKETS (SUB_COUNT * (OCTAVES + 1))

struct histogram {
    uint64_t count[BUCKETS];
    uint64_t total;
    uint64_t max;
    uint64_t min;
    double sum;
};

static unsigned bucket_of(uint64_t value)
{
    if (value < 2 * SUB_COUNT)
        return (unsigned)value;
    unsigned octave = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
    unsigned index = octave * SUB_COUNT + (unsigned)(value >> octave);
    return index < BUCKETS ? index : BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top(unsigned index)
{
    if (index < 2 * SUB_COUNT)
        return index;
    unsigned octave = index / SUB_COUNT - 1;
    uint64_t lead = index - octave * SUB_COUNT;
    return ((lead + 1) << octave) - 1;
}

static void histogram_record(struct histogram *h, uint64_t value)
{
    h->count[bucket_of(value)]++;
    if (h->total == 0 || value < h->min)
        h->min = value;
    if (value > h->max)
        h->max = value;
    h->total++;
    h->sum += (double)value;
}

/* The value below or at which `share` (0..1) of the recorded values lie; 0 when nothing was recorded. */
static uint64_t histogram_quantile(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)h->total + 0.999999);
    uint64_t seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += h->count[i];
        if (seen >= wanted && seen > 0) {
            uint64_t top = bucket_top(i);
            return top < h->max ? top : h->max;
        }
    }
    return h->max;
}

static void histogram_print(FILE *out, const struct histogram *h, int with_buckets)
{
    fprintf(out, "{\"count\":%llu", (unsigned long long)h->total);
    if (h->total) {
        fprintf(out, ",\"min\":%.3f,\"mean\":%.3f", (double)h->min / 1e3, h->sum / (double)h->total / 1e3);
        static const struct { const char *name; double share; } points[] = {
            {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999},
        };
        for (unsigned i = 0; i < sizeof points / sizeof *points; i++)
            fprintf(out, ",\"%s\":%.3f", points[i].name, (double)histogram_quantile(h, points[i].share) / 1e3);
        fprintf(out, ",\"max\":%.3f", (double)h->max / 1e3);
    }
    if (with_buckets) {
        fprintf(out, ",\"buckets\":[");
        int first = 1;
        for (unsigned i = 0; i < BUCKETS; i++) {
            if (!h->count[i])
                continue;
            fprintf(out, "%s[%.3f,%llu]", first ? "" : ",", (double)bucket_top(i) / 1e3,
                    (unsigned long long)h->count[i]);
            first = 0;
        }
        fprintf(out, "]");
    }
    fprintf(out, "}");
}

#endif
