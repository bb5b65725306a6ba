/* A CGI program in C: the request is in the environment and on standard input, the answer goes to standard output.
 *
 * Standard error is the function's log. Every request gets a fresh instance: nothing has to be freed.
 */
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    fprintf(stderr, "%s %s\n", getenv("REQUEST_METHOD"), getenv("REQUEST_URI"));
    printf("Content-Type: text/plain\r\n\r\n");
    printf("Hello from {{name}}\n");
    return 0;
}
