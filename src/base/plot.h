/* plot.h - lines over months as a picture (SVG 1.1): panels side by side, each with one or two lines.
 *
 *     plot_begin(svg, 2 * PLOT_PANEL_WIDTH, height);
 *     const struct plot plot = { svg, first_month, months, rows, is_chinese };
 *     plot_panel(&plot, &panel, x, y);                  // as many as there are
 *     plot_end(svg);
 *
 * `rows` has a record for each month, or NULL where there is none; lines read their values from it, and break where
 * there is no value (NaN). Months are counted: year * 12 + month, from 0. What is written (titles, names) is ours: it
 * is not escaped.
 */
#ifndef ROENTGEN_PLOT_H
#define ROENTGEN_PLOT_H

#include "base/text.h"

enum { PLOT_PANEL_WIDTH = 400, PLOT_PANEL_HEIGHT = 200, PLOT_LINES_MAX = 2 };

extern const char *const plot_languages[]; /* "en", "zh" */
enum plot_language { PLOT_ENGLISH = 1, PLOT_CHINESE };

struct plot_words {
    const char *in[2]; /* in English and in Chinese */
};
struct plot_line {
    struct plot_words name;
    double (*value)(const void *row);
    void (*interval)(const void *row, double *low, double *high); /* NULL: there is none */
};
struct plot_panel {
    struct plot_words title;
    double top, mark; /* the axis goes up to at least this; 0: as far as the values; a line drawn across, or 0 */
    struct plot_line lines[PLOT_LINES_MAX];
};
struct plot {
    struct text *svg;
    int first_month, months;
    const void *const *rows;
    bool is_chinese;
};

void plot_begin(struct text *svg, int width, int height);
void plot_end(struct text *svg);
void plot_panel(const struct plot *plot, const struct plot_panel *panel, int x, int y);

#endif
