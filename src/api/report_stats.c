/* report_stats.c - how long reports took, as rows and as a picture. */
#include "reports/turnaround.h"
#include "web/exchange.h"

struct stats_query {
    struct turnaround_wish wish;
    unsigned language;
};
#define WISHES \
    FIELD_AS(struct stats_query, "from", wish.from, \
             .doc = "Signed for the first time on this day or later; else in the last twelve months."), \
        FIELD_AS(struct stats_query, "to", wish.to, .doc = "On this day or earlier; else until today.")
static const struct field stats_fields[] = { WISHES };
static const struct schema stats_query = SCHEMA("ReportStatsQuery", struct stats_query, stats_fields);
static const struct field plot_fields[] = {
    WISHES,
    FIELD(struct stats_query, language, .choices = plot_languages, .type = "FiguresLanguage", .fallback = "en",
          .doc = "In which language it is labelled."),
};
static const struct schema plot_query = SCHEMA("ReportPlotQuery", struct stats_query, plot_fields);

static bool stats_get(struct call *c)
{
    return turnaround_read(c, &((const struct stats_query *)c->in)->wish, c->out);
}

static bool plot_get(struct call *c)
{
    enum { SVG_BYTES_MAX = 32 << 20 };
    const struct stats_query *in = c->in;
    struct turnaround_figures figures;
    struct text svg;
    if (!turnaround_read(c, &in->wish, &figures))
        return false;
    text_init(&svg, SVG_BYTES_MAX);
    turnaround_draw(&svg, &figures, (enum plot_language)in->language, &c->arena);
    bool fits = !svg.overflowed;
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_header(c, "Content-Security-Policy", S("default-src 'none'; style-src 'unsafe-inline'"));
    answer_bytes(c, "image/svg+xml", arena_copy(&c->arena, text_str(&svg)));
    text_release(&svg);
    return fits || fail(c, E_TOO_LARGE, "that is too much for one picture: name fewer days");
}

#define STATS .permission = MAY_READ_REPORTS, .entity = "report", .tag = "reports", .runs = WORKS
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/reports/stats", stats_get, &stats_query, &turnaround_figures_schema, STATS,
      .audit = "report.stats", .summary = "Says how long reports took, stage by stage",
      .doc =
          "Median and p90 (nearest rank) from the study's first image to the draft, the submission, the approval and "
          "the first signature; by month, modality and author. Of the reports that one may see; authors are named "
          "to those who review reports." },
    { HTTP_GET, "/api/v1/reports/stats.svg", plot_get, &plot_query, NULL, STATS, .flags = NOT_JSON,
      .answers = "image/svg+xml", .audit = "report.stats", .summary = "Draws the same",
      .doc = "Four panels for all, and for each modality." },
};
ENDPOINT_TABLE(report_stats_endpoints, rows);
