/* ask.c - what a command asks of the person at the terminal. */
#include "cli/command.h"

#include <termios.h>
#include <unistd.h>

struct str command_read_line(struct call *c)
{
    char line[512];
    if (!fgets(line, sizeof(line), stdin))
        return STR_NULL;
    struct str s = arena_copy(&c->arena, str_from(line));
    while (s.len && (s.at[s.len - 1] == '\n' || s.at[s.len - 1] == '\r'))
        s.len--;
    return s;
}

bool command_confirm(const char *question, const char *unasked)
{
    char answer[16] = "";
    printf("%s [y/N] ", question);
    fflush(stdout);
    if (isatty(STDIN_FILENO))
        return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
    fprintf(stderr, "\nroentgen: nothing was done: %s\n", unasked);
    return false;
}

struct str command_ask(struct call *c, const char *what, bool hidden)
{
    struct termios before, quiet;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    fprintf(stderr, "%s: ", what);
    if (terminal && hidden) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    struct str answer = command_read_line(c);
    if (terminal && hidden) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fprintf(stderr, "\n");
    }
    return answer;
}
