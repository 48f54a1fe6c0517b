/* picture_query.c - the rows of a picture's query, its presets, and what cannot be asked of any file. */
#include "imaging/picture_query.h"

#include "base/names.h"

#include <math.h>

/* Windows of CT, in Hounsfield units, as they are commonly set: name, centre, width, what for. */
#define CT_PRESETS(X) \
    X(lung, -600, 1500, "lungs") \
    X(mediastinum, 50, 350, "mediastinum") \
    X(abdomen, 50, 400, "soft parts of the abdomen") \
    X(soft_tissue, 40, 400, "soft parts elsewhere") \
    X(liver, 30, 150, "liver: small differences") \
    X(bone, 400, 1800, "bone") \
    X(spine, 50, 250, "soft parts of the spine") \
    X(brain, 40, 80, "brain") \
    X(subdural, 75, 215, "blood beside the brain") \
    X(stroke, 40, 40, "early infarction: grey and white matter apart") \
    X(temporal_bone, 600, 2800, "temporal bone, inner ear") \
    X(angio, 300, 600, "vessels filled with contrast medium")

#define PRESET_NAME(name, center, width, what) #name,
static const char *const preset_names[] = { CT_PRESETS(PRESET_NAME) NULL };

#define PRESET_WINDOW(name, center, width, what) { center, width },
static const double preset_windows[][2] = { CT_PRESETS(PRESET_WINDOW) };
NAMES_REACH(preset_names, sizeof(preset_windows) / sizeof(preset_windows[0]));

#define PRESET_DOC(name, center, width, what) " " #name " (" #center "/" #width "): " what ";"

static const char *const voi_ranges[] = { "declared", "used", NULL };
NAMES_REACH(voi_ranges, VOI_RANGE_USED + 1);
const char *const picture_formats[] = { "jpeg", "png", "webp", NULL };
NAMES_REACH(picture_formats, PICTURE_WEBP + 1);
const char *const picture_media_types[] = { "image/jpeg", "image/png", "image/webp", NULL };
NAMES_REACH(picture_media_types, PICTURE_WEBP + 1);

static const struct field picture_query_fields[] = {
    KEY(struct picture_query, file_id, "The image file."),
    FIELD(struct picture_query, frame, .min = 1, .max = PIXEL_FRAMES_MAX, .fallback = "1",
          .doc = "Frame, or page of a TIFF, from 1."),
    FIELD(struct picture_query, window_center, .min = -1000000000, .max = 1000000000, .example = "40",
          .doc = "Centre of the window, in the values that the histogram and measurements tell (CT: Hounsfield units); "
                 "with window_width."),
    FIELD(struct picture_query, window_width, .min = 0, .max = 2000000000, .example = "400",
          .doc = "Width of the window, more than 0; with window_center."),
    FIELD(struct picture_query, preset, .choices = preset_names, .type = "WindowPreset",
          .doc = "A common window for CT (centre/width):" CT_PRESETS(
              PRESET_DOC) " instead of window_center and window_width."),
    FIELD(struct picture_query, voi, .min = 1, .max = 64, .example = "2",
          .doc = "One of the file's own VOI LUTs and windows: its explanation, or its number from 1, LUTs first; "
                 "`none`: the full range of the values. Without it, the first one."),
    FIELD(struct picture_query, voi_range, .choices = voi_ranges, .type = "VoiRange", .fallback = "declared",
          .doc = "What is white of a VOI LUT: `declared`, the largest value of as many bits as its descriptor says; "
                 "`used`, its largest entry, for files whose table declares 16 bits and uses 12. X-Picture-Remark "
                 "tells when they differ."),
    FIELD(struct picture_query, invert, .fallback = "false", .doc = "Shows black as white."),
    FIELD(struct picture_query, width, .min = 1, .max = PICTURE_SIDE_MAX,
          .doc = "The picture is made to fit into this width in pixels, never enlarged."),
    FIELD(struct picture_query, height, .min = 1, .max = PICTURE_SIDE_MAX,
          .doc = "The picture is made to fit into this height in pixels, never enlarged."),
    FIELD(struct picture_query, format, .choices = picture_formats, .type = "PictureFormat", .fallback = "jpeg",
          .doc = "What the picture is encoded as."),
    FIELD(struct picture_query, quality, .min = 1, .max = 100, .fallback = "90",
          .doc = "Quality of JPEG and WebP; WebP of quality 100 is lossless. PNG always is."),
    FIELD(struct picture_query, bits, .min = 8, .max = 16, .fallback = "8",
          .doc = "Bits a channel: 8, or 16 for grey pictures as PNG."),
};
const struct schema picture_query_schema =
    SCHEMA("RenderingQuery", struct picture_query, picture_query_fields, .doc = "How a picture is shown.");

void picture_query_default(struct picture_query *query)
{
    schema_clear(&picture_query_schema, query);
    query->frame = 1;
    query->voi_range = VOI_RANGE_DECLARED + 1;
    query->invert = false;
    query->format = PICTURE_JPEG + 1;
    query->quality = 90;
    query->bits = 8;
}

bool picture_query_refuse(struct call *c, struct str member, const char *message)
{
    return error_add_problem(&c->error, &c->arena, "query", member, "not_possible", "%s", message);
}

bool picture_query_has_window(const struct picture_query *query)
{
    return !isnan(query->window_center) || !isnan(query->window_width);
}

struct str picture_query_wish(const struct picture_query *query)
{
    if (picture_query_has_window(query))
        return S("window_center");
    return query->preset ? S("preset") : query->voi.at ? S("voi") : STR_NULL;
}

bool picture_query_check(struct call *c, const struct picture_query *query)
{
    int wishes = picture_query_has_window(query) + (query->preset != 0) + (query->voi.at != NULL);
    bool ok = true;
    if (picture_query_has_window(query) && (isnan(query->window_center) || isnan(query->window_width)))
        ok = picture_query_refuse(c, isnan(query->window_width) ? S("window_width") : S("window_center"),
                                  "window_center and window_width belong together");
    else if (picture_query_has_window(query) && !(query->window_width > 0))
        ok = picture_query_refuse(c, S("window_width"), "must be more than 0");
    if (wishes > 1)
        ok = picture_query_refuse(c, query->preset ? S("preset") : S("voi"),
                                  "ask for one of: window_center with window_width, preset, voi");
    if (query->bits != 8 && query->bits != 16)
        ok = picture_query_refuse(c, S("bits"), "must be 8 or 16");
    else if (query->bits == 16 && query->format != PICTURE_PNG + 1)
        ok = picture_query_refuse(c, S("bits"), "16 bits are for format=png");
    return ok;
}

void picture_query_preset(const struct picture_query *query, double *center, double *width)
{
    *center = preset_windows[query->preset - 1][0];
    *width = preset_windows[query->preset - 1][1];
}
