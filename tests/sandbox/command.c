/* A CGI command for the tests: tells what it was given. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

int main(int count, char **arguments) {
  static char body[65536];
  int variables = 0;
  const char *what = count > 1 ? arguments[1] : "";
  fprintf(stderr, "a warning\n");
  if (strcmp(what, "fail") == 0) {
    fprintf(stderr, "no such luck");
    exit(3);
  }
  if (strcmp(what, "sleep") == 0) sleep(3600);
  printf("Content-Type: text/plain\r\n\r\narguments %d:", count);
  for (int at = 0; at < count; at++) printf(" %s", arguments[at]);
  for (char **variable = environ; variable && *variable; variable++) variables++;
  printf("\nmethod %s, greeting %s, variables %d\n", getenv("REQUEST_METHOD"), getenv("GREETING"), variables);
  printf("body of %zu bytes\n", fread(body, 1, sizeof body, stdin));
  printf("file %s, folder %s\n", fopen("/etc/passwd", "r") ? "there" : "none", opendir("/") ? "there" : "none");
  return 0;
}
