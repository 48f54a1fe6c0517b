/* diagnosis_figures.c - how models do here, as rows and as a picture. */
#include "diagnosis/figures.h"
#include "web/exchange.h"

struct figures_query {
    struct figures_wish wish;
    unsigned language;
};
#define WISH(member, ...) \
    { \
        .name = #member, .name_len = sizeof(#member) - 1, .kind = KIND_OF(((struct figures_query *)0)->wish.member), \
        .offset = offsetof(struct figures_query, wish.member), __VA_ARGS__ \
    }
#define WISHES \
    WISH(model_id, .min = 1, .max = INT64_MAX, .doc = "Only this model."), \
        WISH(from, .doc = "From the month of this day on; else the last twelve months."), \
        WISH(to, .doc = "Until the month of this day; else until this month.")
static const struct field stats_fields[] = { WISHES };
static const struct schema stats_query = SCHEMA("DiagnosisStatsQuery", struct figures_query, stats_fields);
static const struct field plot_fields[] = {
    WISHES,
    FIELD(struct figures_query, language, .choices = plot_languages, .type = "FiguresLanguage", .fallback = "en",
          .doc = "In which language it is labelled."),
};
static const struct schema plot_query = SCHEMA("DiagnosisPlotQuery", struct figures_query, plot_fields);

struct stats {
    struct list items;
};
static const struct field answer_fields[] = {
    FIELD(struct stats, items, .of = &month_figures_schema, .doc = "One row a model and month with results."),
};
static const struct schema answer_schema =
    SCHEMA("DiagnosisStats", struct stats, answer_fields, .doc = "How models did, month by month.");

static bool stats_get(struct call *c)
{
    return figures_read(c, &((const struct figures_query *)c->in)->wish, &((struct stats *)c->out)->items);
}

static bool plot_get(struct call *c)
{
    enum { SVG_BYTES_MAX = 32 << 20 };
    const struct figures_query *in = c->in;
    struct list figures;
    struct text svg;
    if (!figures_read(c, &in->wish, &figures))
        return false;
    text_init(&svg, SVG_BYTES_MAX);
    figures_draw(&svg, &figures, (enum plot_language)in->language, &c->arena);
    bool fits = !svg.overflowed;
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_header(c, "Content-Security-Policy", S("default-src 'none'; style-src 'unsafe-inline'"));
    answer_bytes(c, "image/svg+xml", arena_copy(&c->arena, text_str(&svg)));
    text_release(&svg);
    return fits || fail(c, E_TOO_LARGE, "that is too much for one picture: name a model, or fewer months");
}

#define STATS .permission = MAY_REVIEW_AI, .entity = "diagnosis", .tag = "diagnosis", .runs = WORKS
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/diagnosis/stats", stats_get, &stats_query, &answer_schema, STATS,
      .summary = "Counts how often each model was right here, by month",
      .doc = "By the last review of each result. What was withdrawn does not count; what a model said as a SHADOW "
             "counts for who manages the system." },
    { HTTP_GET, "/api/v1/diagnosis/stats.svg", plot_get, &plot_query, NULL, STATS, .flags = NOT_JSON,
      .answers = "image/svg+xml", .summary = "Draws the same",
      .doc = "Four panels a model: alarms, how often it was right, time, drift." },
};
ENDPOINT_TABLE(diagnosis_figures_endpoints, rows);
