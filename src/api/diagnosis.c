/* diagnosis.c - a model's opinion: asked for, shown, drawn, judged. */
#include "diagnosis/diagnosis.h"
#include "diagnosis/diagnosis_maps.h"
#include "diagnosis/heat_map.h"
#include "diagnosis/prepare.h"
#include "web/exchange.h"
#include "web/listing.h"

/* ---- asking ---- */

static const struct field wish_fields[] = {
    FIELD(struct diagnosis_wish, image_file_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX,
          .doc = "Of which image."),
    FIELD(struct diagnosis_wish, frame, .min = 1, .max = PIXEL_FRAMES_MAX, .fallback = "1",
          .doc = "Of which of its frames."),
    FIELD(struct diagnosis_wish, model_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "Which model; null: the one in use for such an image that was switched on last."),
    FIELD(struct diagnosis_wish, priority, .choices = job_priorities, .type = "JobPriority", .fallback = "NORMAL",
          .doc = "STAT comes before all others that wait."),
    FIELD(struct diagnosis_wish, force, .fallback = "false", .doc = "Asks again what was answered already."),
};
static const struct schema wish_schema =
    SCHEMA("DiagnosisWish", struct diagnosis_wish, wish_fields, .doc = "What is asked of a model.");

static bool diagnosis_post(struct call *c)
{
    int64_t id;
    bool made;
    if (!diagnosis_ask(c, c->in, &id, &made))
        return false;
    answer_location(c, "/api/v1/diagnosis/%" PRId64, id);
    answer_status(c, made ? 202 : 200);
    return diagnosis_load(c, id, c->out);
}

/* ---- lists ---- */

struct diagnosis_list {
    struct list_query list;
    int64_t image_file_id;
};
#define DIAGNOSIS_SORTS(X) X("queued_at", "d.queued_at")
LIST_ORDER(diagnosis_order, DIAGNOSIS_SORTS);
static const struct field diagnosis_list_fields[] = {
    LIST_FIELDS(struct diagnosis_list, diagnosis_order, "-queued_at"),
    FIELD(struct diagnosis_list, image_file_id, .min = 1, .max = INT64_MAX,
          .doc = "Those of this image; else those that one has asked for oneself."),
};
static const struct schema diagnosis_list = SCHEMA("DiagnosisList", struct diagnosis_list, diagnosis_list_fields);
static const struct listing diagnosis_listing = { .row = &diagnosis_schema, .id = "d.id", .order = &diagnosis_order };

static bool diagnosis_list_get(struct call *c)
{
    const struct diagnosis_list *in = c->in;
    struct value values[DIAGNOSIS_SIGHT_VALUES];
    bool of_image = in->image_file_id > 0;
    struct condition shown[] = { of_image ? (struct condition){ "d.image_file_id = ?", V(in->image_file_id) }
                                          : (struct condition){ "d.asked_by = ?", V(call_user(c)) },
                                 diagnosis_in_sight(c, values) };
    return list_answer(c, &diagnosis_listing, (struct list_among){ .conditions = shown, .condition_count = 2 });
}

/* ---- one ---- */

struct diagnosis_key {
    int64_t id;
    struct str reason;
};
static const struct field diagnosis_key_fields[] = { KEY(struct diagnosis_key, id, "The diagnosis.") };
static const struct schema diagnosis_key = SCHEMA("DiagnosisKey", struct diagnosis_key, diagnosis_key_fields);

static bool diagnosis_get(struct call *c)
{
    return diagnosis_load(c, ((const struct diagnosis_key *)c->in)->id, c->out);
}

static bool diagnosis_delete(struct call *c)
{
    return diagnosis_cancel(c, ((const struct diagnosis_key *)c->in)->id);
}

static const struct field withdraw_fields[] = {
    KEY(struct diagnosis_key, id, "The diagnosis."),
    FIELD(struct diagnosis_key, reason, .flags = REQUIRED, .min = 1, .max = 500, .doc = "Why it should not count."),
};
static const struct schema withdraw_schema = SCHEMA("DiagnosisWithdrawal", struct diagnosis_key, withdraw_fields);

static bool withdraw_post(struct call *c)
{
    const struct diagnosis_key *in = c->in;
    return diagnosis_withdraw(c, in->id, in->reason, c->out);
}

static const struct field review_fields[] = {
    KEY(struct review, id, "The diagnosis."),
    FIELD(struct review, decision, .flags = REQUIRED, .choices = review_decisions, .type = "ReviewDecision",
          .doc = "Is it right?"),
    FIELD(struct review, findings, .of = &finding_schema, .flags = NULLABLE, .max = FINDINGS_MAX,
          .doc = "MODIFIED: what it should have said."),
    FIELD(struct review, comment, .flags = NULLABLE, .max = 2000, .doc = "In words; needed where it is rejected."),
};
static const struct schema review_schema = SCHEMA("DiagnosisReview", struct review, review_fields);

static bool review_post(struct call *c)
{
    return diagnosis_review(c, c->in, c->out);
}

/* ---- where the evidence lies ---- */

struct heat_query {
    int64_t id;
    double opacity;
    unsigned colours;
    bool blend, outline, invert;
    double window_center, window_width;
    int64_t width, height;
};
static const struct field heat_fields[] = {
    KEY(struct heat_query, id, "The diagnosis."),
    FIELD(struct heat_query, opacity, .min = 0, .max = 1, .fallback = "0.4",
          .doc = "How much of it covers the picture."),
    FIELD(struct heat_query, colours, .choices = heat_colour_names, .type = "HeatColours", .fallback = "inferno",
          .doc = "The colour map."),
    FIELD(struct heat_query, blend, .fallback = "true", .doc = "Over the picture, or alone."),
    FIELD(struct heat_query, outline, .fallback = "false", .doc = "Also the outline of what the model looked at."),
    FIELD(struct heat_query, invert, .fallback = "false", .doc = "Turns black and white of the picture."),
    FIELD(struct heat_query, window_center, .flags = NULLABLE, .doc = "The picture's window, as in /rendered."),
    FIELD(struct heat_query, window_width, .flags = NULLABLE, .doc = "Its width."),
    FIELD(struct heat_query, width, .min = 1, .max = 4096, .fallback = "1024", .doc = "It fits into this width ..."),
    FIELD(struct heat_query, height, .min = 1, .max = 4096, .fallback = "1024", .doc = "... and this height."),
};
static const struct schema heat_schema = SCHEMA("HeatMapQuery", struct heat_query, heat_fields);

struct drawing {
    const struct heat_query *in;
    struct diagnosis diagnosis;
    struct diagnosis_maps maps;
    struct str png;
};

static bool draw(struct call *c, const struct image *image, struct drawing *drawing)
{
    const struct heat_query *in = drawing->in;
    struct picture_query query;
    struct film film;
    struct canvas canvas;
    picture_query_default(&query);
    query.frame = drawing->diagnosis.frame;
    query.width = in->width;
    query.height = in->height;
    query.window_center = in->window_center;
    query.window_width = in->window_width;
    query.invert = in->invert;
    struct heat_map map = { .grid = drawing->maps.evidence.at ? &drawing->maps.evidence : NULL,
                            .placement = &drawing->maps.placement,
                            .colours = (enum heat_colours)in->colours,
                            .opacity = in->opacity,
                            .blended = in->blend,
                            .outline = in->outline && drawing->maps.region.at ? &drawing->maps.region : NULL };
    if (!film_of_query(c, image, &query, &film) || !canvas_of_film(c, &film, &canvas))
        return false;
    heat_map_draw(&map, &canvas);
    return heat_map_png(c, &canvas, &drawing->png);
}

static bool heatmap_get(struct call *c)
{
    struct drawing drawing = { .in = c->in };
    struct image_file file;
    struct image image;
    if (!diagnosis_load(c, drawing.in->id, &drawing.diagnosis))
        return false;
    if (!drawing.diagnosis.has_heatmap)
        return fail(c, E_CONFLICT, "this result says nothing of where its evidence lies");
    if (!maps_read(c, drawing.diagnosis.maps.text, &drawing.maps) ||
        !image_file_load(c, drawing.diagnosis.image_file_id, &file) || !image_open(c, &file, &image))
        return false;
    bool ok = draw(c, &image, &drawing);
    if (!image_close(c, &image) || !ok)
        return false;
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_bytes(c, "image/png", drawing.png);
    return true;
}

#define DIAGNOSIS .entity = "diagnosis", .tag = "diagnosis"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/diagnosis", diagnosis_list_get, &diagnosis_list, &diagnosis_schema, .permission = MAY_RUN_AI,
      DIAGNOSIS, .flags = LIST, .audit = "diagnosis.list", .summary = "Lists what models said",
      .doc = "Of one image, by everybody's wish; or what one has asked for oneself." },
    { HTTP_POST, "/api/v1/diagnosis", diagnosis_post, &wish_schema, &diagnosis_schema, .permission = MAY_RUN_AI,
      DIAGNOSIS, .runs = WRITES, .body = BODY_JSON, .status = 202, .audit = "diagnosis.create",
      .summary = "Asks a model for its opinion on an image",
      .doc = "202: it is on its way; `/events` tells when it has come. 200: what was answered already, by the same "
             "model on the same image. 422 names what the model asks of an image, where this is none of these.",
      .also = { { 200, "It was asked before." } } },
    { HTTP_GET, "/api/v1/diagnosis/{id}", diagnosis_get, &diagnosis_key, &diagnosis_schema, .permission = MAY_RUN_AI,
      DIAGNOSIS, .audit = "diagnosis.read", .summary = "Shows what a model said" },
    { HTTP_DELETE, "/api/v1/diagnosis/{id}", diagnosis_delete, &diagnosis_key, NULL, .permission = MAY_RUN_AI,
      DIAGNOSIS, .runs = WRITES, .audit = "diagnosis.cancel", .summary = "Takes a question back",
      .doc = "One that waits or is under way; 409 when it has ended. Of others who manages the system." },
    { HTTP_POST, "/api/v1/diagnosis/{id}/review", review_post, &review_schema, &diagnosis_schema,
      .permission = MAY_REVIEW_AI, DIAGNOSIS, .runs = WRITES, .body = BODY_JSON, .audit = "diagnosis.review",
      .summary = "Judges what a model said",
      .doc = "Reviews stand beside each other, in order; what the model said stays as it is." },
    { HTTP_POST, "/api/v1/diagnosis/{id}/withdraw", withdraw_post, &withdraw_schema, &diagnosis_schema,
      .permission = MAY_REVIEW_AI, DIAGNOSIS, .runs = WRITES, .body = BODY_JSON, .audit = "diagnosis.withdraw",
      .summary = "Takes a result off the record's face", .doc = "It stays in the history, with the reason." },
    { HTTP_GET, "/api/v1/diagnosis/{id}/heatmap", heatmap_get, &heat_schema, NULL, .permission = MAY_RUN_AI, DIAGNOSIS,
      .runs = WORKS, .lane = LANE_PICTURES, .flags = NOT_JSON, .answers = "image/png", .audit = "diagnosis.heatmap",
      .summary = "Draws where the network found its evidence",
      .doc = "Over the picture, or alone. It shows what spoke for the model's answer, and is no finder of lesions. 409 "
             "where the result has none." },
};
ENDPOINT_TABLE(diagnosis_endpoints, rows);
