/* diagnosis.c - a model's opinion: asked for, shown, drawn, judged. */
#include "diagnosis/diagnosis.h"
#include "diagnosis/diagnosis_maps.h"
#include "diagnosis/heat_map.h"
#include "diagnosis/prepare.h"
#include "records/visibility.h"
#include "web/exchange.h"
#include "web/listing.h"

/* ---- asking ---- */

#define HOW_IT_IS_ASKED(T) \
    FIELD(T, model_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX, \
          .doc = "Which model; null: of those in use for such an image the preferred, then the newest."), \
        FIELD(T, priority, .choices = job_priorities, .type = "JobPriority", .fallback = "NORMAL", \
              .doc = "STAT comes before all others that wait."), \
        FIELD(T, force, .fallback = "false", .doc = "Asks again what was answered already.")

static const struct field wish_fields[] = {
    FIELD(struct diagnosis_wish, image_file_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "Of which image."),
    FIELD(struct diagnosis_wish, study_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "Or of which study: of each of its images that the model is for."),
    FIELD(struct diagnosis_wish, frame, .min = 1, .max = PIXEL_FRAMES_MAX, .fallback = "1",
          .doc = "Of which of the image's frames."),
    HOW_IT_IS_ASKED(struct diagnosis_wish),
};
static const struct schema wish_schema =
    SCHEMA("DiagnosisWish", struct diagnosis_wish, wish_fields, .doc = "What is asked of a model.");

/* One of both; *out: struct diagnosis_asked. */
static bool ask(struct call *c, const struct diagnosis_wish *wish, struct list *out)
{
    if (wish->study_id > 0)
        return diagnosis_ask_study(c, wish, out);
    struct diagnosis_asked *one = arena_new(&c->arena, struct diagnosis_asked);
    *out = (struct list){ one, 1 };
    return diagnosis_ask(c, wish, one);
}

static bool diagnosis_post(struct call *c)
{
    const struct diagnosis_wish *wish = c->in;
    struct list asked;
    bool is_new = false;
    if ((wish->image_file_id > 0) == (wish->study_id > 0))
        return error_add_problem(&c->error, &c->arena, "body", S("image_file_id"), "missing",
                                 "one of image_file_id and study_id is needed");
    if (!ask(c, wish, &asked))
        return false;
    const struct diagnosis_asked *first = asked.items;
    for (ptrdiff_t i = 0; i < asked.count; i++)
        is_new |= first[i].is_new;
    answer_location(c, "/api/v1/diagnosis/%" PRId64, first->diagnosis_id);
    answer_status(c, is_new ? 202 : 200);
    return diagnosis_load(c, first->diagnosis_id, c->out);
}

/* ---- asking of many ---- */

enum { BATCH_MAX = 200 };

struct batch_wish {
    struct integers image_file_ids, study_ids;
    int64_t model_id;
    unsigned priority;
    bool force;
};
static const struct field batch_wish_fields[] = {
    FIELD(struct batch_wish, image_file_ids, .flags = NULLABLE, .max = BATCH_MAX, .doc = "Of which images."),
    FIELD(struct batch_wish, study_ids, .flags = NULLABLE, .max = BATCH_MAX, .doc = "And of which studies."),
    HOW_IT_IS_ASKED(struct batch_wish),
};
static const struct schema batch_wish_schema =
    SCHEMA("DiagnosisBatchWish", struct batch_wish, batch_wish_fields, .doc = "What is asked of many images.");

struct batch_item {
    int64_t study_id, image_file_id, diagnosis_id, status;
    struct str error;
};
static const struct field batch_item_fields[] = {
    FIELD(struct batch_item, study_id, .flags = NULLABLE, .doc = "The study that was named; null: an image was."),
    FIELD(struct batch_item, image_file_id, .flags = NULLABLE, .doc = "The image; null: none of that study."),
    FIELD(struct batch_item, diagnosis_id, .flags = NULLABLE, .doc = "Where its answer is, or will be."),
    FIELD(struct batch_item, status,
          .doc = "The HTTP status that it would have got alone: 202, 200 when it was answered already, or why not."),
    FIELD(struct batch_item, error, .flags = NULLABLE, .doc = "The same in words."),
};
static const struct schema batch_item_schema =
    SCHEMA("DiagnosisBatchItem", struct batch_item, batch_item_fields, .doc = "What became of one image of a batch.");

struct batch_answer {
    struct list items;
};
static const struct field batch_answer_fields[] = {
    FIELD(struct batch_answer, items, .of = &batch_item_schema, .doc = "Images, then studies, as they were named."),
};
static const struct schema batch_answer_schema =
    SCHEMA("DiagnosisBatch", struct batch_answer, batch_answer_fields, .doc = "What became of a batch.");

/* False: it is not this one that cannot be asked, but nothing can be written now. */
static bool ask_one_of_many(struct call *c, const struct diagnosis_wish *wish, struct list *items, ptrdiff_t room)
{
    struct list asked;
    bool ok = ask(c, wish, &asked);
    if (!ok && c->error.code != E_NOT_FOUND && c->error.code != E_INVALID && c->error.code != E_CONFLICT)
        return false;
    if (items->count + (ok ? asked.count : 1) > room)
        return fail(c, E_INVALID, "that asks of more than %d images at once", DIAGNOSES_AT_ONCE);
    struct batch_item *next = (struct batch_item *)items->items + items->count;
    if (!ok) {
        *next = (struct batch_item){ wish->study_id, wish->image_file_id, INTEGER_NULL,
                                     error_row(c->error.code)->status, arena_copy(&c->arena, error_told(&c->error)) };
        error_clear(&c->error);
        items->count++;
        return true;
    }
    for (ptrdiff_t i = 0; i < asked.count; i++) {
        const struct diagnosis_asked *one = (const struct diagnosis_asked *)asked.items + i;
        next[i] = (struct batch_item){ wish->study_id, one->image_file_id, one->diagnosis_id, one->is_new ? 202 : 200,
                                       STR_NULL };
    }
    items->count += asked.count;
    return true;
}

static bool batch_post(struct call *c)
{
    const struct batch_wish *in = c->in;
    struct list *items = &((struct batch_answer *)c->out)->items;
    struct diagnosis_wish wish = { INTEGER_NULL, INTEGER_NULL, 1, in->model_id, in->priority, in->force };
    if (!in->image_file_ids.count && !in->study_ids.count)
        return error_add_problem(&c->error, &c->arena, "body", S("image_file_ids"), "missing",
                                 "images or studies are needed");
    *items = (struct list){ arena_array(&c->arena, struct batch_item, DIAGNOSES_AT_ONCE), 0 };
    for (ptrdiff_t i = 0; i < in->image_file_ids.count; i++) {
        wish.image_file_id = in->image_file_ids.items[i];
        if (!ask_one_of_many(c, &wish, items, DIAGNOSES_AT_ONCE))
            return false;
    }
    wish.image_file_id = INTEGER_NULL;
    for (ptrdiff_t i = 0; i < in->study_ids.count; i++) {
        wish.study_id = in->study_ids.items[i];
        if (!ask_one_of_many(c, &wish, items, DIAGNOSES_AT_ONCE))
            return false;
    }
    return true;
}

/* ---- lists ---- */

struct diagnosis_list {
    struct list_query list;
    int64_t image_file_id, study_id, model_id;
    unsigned status, verdict;
    struct instant queued_from, queued_to;
    bool mine;
};
#define DIAGNOSIS_SORTS(X) X("queued_at", "d.queued_at")
LIST_ORDER(diagnosis_order, DIAGNOSIS_SORTS);
static const struct field diagnosis_list_fields[] = {
    LIST_FIELDS(struct diagnosis_list, diagnosis_order, "-queued_at"),
    FIELD(struct diagnosis_list, image_file_id, .min = 1, .max = INT64_MAX, .doc = "Those of this image."),
    FIELD(struct diagnosis_list, study_id, .min = 1, .max = INT64_MAX, .doc = "Those of images of this study."),
    FIELD(struct diagnosis_list, mine, .fallback = "true",
          .doc = "Without image or study: those that one has asked for oneself; false: everybody's, for who sees all "
                 "images."),
    FIELD(struct diagnosis_list, model_id, .min = 1, .max = INT64_MAX, .filter = "d.model_id = ?",
          .doc = "Those of this model."),
    FIELD(struct diagnosis_list, status, .choices = diagnosis_statuses, .type = "DiagnosisStatus",
          .filter = DIAGNOSIS_STATUS_SQL " = ?", .doc = "Those that are so far."),
    FIELD(struct diagnosis_list, verdict, .choices = review_decisions, .type = "ReviewDecision",
          .filter = "d.verdict = ?", .doc = "Those of which the last review says this."),
    FIELD(struct diagnosis_list, queued_from, .filter = "d.queued_at >= ?", .doc = "Asked at or after this moment."),
    FIELD(struct diagnosis_list, queued_to, .flags = DAY_END, .filter = "d.queued_at <= ?",
          .doc = "Asked at or before this moment."),
};
static const struct schema diagnosis_list = SCHEMA("DiagnosisList", struct diagnosis_list, diagnosis_list_fields);
static const struct listing diagnosis_listing = { .row = &diagnosis_schema, .id = "d.id", .order = &diagnosis_order };

static bool diagnosis_list_get(struct call *c)
{
    const struct diagnosis_list *in = c->in;
    struct value values[DIAGNOSIS_SIGHT_VALUES];
    struct condition shown[3] = { diagnosis_in_sight(c, values) };
    int count = 1;
    if (in->image_file_id > 0)
        shown[count++] = (struct condition){ "d.image_file_id = ?", V(in->image_file_id) };
    if (in->study_id > 0)
        shown[count++] = (struct condition){ "d.image_file_id in (select i.id from image_files i where i.study_id = ?)",
                                             V(in->study_id) };
    if (count == 1 && in->mine)
        shown[count++] = (struct condition){ "d.asked_by = ?", V(call_user(c)) };
    if (count == 1 && !visibility_of_everything(c))
        return fail(c, E_FORBIDDEN, "everybody's are listed for those who see all images: name an image or a study");
    return list_answer(c, &diagnosis_listing, (struct list_among){ .conditions = shown, .condition_count = count });
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
          .doc = "MODIFIED: what it should have said; an empty list: nothing."),
    FIELD(struct review, comment, .flags = NULLABLE, .max = 2000, .doc = "In words; needed where it is rejected."),
};
static const struct schema review_schema = SCHEMA("DiagnosisReview", struct review, review_fields);

static bool review_post(struct call *c)
{
    const struct review *in = c->in;
    if (in->decision == REVIEW_MODIFIED && !schema_was_given(&review_schema, c->given, "findings"))
        return error_add_problem(&c->error, &c->arena, "body", S("findings"), "missing",
                                 "say what it should have said; an empty list: nothing");
    return diagnosis_review(c, in, c->out);
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
      .doc = "Of one image or study, by everybody's wish; what one has asked for oneself; or everybody's." },
    { HTTP_POST, "/api/v1/diagnosis", diagnosis_post, &wish_schema, &diagnosis_schema, .permission = MAY_RUN_AI,
      DIAGNOSIS, .runs = WRITES, .body = BODY_JSON, .status = 202, .audit = "diagnosis.create",
      .summary = "Asks a model for its opinion on an image",
      .doc = "202: it is on its way; `/events` tells when it has come. 200: what was answered already, by the same "
             "model on the same image. 422 names what the model asks of an image, where this is none of these. Of a "
             "study: it is asked of each image that the model is for, the first one is answered, and "
             "`GET /diagnosis?study_id=` lists all.",
      .also = { { 200, "It was asked before." } } },
    { HTTP_POST, "/api/v1/diagnosis/batch", batch_post, &batch_wish_schema, &batch_answer_schema,
      .permission = MAY_RUN_AI, .runs = WRITES, .body = BODY_JSON, .status = 207, .tag = "diagnosis",
      .audit = "diagnosis.create_batch", .summary = "Asks a model for its opinion on many images",
      .doc =
          "The answer is 207 with what became of each; what cannot be asked of a model keeps nothing else from it." },
    { HTTP_GET, "/api/v1/diagnosis/{id}", diagnosis_get, &diagnosis_key, &diagnosis_schema, .permission = MAY_RUN_AI,
      DIAGNOSIS, .audit = "diagnosis.read", .summary = "Shows what a model said" },
    { HTTP_DELETE, "/api/v1/diagnosis/{id}", diagnosis_delete, &diagnosis_key, NULL, .permission = MAY_RUN_AI,
      DIAGNOSIS, .runs = WRITES, .audit = "diagnosis.cancel", .summary = "Takes a question back",
      .doc = "One that waits or is under way; 409 when it has ended. Of others who manages the system." },
    { HTTP_POST, "/api/v1/diagnosis/{id}/review", review_post, &review_schema, &diagnosis_schema,
      .permission = MAY_REVIEW_AI, DIAGNOSIS, .runs = WRITES, .body = BODY_JSON, .flags = PERSON,
      .audit = "diagnosis.review", .summary = "Judges what a model said",
      .doc = "Reviews stand beside each other, in order; what the model said stays as it is." },
    { HTTP_POST, "/api/v1/diagnosis/{id}/withdraw", withdraw_post, &withdraw_schema, &diagnosis_schema,
      .permission = MAY_REVIEW_AI, DIAGNOSIS, .runs = WRITES, .body = BODY_JSON, .flags = PERSON,
      .audit = "diagnosis.withdraw", .summary = "Takes a result off the record's face",
      .doc = "It stays in the history, with the reason." },
    { HTTP_GET, "/api/v1/diagnosis/{id}/heatmap", heatmap_get, &heat_schema, NULL, .permission = MAY_RUN_AI, DIAGNOSIS,
      .runs = WORKS, .lane = LANE_PICTURES, .flags = NOT_JSON, .answers = "image/png", .audit = "diagnosis.heatmap",
      .summary = "Draws where the network found its evidence",
      .doc = "Over the picture, or alone. It shows what spoke for the model's answer, and is no finder of lesions. 409 "
             "where the result has none." },
};
ENDPOINT_TABLE(diagnosis_endpoints, rows);
