/* Reads one HTTP/1.1 response at a time from a stream of octets (RFC 9112, section 6); no pipelining.
 *
 * Nothing of the body is kept: it is counted and, on request, run through CRC-32 (the one of zlib).
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_MAX 16384
#define EXTENSION 64 /* a chunk-size line counts from here once it is past the size */

enum phase { HEAD, BODY_COUNTED, BODY_UNTIL_CLOSE, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, DONE, BROKEN };

struct response {
    enum phase phase;
    int status;
    int bodyless; /* the request was HEAD */
    int with_crc;
    int close_after;
    uint32_t crc;
    uint64_t left;
    uint64_t body_bytes;
    unsigned line_bytes; /* of the chunk-size or trailer line being read */
    unsigned head_bytes;
    char head[HEAD_MAX];
};

static uint32_t crc_table[8][256];

static void crc_prepare(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        crc_table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            crc_table[k][i] = crc_table[0][crc_table[k - 1][i] & 0xFF] ^ (crc_table[k - 1][i] >> 8);
}

static uint32_t crc_update(uint32_t crc, const unsigned char *p, size_t n)
{
    uint32_t c = ~crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + 4, 4);
        low ^= c;
        c = crc_table[7][low & 0xFF] ^ crc_table[6][(low >> 8) & 0xFF] ^ crc_table[5][(low >> 16) & 0xFF] ^
            crc_table[4][low >> 24] ^ crc_table[3][high & 0xFF] ^ crc_table[2][(high >> 8) & 0xFF] ^
            crc_table[1][(high >> 16) & 0xFF] ^ crc_table[0][high >> 24];
    }
    for (; n; n--)
        c = crc_table[0][(c ^ *p++) & 0xFF] ^ (c >> 8);
    return ~c;
}

static void response_begin(struct response *r, int bodyless, int with_crc)
{
    r->phase = HEAD;
    r->status = 0;
    r->bodyless = bodyless;
    r->with_crc = with_crc;
    r->close_after = 0;
    r->crc = 0;
    r->left = 0;
    r->body_bytes = 0;
    r->line_bytes = 0;
    r->head_bytes = 0;
}

static int value_has(const char *value, const char *end, const char *token)
{
    size_t n = strlen(token);
    for (; value + n <= end; value++)
        if (strncasecmp(value, token, n) == 0)
            return 1;
    return 0;
}

/* Reads the head that lies in [p, end), end just behind the empty line. */
static void parse_head(struct response *r, const char *p, const char *end)
{
    if (end - p < 14 || memcmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ') {
        r->phase = BROKEN;
        return;
    }
    int old = p[7] == '0';
    r->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    if (r->status < 100 || r->status > 599) {
        r->phase = BROKEN;
        return;
    }
    if (r->status < 200 && r->status != 101) { /* an interim response: the final one follows */
        r->head_bytes = 0;
        return;
    }
    int counted = 0, chunked = 0, keep = !old;
    const char *line = memchr(p, '\n', (size_t)(end - p));
    while (line && ++line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            break;
        if ((*line | 32) == 'c' && strncasecmp(line, "content-length:", 15) == 0) {
            const char *digit = line + 15;
            while (*digit == ' ' || *digit == '\t')
                digit++;
            counted = *digit >= '0' && *digit <= '9';
            r->left = strtoull(digit, NULL, 10); /* ends at the CR */
            if (!counted) {
                r->phase = BROKEN;
                return;
            }
        } else if ((*line | 32) == 't' && strncasecmp(line, "transfer-encoding:", 18) == 0) {
            chunked = value_has(line + 18, stop, "chunked");
        } else if ((*line | 32) == 'c' && strncasecmp(line, "connection:", 11) == 0) {
            if (value_has(line + 11, stop, "close"))
                keep = 0;
            else if (value_has(line + 11, stop, "keep-alive"))
                keep = 1;
        }
        line = stop;
    }
    r->close_after = !keep;
    if (r->bodyless || r->status == 204 || r->status == 304)
        r->phase = DONE;
    else if (chunked)
        r->phase = CHUNK_SIZE, r->left = 0, r->line_bytes = 0;
    else if (counted)
        r->phase = r->left ? BODY_COUNTED : DONE;
    else
        r->phase = BODY_UNTIL_CLOSE, r->close_after = 1;
}

static size_t take_head(struct response *r, const char *data, size_t n)
{
    if (r->head_bytes == 0) { /* nearly always: the whole head is here, so it is read in place */
        const char *empty = memmem(data, n, "\r\n\r\n", 4);
        if (empty) {
            parse_head(r, data, empty + 4);
            return (size_t)(empty + 4 - data);
        }
    }
    size_t room = HEAD_MAX - r->head_bytes;
    size_t take = n < room ? n : room;
    memcpy(r->head + r->head_bytes, data, take);
    size_t from = r->head_bytes > 3 ? r->head_bytes - 3 : 0;
    const char *empty = memmem(r->head + from, r->head_bytes + take - from, "\r\n\r\n", 4);
    if (!empty) {
        r->head_bytes += (unsigned)take;
        if (r->head_bytes == HEAD_MAX)
            r->phase = BROKEN;
        return take;
    }
    size_t head = (size_t)(empty + 4 - r->head);
    size_t used = head - r->head_bytes;
    r->head_bytes = 0;
    parse_head(r, r->head, r->head + head);
    return used;
}

static size_t take_body(struct response *r, const char *data, size_t n)
{
    size_t take = r->phase == BODY_UNTIL_CLOSE || n < r->left ? n : (size_t)r->left;
    if (r->with_crc)
        r->crc = crc_update(r->crc, (const unsigned char *)data, take);
    r->body_bytes += take;
    if (r->phase != BODY_UNTIL_CLOSE) {
        r->left -= take;
        if (r->left == 0)
            r->phase = r->phase == CHUNK_DATA ? CHUNK_END : DONE;
    }
    return take;
}

/* One octet of a chunk-size line, of the CRLF behind a chunk, or of the trailer section. */
static void take_framing(struct response *r, char c)
{
    if (++r->line_bytes > 4096) {
        r->phase = BROKEN;
        return;
    }
    if (r->phase == CHUNK_SIZE) {
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (c == '\n') {
            r->phase = r->left ? CHUNK_DATA : TRAILER;
            r->line_bytes = 0;
        } else if (digit >= 0 && r->line_bytes <= 15) {
            r->left = r->left * 16 + (uint64_t)digit;
        } else if (c == ';' && r->line_bytes > 1) {
            r->line_bytes = EXTENSION; /* its letters are not digits of the size */
        } else if (c != '\r' && r->line_bytes < EXTENSION) {
            r->phase = BROKEN;
        }
    } else if (r->phase == CHUNK_END) {
        if (c == '\n')
            r->phase = CHUNK_SIZE, r->left = 0, r->line_bytes = 0;
        else if (c != '\r')
            r->phase = BROKEN;
    } else if (c == '\n') { /* TRAILER ends with an empty line */
        if (r->line_bytes <= 2)
            r->phase = DONE;
        r->line_bytes = 0;
    }
}

/* Takes octets until the response is DONE or BROKEN; returns how many it took. */
static size_t response_take(struct response *r, const char *data, size_t n)
{
    size_t used = 0;
    while (used < n && r->phase != DONE && r->phase != BROKEN) {
        if (r->phase == HEAD)
            used += take_head(r, data + used, n - used);
        else if (r->phase == BODY_COUNTED || r->phase == BODY_UNTIL_CLOSE || r->phase == CHUNK_DATA)
            used += take_body(r, data + used, n - used);
        else
            take_framing(r, data[used++]);
    }
    return used;
}

/* `n` octets of a counted body have gone by unseen. */
static void response_skip(struct response *r, size_t n)
{
    r->body_bytes += n;
    r->left -= n;
    if (r->left == 0)
        r->phase = DONE;
}

/* The peer closed: that ends a body without a length, and breaks everything else. */
static void response_end(struct response *r)
{
    r->phase = r->phase == BODY_UNTIL_CLOSE ? DONE : BROKEN;
}

#endif
