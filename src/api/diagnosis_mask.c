/* diagnosis_mask.c - the masks of a result, drawn. */
#include "base/crypto.h"
#include "diagnosis/diagnosis.h"
#include "diagnosis/mask.h"
#include "web/exchange.h"

struct mask_query {
    int64_t id;
    struct str label, colour;
    double opacity;
    bool blend, outline, invert;
    double window_center, window_width;
    int64_t width, height;
};

static bool read_colour(struct str text, int64_t *out)
{
    uint8_t rgb[3];
    if (text.len != 2 * (ptrdiff_t)sizeof(rgb) || !crypto_unhex(text, rgb, sizeof(rgb)))
        return false;
    *out = rgb[0] << 16 | rgb[1] << 8 | rgb[2];
    return true;
}

static const char *check_colour(struct str text, struct arena *arena, struct str *message)
{
    int64_t colour;
    (void)arena;
    *message = S("must be six hexadecimal digits: RRGGBB");
    return read_colour(text, &colour) ? NULL : "not_a_colour";
}
static const struct text_rule colour_rule = { NULL, check_colour };

static const struct field mask_fields[] = {
    KEY(struct mask_query, id, "The diagnosis."),
    FIELD(struct mask_query, label, .flags = NULLABLE, .max = 100, .doc = "Of this label alone; else of all."),
    FIELD(struct mask_query, opacity, .min = 0, .max = 1, .fallback = "0.4",
          .doc = "How much of them covers the picture."),
    FIELD(struct mask_query, colour, .flags = NULLABLE, .rule = &colour_rule, .example = "56B4E9",
          .doc = "Red, green and blue of all; else each label has its own."),
    FIELD(struct mask_query, blend, .fallback = "true", .doc = "Over the picture, or alone, on black."),
    FIELD(struct mask_query, outline, .fallback = "false", .doc = "A line along the border instead of all of it."),
    FIELD(struct mask_query, invert, .fallback = "false", .doc = "Turns black and white of the picture."),
    FIELD(struct mask_query, window_center, .flags = NULLABLE, .doc = "The picture's window, as in /rendered."),
    FIELD(struct mask_query, window_width, .flags = NULLABLE, .doc = "Its width."),
    FIELD(struct mask_query, width, .min = 1, .max = 4096, .fallback = "1024", .doc = "It fits into this width ..."),
    FIELD(struct mask_query, height, .min = 1, .max = 4096, .fallback = "1024", .doc = "... and this height."),
};
static const struct schema mask_schema = SCHEMA("MaskQuery", struct mask_query, mask_fields);

static bool draw(struct call *c, const struct image *image, int64_t frame, const struct list *masks, struct str *png)
{
    const struct mask_query *in = c->in;
    struct mask_style style = {
        .opacity = in->opacity, .blended = in->blend, .outline = in->outline, .colour = INTEGER_NULL
    };
    struct picture_query query;
    struct film film;
    struct canvas canvas;
    (void)(in->colour.at && read_colour(in->colour, &style.colour)); /* decoding has looked at it */
    picture_query_default(&query);
    query.frame = frame;
    query.width = in->width;
    query.height = in->height;
    query.window_center = in->window_center;
    query.window_width = in->window_width;
    query.invert = in->invert;
    return film_of_query(c, image, &query, &film) && canvas_of_film(c, &film, &canvas) &&
           masks_draw(c, masks, &style, &canvas) && heat_map_png(c, &canvas, png);
}

static bool mask_get(struct call *c)
{
    const struct mask_query *in = c->in;
    struct diagnosis diagnosis;
    struct list masks;
    struct image_file file;
    struct image image;
    struct str png;
    if (!diagnosis_load(c, in->id, &diagnosis))
        return false;
    if (!diagnosis.has_mask)
        return fail(c, E_CONFLICT, "this result has no masks");
    if (!masks_load(c, in->id, in->label, &masks))
        return false;
    if (!masks.count)
        return error_add_problem(&c->error, &c->arena, "query", S("label"), "not_a_choice",
                                 "must be one of the labels of this result");
    if (!image_file_load(c, diagnosis.image_file_id, &file))
        return false;
    db_release(c);
    if (!image_open(c, &file, &image))
        return false;
    bool ok = draw(c, &image, diagnosis.frame, &masks, &png);
    if (!image_close(c, &image) || !ok)
        return false;
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_bytes(c, "image/png", png);
    return true;
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/diagnosis/{id}/mask", mask_get, &mask_schema, NULL, .permission = MAY_RUN_AI,
      .entity = "diagnosis", .tag = "diagnosis", .runs = WORKS, .lane = LANE_PICTURES, .flags = NOT_JSON,
      .answers = "image/png", .audit = "diagnosis.mask", .summary = "Draws which pixels have which label",
      .doc = "What a segmentation found, over the picture or alone, of one label or of all. 409 where the result has "
             "no masks." },
};
ENDPOINT_TABLE(diagnosis_mask_endpoints, rows);
