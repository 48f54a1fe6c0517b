/* bar.c - see bar.h. */
#include "cli/bar.h"

#include "base/clock.h"

#include <inttypes.h>
#include <unistd.h>

enum { WIDTH = 30, EVERY_US = 100000 };

static void draw(FILE *to, int64_t done, int64_t total)
{
    if (total <= 0)
        return;
    int full = done < total ? (int)((double)done / (double)total * WIDTH) : WIDTH;
    putc('[', to);
    for (int i = 0; i < WIDTH; i++)
        putc(i < full ? '#' : '-', to);
    fprintf(to, "]  ");
}

void bar_put(int64_t done, int64_t total)
{
    draw(stdout, done, total);
}

void bar_tell(struct bar *bar, int64_t done, int64_t total, const char *what)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us - bar->drawn_us < EVERY_US || !isatty(STDERR_FILENO))
        return;
    bar->drawn_us = now_us;
    fprintf(stderr, "\r\033[K");
    draw(stderr, done, total);
    fprintf(stderr, "%" PRId64 " of %" PRId64 " %s", done, total, what);
    fflush(stderr);
}

void bar_end(struct bar *bar)
{
    if (bar->drawn_us)
        fprintf(stderr, "\r\033[K");
    bar->drawn_us = 0;
}
