/* turnaround_plot.c - how long reports took as a picture: for all, and for each modality, four panels over the months.
 *
 *     from the first image to the signature | from the first image to the draft
 *     review                                | late, of 100 that were due
 */
#include "reports/turnaround.h"

enum { HEADING = 34, PANELS = 4, MODALITY_MAX = 16 };

static const struct turnaround *of(const void *row)
{
    return row;
}
#define HOURS(NAME, STAGE, QUANTILE) \
    static double NAME(const void *row) \
    { \
        return of(row)->STAGE.QUANTILE / 3600; \
    }
HOURS(total_half, total, median_s)
HOURS(total_most, total, p90_s)
HOURS(draft_half, draft, median_s)
HOURS(draft_most, draft, p90_s)
HOURS(review_half, review, median_s)
HOURS(review_most, review, p90_s)
static double late(const void *row)
{
    return 100 * of(row)->overdue_share;
}

#define HALF \
    { \
        { \
            "median", "中位数" \
        } \
    }
#define MOST \
    { \
        { \
            "90 of 100", "90百分位" \
        } \
    }
static const struct plot_panel panels[PANELS] = {
    { { { "From the first image to the signature, h", "从首幅图像到签署,小时" } },
      0,
      0,
      { { HALF, total_half, NULL }, { MOST, total_most, NULL } } },
    { { { "From the first image to the draft, h", "从首幅图像到开始书写,小时" } },
      0,
      0,
      { { HALF, draft_half, NULL }, { MOST, draft_most, NULL } } },
    { { { "Review, h", "审核,小时" } }, 0, 0, { { HALF, review_half, NULL }, { MOST, review_most, NULL } } },
    { { { "Late, of 100 that were due", "超时,每百份" } }, 10, 0, { { { { "late", "超时" } }, late, NULL } } },
};

static int month_number(struct str month)
{
    int64_t year = 0, number = 1;
    (void)(str_to_integer(str_slice(month, 0, 4), &year) && str_to_integer(str_slice(month, 5, 7), &number));
    return (int)(year * 12 + number - 1);
}

/* A code string of a file: what is none is not written into the picture. */
static void put_heading(const struct plot *plot, struct str modality)
{
    bool is_code = modality.len > 0 && modality.len <= MODALITY_MAX;
    for (ptrdiff_t i = 0; i < modality.len; i++)
        is_code = is_code && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ", modality.at[i]) && modality.at[i];
    text_put(plot->svg, S("<text class=\"h\" x=\"12\" y=\"24\">"));
    text_put(plot->svg, is_code ? modality : plot->is_chinese ? S("其他") : S("other"));
    text_put(plot->svg, S("</text>"));
}

static void draw_group(struct plot *plot, const void **months, const struct turnaround *rows, ptrdiff_t count,
                       struct str heading, int above)
{
    for (int i = 0; i < plot->months; i++)
        months[i] = NULL;
    for (ptrdiff_t i = 0; i < count; i++)
        months[month_number(rows[i].month) - plot->first_month] = &rows[i];
    text_format(plot->svg, "<g transform=\"translate(0 %d)\">", above);
    put_heading(plot, heading);
    for (int i = 0; i < PANELS; i++)
        plot_panel(plot, &panels[i], i % 2 * PLOT_PANEL_WIDTH, HEADING + i / 2 * PLOT_PANEL_HEIGHT);
    text_put(plot->svg, S("</g>"));
}

static ptrdiff_t of_same_modality(const struct turnaround *rows, ptrdiff_t count)
{
    ptrdiff_t n = 1;
    while (n < count && str_equal(rows[n].modality, rows->modality))
        n++;
    return n;
}

void turnaround_draw(struct text *svg, const struct turnaround_figures *figures, enum plot_language language,
                     struct arena *arena)
{
    enum { HEIGHT = HEADING + 2 * PLOT_PANEL_HEIGHT };
    static const struct plot_words nothing = { { "No report was signed in this time.", "这段时间没有签署的报告。" } };
    const struct turnaround *all = figures->months.items, *rows = figures->modality_months.items;
    struct plot plot = { .svg = svg, .is_chinese = language == PLOT_CHINESE };
    if (!figures->months.count) {
        plot_begin(svg, 2 * PLOT_PANEL_WIDTH, 60);
        text_format(svg, "<text class=\"t\" x=\"12\" y=\"32\">%s</text>", nothing.in[plot.is_chinese]);
        plot_end(svg);
        return;
    }
    plot.first_month = month_number(all[0].month);
    plot.months = month_number(all[figures->months.count - 1].month) - plot.first_month + 1;
    const void **months = arena_array(arena, const void *, plot.months);
    plot.rows = months;
    plot_begin(svg, 2 * PLOT_PANEL_WIDTH, (int)(figures->modalities.count + 1) * HEIGHT);
    draw_group(&plot, months, all, figures->months.count, S("ALL"), 0);
    int above = HEIGHT;
    for (ptrdiff_t i = 0, count; i < figures->modality_months.count; i += count, above += HEIGHT) {
        count = of_same_modality(rows + i, figures->modality_months.count - i);
        draw_group(&plot, months, rows + i, count, rows[i].modality, above);
    }
    plot_end(svg);
}
