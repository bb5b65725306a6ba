/* The requests file: requests as they go over the wire, one behind the other, with what is expected of them.
 *
 *     GET /assets/app.js
 *     X-Forwarded-For: 192.0.2.7
 *     :status 200
 *     :length 1024
 *     :crc32 9be3e0a3
 *
 *     POST /api
 *     Content-Length: 2
 *
 *     {}
 *
 * The first line has method and target; field lines follow; lines that begin with a colon are expectations
 * (without them: status 200, any body). An empty line ends the head; Content-Length octets follow as the
 * body. Host is added when missing. Lines that begin with # are comments.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REQUESTS_MAX 65536
#define REQUEST_BYTES_MAX (1u << 20)

struct request {
    char *octets;
    size_t length;
    int head_only;
    int status;
    int64_t body_bytes; /* -1: any */
    int with_crc;
    uint32_t crc;
};

struct requests {
    struct request *list;
    size_t count;
};

static char *requests_error(const char *what, size_t line)
{
    static char text[200];
    snprintf(text, sizeof text, "requests file, line %zu: %s", line, what);
    return text;
}

struct text_line { const char *start; size_t length; };

static struct text_line next_line(const char **cursor, const char *end)
{
    const char *start = *cursor;
    const char *stop = memchr(start, '\n', (size_t)(end - start));
    *cursor = stop ? stop + 1 : end;
    if (!stop)
        stop = end;
    if (stop > start && stop[-1] == '\r')
        stop--;
    return (struct text_line){start, (size_t)(stop - start)};
}

static const char *read_expectation(struct request *request, struct text_line line)
{
    char text[64];
    if (line.length >= sizeof text)
        return "an expectation is too long";
    memcpy(text, line.start, line.length);
    text[line.length] = 0;
    unsigned long long number;
    char tail;
    if (sscanf(text, ":status %llu%c", &number, &tail) == 1)
        request->status = (int)number;
    else if (sscanf(text, ":length %llu%c", &number, &tail) == 1)
        request->body_bytes = (int64_t)number;
    else if (sscanf(text, ":crc32 %llx%c", &number, &tail) == 1)
        request->with_crc = 1, request->crc = (uint32_t)number;
    else
        return "only :status N, :length N and :crc32 HEX can be expected";
    return NULL;
}

/* Returns NULL, or what is wrong. `authority` is the Host of requests that name none. */
static const char *requests_parse(struct requests *all, const char *data, size_t n, const char *authority)
{
    const char *cursor = data, *end = data + n;
    size_t number = 0;
    all->list = calloc(REQUESTS_MAX, sizeof *all->list);
    all->count = 0;
    while (cursor < end) {
        struct text_line line = next_line(&cursor, end);
        number++;
        if (line.length == 0 || *line.start == '#')
            continue;
        if (all->count == REQUESTS_MAX)
            return requests_error("too many requests", number);
        struct request *request = &all->list[all->count++];
        *request = (struct request){.status = 200, .body_bytes = -1};
        const char *space = memchr(line.start, ' ', line.length);
        if (!space || space + 1 >= line.start + line.length || space[1] != '/' ||
            memchr(space + 1, ' ', (size_t)(line.start + line.length - space - 1)))
            return requests_error("expected METHOD /target", number);
        request->head_only = line.length > 5 && memcmp(line.start, "HEAD ", 5) == 0;
        size_t room = REQUEST_BYTES_MAX, body = 0;
        int has_host = 0;
        char *out = request->octets = malloc(room);
        if (line.length + 64 > room)
            return requests_error("the request is too long", number);
        size_t used = (size_t)snprintf(out, room, "%.*s HTTP/1.1\r\n", (int)line.length, line.start);
        while (cursor < end) {
            line = next_line(&cursor, end);
            number++;
            if (line.length == 0)
                break;
            if (*line.start == '#')
                continue;
            if (*line.start == ':') {
                const char *wrong = read_expectation(request, line);
                if (wrong)
                    return requests_error(wrong, number);
                continue;
            }
            if (!memchr(line.start, ':', line.length))
                return requests_error("expected Name: value", number);
            if (line.length > 15 && strncasecmp(line.start, "content-length:", 15) == 0)
                body = strtoull(line.start + 15, NULL, 10);
            has_host |= line.length > 5 && strncasecmp(line.start, "host:", 5) == 0;
            if (used + line.length + 300 > room)
                return requests_error("the request is too long", number);
            used += (size_t)snprintf(out + used, room - used, "%.*s\r\n", (int)line.length, line.start);
        }
        if (!has_host)
            used += (size_t)snprintf(out + used, room - used, "Host: %s\r\n", authority);
        if (body > (size_t)(end - cursor) || used + body + 2 > room)
            return requests_error("Content-Length is more than what follows, or too much", number);
        memcpy(out + used, "\r\n", 2);
        memcpy(out + used + 2, cursor, body);
        request->length = used + 2 + body;
        request->octets = realloc(out, request->length);
        cursor += body;
    }
    return all->count ? NULL : "requests file: it holds no request";
}

/* Reads the file, or standard input for "-". Returns NULL, or what is wrong. */
static const char *requests_read(struct requests *all, const char *path, const char *authority)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!file)
        return "requests file: it cannot be opened";
    size_t room = 1u << 16, n = 0;
    char *data = malloc(room);
    for (size_t got; (got = fread(data + n, 1, room - n, file)) > 0;)
        if ((n += got) == room)
            data = realloc(data, room *= 2);
    return requests_parse(all, data, n, authority);
}

#endif
