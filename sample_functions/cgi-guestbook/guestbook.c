/* A CGI program: greets by a form's field. Reads CONTENT_LENGTH bytes of standard input, as RFC 3875 says. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static int hex(char digit) {
    return isdigit((unsigned char)digit) ? digit - '0' : tolower((unsigned char)digit) - 'a' + 10;
}

/* Writes a field of an urlencoded form as HTML; returns 0 when it is not there or empty. */
static int print_field(const char *form, const char *name) {
    size_t length = strlen(name);
    const char *at = form;
    while (strncmp(at, name, length) || at[length] != '=') {
        at = strchr(at, '&');
        if (!at) return 0;
        at++;
    }
    at += length + 1;
    if (!*at || *at == '&') return 0;
    for (; *at && *at != '&'; at++) {
        char letter = *at == '+' ? ' ' : *at;
        if (letter == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2])) {
            letter = (char)(hex(at[1]) << 4 | hex(at[2]));
            at += 2;
        }
        switch (letter) {
            case '<': fputs("&lt;", stdout); break;
            case '>': fputs("&gt;", stdout); break;
            case '&': fputs("&amp;", stdout); break;
            default: putchar(letter);
        }
    }
    return 1;
}

int main(void) {
    long length = strtol(variable("CONTENT_LENGTH"), NULL, 10);
    if (strcmp(variable("REQUEST_METHOD"), "POST") || length <= 0 || length > 65535) {
        printf("Status: 405 Method Not Allowed\r\nAllow: POST\r\nContent-Type: text/plain\r\n\r\nSend a form.\n");
        return 0;
    }
    char *form = calloc(1, (size_t)length + 1);
    if (!form || fread(form, 1, (size_t)length, stdin) != (size_t)length) {
        fprintf(stderr, "the form ended early\n");
        return 1;
    }
    printf("Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n\r\n");
    printf("<!doctype html><title>Guestbook</title><p>Welcome, ");
    if (!print_field(form, "name")) printf("stranger");
    printf(".\n");
    return 0;
}
