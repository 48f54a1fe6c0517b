/* bar.h - how far something has got, on a terminal.
 *
 *     bar_put(123, 456)                           // "[########--------------------]  "; nothing without a total
 *
 *     struct bar bar = { 0 };
 *     bar_tell(&bar, 123, 456, "files")           // over itself, ten times a second at most; elsewhere nothing
 *     bar_end(&bar)
 */
#ifndef ROENTGEN_BAR_H
#define ROENTGEN_BAR_H

#include <stdbool.h>
#include <stdint.h>

struct bar {
    int64_t drawn_us; /* 0: nothing is drawn */
};

void bar_put(int64_t done, int64_t total);
/* To standard error, so that what a command prints can go into a file. */
void bar_tell(struct bar *bar, int64_t done, int64_t total, const char *what);
void bar_end(struct bar *bar); /* what was drawn goes */

#endif
