/* figures_plot.c - the figures as a picture (SVG 1.1): for each model four panels over the months.
 *
 *     alarms by 100 results | right here: ppv, agreement, with their intervals
 *     time to the result    | drift against the first month, with the mark above which much has changed
 */
#include "diagnosis/figures.h"

enum { HEADING = 34, PANELS = 4 };
#define DRIFT_MARK 0.25

static const struct month_figures *of(const void *row)
{
    return row;
}
static double alarms(const void *row)
{
    return of(row)->alarms_per_100;
}
static double ppv(const void *row)
{
    return 100 * of(row)->ppv.value;
}
static void ppv_interval(const void *row, double *low, double *high)
{
    *low = 100 * of(row)->ppv.low;
    *high = 100 * of(row)->ppv.high;
}
static double agreement(const void *row)
{
    return 100 * of(row)->agreement.value;
}
static void agreement_interval(const void *row, double *low, double *high)
{
    *low = 100 * of(row)->agreement.low;
    *high = 100 * of(row)->agreement.high;
}
static double wait_half(const void *row)
{
    return of(row)->wait_p50_ms / 1000;
}
static double wait_most(const void *row)
{
    return of(row)->wait_p95_ms / 1000;
}
static double score_drift(const void *row)
{
    return of(row)->score_drift;
}
static double input_drift(const void *row)
{
    return of(row)->input_drift;
}

static const struct plot_panel panels[PANELS] = {
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

static int month_number(struct str month)
{
    int64_t year = 0, number = 1;
    (void)(str_to_integer(str_slice(month, 0, 4), &year) && str_to_integer(str_slice(month, 5, 7), &number));
    return (int)(year * 12 + number - 1);
}

/* One model's rows, by the month. */
static void draw_model(struct plot *plot, const void **months, const struct month_figures *rows, ptrdiff_t count,
                       int above)
{
    for (int i = 0; i < plot->months; i++)
        months[i] = NULL;
    for (ptrdiff_t i = 0; i < count; i++)
        months[month_number(rows[i].month) - plot->first_month] = &rows[i];
    /* A card's name and version are letters, digits, dots, dashes and underscores. */
    text_format(plot->svg, "<g transform=\"translate(0 %d)\"><text class=\"h\" x=\"12\" y=\"24\">%.*s %.*s</text>",
                above, STR_FMT(rows->model_name), STR_FMT(rows->model_version));
    for (int i = 0; i < PANELS; i++)
        plot_panel(plot, &panels[i], i % 2 * PLOT_PANEL_WIDTH, HEADING + i / 2 * PLOT_PANEL_HEIGHT);
    text_put(plot->svg, S("</g>"));
}

static ptrdiff_t of_same_model(const struct month_figures *rows, ptrdiff_t count)
{
    ptrdiff_t n = 1;
    while (n < count && rows[n].model_id == rows->model_id)
        n++;
    return n;
}

void figures_draw(struct text *svg, const struct list *figures, enum plot_language language, struct arena *arena)
{
    const struct month_figures *rows = figures->items;
    enum { HEIGHT = HEADING + 2 * PLOT_PANEL_HEIGHT };
    static const struct plot_words nothing = { { "There are no results in these months.", "这些月份没有结果。" } };
    struct plot plot = { .svg = svg, .first_month = INT32_MAX, .is_chinese = language == PLOT_CHINESE };
    int models = 0, last = 0;
    for (ptrdiff_t i = 0; i < figures->count; i += of_same_model(rows + i, figures->count - i))
        models++;
    for (ptrdiff_t i = 0; i < figures->count; i++) {
        int month = month_number(rows[i].month);
        plot.first_month = month < plot.first_month ? month : plot.first_month;
        last = month > last ? month : last;
    }
    plot.months = figures->count ? last - plot.first_month + 1 : 0;
    const void **months = arena_array(arena, const void *, plot.months);
    plot.rows = months;
    plot_begin(svg, 2 * PLOT_PANEL_WIDTH, models ? models * HEIGHT : 60);
    if (!models)
        text_format(svg, "<text class=\"t\" x=\"12\" y=\"32\">%s</text>", nothing.in[plot.is_chinese]);
    int above = 0;
    for (ptrdiff_t i = 0, count; i < figures->count; i += count, above += HEIGHT) {
        count = of_same_model(rows + i, figures->count - i);
        draw_model(&plot, months, rows + i, count, above);
    }
    plot_end(svg);
}
