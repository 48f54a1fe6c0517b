/* figures_plot.c - the figures as a picture (SVG 1.1): for each model four panels over the months.
 *
 *     alarms by 100 results | right here: ppv, agreement, with their intervals
 *     time to the result    | drift against the first month, with the mark above which much has changed
 */
#include "diagnosis/figures.h"

#include "base/text.h"

#include <math.h>

const char *const figures_languages[] = { "en", "zh", NULL };

enum { PANEL_WIDTH = 400, PANEL_HEIGHT = 200, LEFT = 52, RIGHT = 16, TOP = 44, BOTTOM = 30, HEADING = 34 };
enum { SERIES_MAX = 2, TICKS = 4 };
#define DRIFT_MARK 0.25

struct words {
    const char *in[2]; /* by language */
};
struct series {
    struct words name;
    double (*value)(const struct month_figures *m);
    struct proportion (*interval)(const struct month_figures *m); /* NULL: there is none */
};
struct panel {
    struct words title;
    double top, mark; /* the axis goes up to at least this; 0: as far as the values; a line drawn across, or 0 */
    struct series series[SERIES_MAX];
};

static const char *const colours[SERIES_MAX] = { "#1f6f8b", "#c8553d" };

static double alarms(const struct month_figures *m)
{
    return m->alarms_per_100;
}
static double ppv(const struct month_figures *m)
{
    return 100 * m->ppv.value;
}
static struct proportion ppv_interval(const struct month_figures *m)
{
    return m->ppv;
}
static double agreement(const struct month_figures *m)
{
    return 100 * m->agreement.value;
}
static struct proportion agreement_interval(const struct month_figures *m)
{
    return m->agreement;
}
static double wait_half(const struct month_figures *m)
{
    return m->wait_p50_ms / 1000;
}
static double wait_most(const struct month_figures *m)
{
    return m->wait_p95_ms / 1000;
}
static double score_drift(const struct month_figures *m)
{
    return m->score_drift;
}
static double input_drift(const struct month_figures *m)
{
    return m->input_drift;
}

enum { PANELS = 4 };
static const struct panel panels[PANELS] = {
    { { { "Alarms by 100 results", "每百个结果的阳性数" } }, 10, 0, { { { { "alarms", "阳性" } }, alarms, NULL } } },
    { { { "Right here, % (95 % interval)", "在本院的正确率,%(95%区间)" } },
      100,
      0,
      { { { { "positive predictive value", "阳性预测值" } }, ppv, ppv_interval },
        { { { "agreement", "一致率" } }, agreement, agreement_interval } } },
    { { { "From question to result, s", "从提问到结果,秒" } },
      0,
      0,
      { { { { "half", "中位数" } }, wait_half, NULL }, { { { "95 of 100", "95百分位" } }, wait_most, NULL } } },
    { { { "Drift against the first month (PSI)", "相对首月的漂移(PSI)" } },
      0.3,
      DRIFT_MARK,
      { { { { "score", "分数" } }, score_drift, NULL }, { { { "input", "输入图像" } }, input_drift, NULL } } },
};

/* One model's rows, and the months of all. */
struct drawing {
    struct text *svg;
    const struct month_figures *rows;
    ptrdiff_t count;
    int first_month, months, language;
};

static int month_number(struct str month)
{
    int64_t year = 0, number = 1;
    (void)(str_to_integer(str_slice(month, 0, 4), &year) && str_to_integer(str_slice(month, 5, 7), &number));
    return (int)(year * 12 + number - 1);
}

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

static double axis_top(const struct drawing *d, const struct panel *panel)
{
    double top = panel->top;
    for (int s = 0; s < SERIES_MAX && panel->series[s].value; s++)
        for (ptrdiff_t i = 0; i < d->count; i++)
            top = fmax(top, panel->series[s].value(&d->rows[i])); /* of NaN: the other */
    return top <= 0 ? 1 : top > panel->top ? round_up(top) : top;
}

static double x_of(const struct drawing *d, const struct month_figures *m)
{
    int inside = PANEL_WIDTH - LEFT - RIGHT;
    return LEFT + inside * (month_number(m->month) - d->first_month + 0.5) / d->months;
}

static double y_of(double value, double top)
{
    return PANEL_HEIGHT - BOTTOM - (PANEL_HEIGHT - TOP - BOTTOM) * fmin(fmax(value, 0) / top, 1);
}

static void draw_axes(const struct drawing *d, const struct panel *panel, double top)
{
    struct text *svg = d->svg;
    text_format(svg, "<text class=\"t\" x=\"%d\" y=\"16\">%s</text>", LEFT, panel->title.in[d->language]);
    for (int i = 0; i <= TICKS; i++) {
        double value = top * i / TICKS;
        text_format(svg,
                    "<path class=\"g\" d=\"M%d %.1fH%d\"/><text class=\"s\" x=\"%d\" y=\"%.1f\" "
                    "text-anchor=\"end\">%g</text>",
                    LEFT, y_of(value, top), PANEL_WIDTH - RIGHT, LEFT - 6, y_of(value, top) + 4, value);
    }
    if (panel->mark > 0)
        text_format(svg, "<path class=\"m\" d=\"M%d %.1fH%d\"/>", LEFT, y_of(panel->mark, top), PANEL_WIDTH - RIGHT);
    int step = (d->months + 5) / 6;
    for (int i = 0; i < d->months; i += step) {
        int month = d->first_month + i;
        text_format(svg, "<text class=\"s\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%04d-%02d</text>",
                    LEFT + (PANEL_WIDTH - LEFT - RIGHT) * (i + 0.5) / d->months, PANEL_HEIGHT - 12, month / 12,
                    month % 12 + 1);
    }
}

/* A line from month to month; it breaks where a month has no value. */
static void draw_series(const struct drawing *d, const struct series *series, int index, double top)
{
    struct text *svg = d->svg;
    const struct month_figures *before = NULL;
    for (ptrdiff_t i = 0; i < d->count; i++) {
        const struct month_figures *m = &d->rows[i];
        double value = series->value(m), x = x_of(d, m);
        if (isnan(value)) {
            before = NULL;
            continue;
        }
        if (before && month_number(m->month) == month_number(before->month) + 1)
            text_format(svg, "<path stroke=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>", colours[index], x_of(d, before),
                        y_of(series->value(before), top), x, y_of(value, top));
        if (series->interval) {
            struct proportion p = series->interval(m);
            text_format(svg, "<path stroke=\"%s\" opacity=\".5\" d=\"M%.1f %.1fV%.1f\"/>", colours[index],
                        x + (index ? 3 : -3), y_of(100 * p.low, top), y_of(100 * p.high, top));
        }
        text_format(svg, "<circle fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%.*s: %.3g</title></circle>",
                    colours[index], x, y_of(value, top), STR_FMT(m->month), value);
        before = m;
    }
    text_format(svg, "<text class=\"s\" style=\"fill:%s\" x=\"%d\" y=\"32\">%s</text>", colours[index],
                LEFT + index * 170, series->name.in[d->language]);
}

static void draw_model(const struct drawing *d, int above)
{
    struct text *svg = d->svg;
    /* A card's name and version are letters, digits, dots, dashes and underscores. */
    text_format(svg, "<g transform=\"translate(0 %d)\"><text class=\"h\" x=\"12\" y=\"24\">%.*s %.*s</text>", above,
                STR_FMT(d->rows->model_name), STR_FMT(d->rows->model_version));
    for (int i = 0; i < PANELS; i++) {
        double top = axis_top(d, &panels[i]);
        text_format(svg, "<g transform=\"translate(%d %d)\">", i % 2 * PANEL_WIDTH, HEADING + i / 2 * PANEL_HEIGHT);
        draw_axes(d, &panels[i], top);
        for (int s = 0; s < SERIES_MAX && panels[i].series[s].value; s++)
            draw_series(d, &panels[i].series[s], s, top);
        text_put(svg, S("</g>"));
    }
    text_put(svg, S("</g>"));
}

static ptrdiff_t of_same_model(const struct month_figures *rows, ptrdiff_t count)
{
    ptrdiff_t n = 1;
    while (n < count && rows[n].model_id == rows->model_id)
        n++;
    return n;
}

static const char style[] =
    "<style>text{font-family:sans-serif;fill:#222}.h{font-size:16px;font-weight:bold}.t{font-size:13px}"
    ".s{font-size:10px}path{fill:none;stroke-width:1.5}.g{stroke:#ddd;stroke-width:1}"
    ".m{stroke:#888;stroke-dasharray:4 3}</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>";

void figures_draw(struct text *svg, const struct list *figures, enum figures_language language)
{
    const struct month_figures *rows = figures->items;
    enum { HEIGHT = HEADING + 2 * PANEL_HEIGHT };
    static const struct words nothing = { { "There are no results in these months.", "这些月份没有结果。" } };
    struct drawing d = { .svg = svg, .first_month = INT32_MAX, .language = language == FIGURES_CHINESE };
    int models = 0, last = 0;
    for (ptrdiff_t i = 0; i < figures->count; i += of_same_model(rows + i, figures->count - i))
        models++;
    for (ptrdiff_t i = 0; i < figures->count; i++) {
        int month = month_number(rows[i].month);
        d.first_month = month < d.first_month ? month : d.first_month;
        last = month > last ? month : last;
    }
    d.months = figures->count ? last - d.first_month + 1 : 0;
    int height = models ? models * HEIGHT : 60;
    text_format(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">",
                2 * PANEL_WIDTH, height, 2 * PANEL_WIDTH, height);
    text_put(svg, str_from(style));
    if (!models)
        text_format(svg, "<text class=\"t\" x=\"12\" y=\"32\">%s</text>", nothing.in[d.language]);
    int above = 0;
    for (ptrdiff_t i = 0; i < figures->count; i += d.count, above += HEIGHT) {
        d.rows = rows + i;
        d.count = of_same_model(rows + i, figures->count - i);
        draw_model(&d, above);
    }
    text_put(svg, S("</svg>\n"));
}
