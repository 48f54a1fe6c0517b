/* plot.c - see plot.h. */
#include "base/plot.h"

#include <math.h>

const char *const plot_languages[] = { "en", "zh", NULL };

enum { LEFT = 52, RIGHT = 16, TOP = 44, BOTTOM = 30, TICKS = 4 };
static const char *const colours[PLOT_LINES_MAX] = { "#1f6f8b", "#c8553d" };

/* 1, 2 or 5 times a power of ten, at least `x`. */
static double round_up(double x)
{
    double power = pow(10, floor(log10(x)));
    static const double steps[] = { 1, 2, 5, 10 };
    for (int i = 0; i < 4; i++)
        if (steps[i] * power >= x)
            return steps[i] * power;
    return 10 * power;
}

static double axis_top(const struct plot *p, const struct plot_panel *panel)
{
    double top = panel->top;
    for (int k = 0; k < PLOT_LINES_MAX && panel->lines[k].value; k++)
        for (int i = 0; i < p->months; i++)
            if (p->rows[i])
                top = fmax(top, panel->lines[k].value(p->rows[i])); /* of NaN: the other */
    return top <= 0 ? 1 : top > panel->top ? round_up(top) : top;
}

static double x_of(const struct plot *p, int month)
{
    int inside = PLOT_PANEL_WIDTH - LEFT - RIGHT;
    return LEFT + inside * (month + 0.5) / p->months;
}

static double y_of(double value, double top)
{
    return PLOT_PANEL_HEIGHT - BOTTOM - (PLOT_PANEL_HEIGHT - TOP - BOTTOM) * fmin(fmax(value, 0) / top, 1);
}

static void draw_axes(const struct plot *p, const struct plot_panel *panel, double top)
{
    struct text *svg = p->svg;
    text_format(svg, "<text class=\"t\" x=\"%d\" y=\"16\">%s</text>", LEFT, panel->title.in[p->is_chinese]);
    for (int i = 0; i <= TICKS; i++) {
        double value = top * i / TICKS;
        text_format(svg,
                    "<path class=\"g\" d=\"M%d %.1fH%d\"/><text class=\"s\" x=\"%d\" y=\"%.1f\" "
                    "text-anchor=\"end\">%g</text>",
                    LEFT, y_of(value, top), PLOT_PANEL_WIDTH - RIGHT, LEFT - 6, y_of(value, top) + 4, value);
    }
    if (panel->mark > 0)
        text_format(svg, "<path class=\"m\" d=\"M%d %.1fH%d\"/>", LEFT, y_of(panel->mark, top),
                    PLOT_PANEL_WIDTH - RIGHT);
    int step = (p->months + 5) / 6;
    for (int i = 0; i < p->months; i += step) {
        int month = p->first_month + i;
        text_format(svg, "<text class=\"s\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%04d-%02d</text>", x_of(p, i),
                    PLOT_PANEL_HEIGHT - 12, month / 12, month % 12 + 1);
    }
}

static void draw_line(const struct plot *p, const struct plot_line *line, int index, double top)
{
    struct text *svg = p->svg;
    double before = NAN; /* of the month before */
    for (int i = 0; i < p->months; i++) {
        double value = p->rows[i] ? line->value(p->rows[i]) : NAN, x = x_of(p, i), low, high;
        if (!isnan(value) && !isnan(before))
            text_format(svg, "<path stroke=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>", colours[index], x_of(p, i - 1),
                        y_of(before, top), x, y_of(value, top));
        before = value;
        if (isnan(value))
            continue;
        if (line->interval) {
            line->interval(p->rows[i], &low, &high);
            text_format(svg, "<path stroke=\"%s\" opacity=\".5\" d=\"M%.1f %.1fV%.1f\"/>", colours[index],
                        x + (index ? 3 : -3), y_of(low, top), y_of(high, top));
        }
        int month = p->first_month + i;
        text_format(svg, "<circle fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%04d-%02d: %.3g</title></circle>",
                    colours[index], x, y_of(value, top), month / 12, month % 12 + 1, value);
    }
    text_format(svg, "<text class=\"s\" style=\"fill:%s\" x=\"%d\" y=\"32\">%s</text>", colours[index],
                LEFT + index * 170, line->name.in[p->is_chinese]);
}

void plot_panel(const struct plot *p, const struct plot_panel *panel, int x, int y)
{
    double top = axis_top(p, panel);
    text_format(p->svg, "<g transform=\"translate(%d %d)\">", x, y);
    draw_axes(p, panel, top);
    for (int i = 0; i < PLOT_LINES_MAX && panel->lines[i].value; i++)
        draw_line(p, &panel->lines[i], i, top);
    text_put(p->svg, S("</g>"));
}

static const char style[] =
    "<style>text{font-family:sans-serif;fill:#222}.h{font-size:16px;font-weight:bold}.t{font-size:13px}"
    ".s{font-size:10px}path{fill:none;stroke-width:1.5}.g{stroke:#ddd;stroke-width:1}"
    ".m{stroke:#888;stroke-dasharray:4 3}</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>";

void plot_begin(struct text *svg, int width, int height)
{
    text_format(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">",
                width, height, width, height);
    text_put(svg, str_from(style));
}

void plot_end(struct text *svg)
{
    text_put(svg, S("</svg>\n"));
}
