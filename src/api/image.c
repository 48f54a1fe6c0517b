/* image.c - what is in an image file: its picture, header, frames and histogram. */
#include "web/exchange.h"
#include "imaging/frame_histogram.h"
#include "imaging/image.h"
#include "api/picture_answer.h"
#include "dicom/json.h"
#include "schema/json.h"
#include "base/names.h"

/* ---- its picture ---- */

static bool picture_at_once(struct call *c)
{
    const struct picture_query *in = c->in;
    struct image_file *file = arena_new(&c->arena, struct image_file);
    struct result_key key;
    struct str bytes;
    if (!image_file_load(c, in->file_id, file))
        return false;
    c->found = file;
    if (file->status == FILE_FAILED || !picture_key(c, file, in, &key) ||
        !result_get(c->app->results, &key, RESULT_IN_MEMORY, &c->arena, &bytes))
        return false;
    audit_about(c, file->id, file->patient_id);
    if (!picture_is_known(c, &key))
        picture_send(c, in, bytes);
    return true;
}

static bool picture_get(struct call *c)
{
    const struct picture_query *in = c->in;
    const struct image_file *file = c->found;
    struct image_file loaded;
    if (!file) {
        if (!image_file_load(c, in->file_id, &loaded))
            return false;
        db_release(c);
        file = &loaded;
    }
    audit_about(c, file->id, file->patient_id);
    return picture_answer(c, file, in);
}

/* ---- frames ---- */

struct frame_query {
    int64_t file_id, frame;
    bool stored;
};
static const struct field frame_query_fields[] = {
    KEY(struct frame_query, file_id, "The file whose content is asked for."),
    FIELD(struct frame_query, frame, .flags = READ_ONLY, .min = 1, .max = PIXEL_FRAMES_MAX,
          .doc = "The number of the frame or page; the first is 1."),
    FIELD(struct frame_query, stored, .fallback = "false",
          .doc = "Answers the encoded bytes as they are in the file, instead of decoded samples."),
};
static const struct schema frame_query = SCHEMA("FrameQuery", struct frame_query, frame_query_fields);

/* Whoever takes the samples has to know what they are. */
static void say_format(struct call *c, const struct pixel_format *format, const struct decoded_format *decoded)
{
    static const char *const kinds[] = {
        [SAMPLE_INTEGER] = "integer", [SAMPLE_FLOAT] = "float", [SAMPLE_DOUBLE] = "float"
    };
    NAMES_REACH(kinds, SAMPLE_DOUBLE);
    answer_header(c, "X-Pixel-Format",
                  arena_format(&c->arena,
                               "rows=%" PRId64 ";columns=%" PRId64
                               ";samples=%d;bits-allocated=%d;bits-stored=%d;signed=%d;kind=%s;photometric=%s",
                               format->rows, format->columns, format->samples, format->bits_allocated,
                               decoded->bits_stored, decoded->is_signed, kinds[format->kind],
                               photometric_names[decoded->photometric]));
}

static bool decoded_frame(struct call *c, const struct image *image, int64_t number)
{
    struct samples samples;
    if (!image_samples(c, image, number, &samples))
        return false;
    say_format(c, &samples.format, &samples.decoded);
    answer_bytes(c, "application/octet-stream", (struct str){ samples.at, samples.bytes });
    return true;
}

/* A part of the file goes out as it lies there. */
static bool stored_frame(struct call *c, struct image *image, int64_t number)
{
    struct encoded_frame frame;
    if (!image_encoded(c, image, number, &frame))
        return false;
    if (!frame.length) {
        answer_bytes(c, frame.media_type, frame.bytes);
        return true;
    }
    answer_file(c, frame.media_type, image->fd, frame.offset, frame.length);
    image->fd = -1;
    return true;
}

static bool put_frame(struct call *c, struct image *image)
{
    const struct frame_query *in = c->in;
    return in->stored ? stored_frame(c, image, in->frame) : decoded_frame(c, image, in->frame);
}

static bool frame_get(struct call *c)
{
    const struct frame_query *in = c->in;
    return image_look(c, in->file_id, IMAGE_READ, put_frame);
}

/* ---- histogram ---- */

struct histogram_query {
    int64_t file_id, frame;
};
static const struct field histogram_query_fields[] = {
    KEY(struct histogram_query, file_id, "The file whose content is asked for."),
    FIELD(struct histogram_query, frame, .min = 1, .max = PIXEL_FRAMES_MAX, .fallback = "1",
          .doc = "The number of the frame or page; the first is 1."),
};
static const struct schema histogram_query = SCHEMA("HistogramQuery", struct histogram_query, histogram_query_fields);

struct histogram_answer {
    double low, high, min, max, mean, sd;
    int64_t count;
    struct integers bins;
    struct str unit, remark;
};
static const struct field histogram_fields[] = {
    FIELD(struct histogram_answer, low, .doc = "Where the first bin begins."),
    FIELD(struct histogram_answer, high, .doc = "Where the last bin ends."),
    FIELD(struct histogram_answer, min, .doc = "The least value."),
    FIELD(struct histogram_answer, max, .doc = "The greatest value."),
    FIELD(struct histogram_answer, mean, .doc = "The mean of the values."),
    FIELD(struct histogram_answer, sd, .doc = "The standard deviation of the values (divided by their number)."),
    FIELD(struct histogram_answer, count, .doc = "How many values were counted; padding is not."),
    FIELD(struct histogram_answer, bins, .doc = "How many values lie in each of 256 equal parts."),
    FIELD(struct histogram_answer, unit, .flags = NULLABLE, .example = "HU",
          .doc = "The unit of the values; null: they are as stored."),
    FIELD(struct histogram_answer, remark, .flags = NULLABLE,
          .doc = "What of the header says what the values stand for and cannot be read."),
};
static const struct schema histogram_schema =
    SCHEMA("Histogram", struct histogram_answer, histogram_fields,
           .doc = "Values of a frame, as its file says what they stand for: those that measurements tell.");

/* Refers to the bins of `from`. */
static void take_histogram(struct histogram *from, struct histogram_answer *out)
{
    out->low = from->low;
    out->high = from->high;
    out->min = from->min;
    out->max = from->max;
    out->mean = from->mean;
    out->sd = from->sd;
    out->count = from->count;
    out->bins = (struct integers){ from->bins, sizeof(from->bins) / sizeof(from->bins[0]) };
}

static bool put_histogram(struct call *c, struct image *image)
{
    const struct histogram_query *in = c->in;
    struct histogram_answer *out = c->out;
    struct frame_histogram *found = arena_new(&c->arena, struct frame_histogram);
    if (!frame_histogram_of(c, image, in->frame, found))
        return false;
    take_histogram(&found->counted, out);
    out->unit = found->unit;
    out->remark = found->remark;
    return true;
}

static bool histogram_get(struct call *c)
{
    const struct histogram_query *in = c->in;
    return image_look(c, in->file_id, IMAGE_READ, put_histogram);
}

/* ---- metadata ---- */

struct metadata_query {
    int64_t file_id;
};
static const struct field metadata_query_fields[] = {
    KEY(struct metadata_query, file_id, "The file whose content is asked for."),
};
static const struct schema metadata_query = SCHEMA("MetadataQuery", struct metadata_query, metadata_query_fields);

/* The DICOM JSON model of all but the pixels. A file that is damaged further on is told as far as it can be read; one
 * of which nothing can be read is refused. */
static bool dicom_metadata(struct call *c, const struct image *image)
{
    const struct dicom_json_options options = { .skip_pixel_data = true, .charset = image->file.character_set };
    struct dicom_json json;
    struct dicom_input input;
    struct dicom_file file;
    struct error damage = { 0 };
    struct dicom_limits limits = dicom_default_limits;
    struct text *out = &exchange_of(c)->answer;
    limits.hold = &c->hold;
    dicom_input_memory(&input, image->view.bytes);
    dicom_json_begin(&json, &options, out);
    dicom_parse(&input, &limits, &dicom_json_events, &json, &file, &damage);
    bool nothing = damage.code && (!json.seen_count || damage.code != E_INVALID);
    dicom_json_end(&json);
    dicom_input_release(&input);
    c->error = damage;
    if (nothing || (damage.code && !image_blame(c, image)))
        return false;
    error_clear(&c->error);
    if (out->overflowed && !out->starved)
        fail(c, E_TOO_LARGE, "the metadata exceed %td bytes: download the file instead", out->max);
    else if (!out->overflowed)
        answer_bytes(c, "application/dicom+json", text_str(out));
    return !out->overflowed;
}

/* Of a raster file only what its size is, upright as pictures of it are, and how it was stored: what else such
 * files hold (places, names, devices) is nobody's business. */
static bool raster_metadata(struct call *c, const struct image *image)
{
    struct raster_info info;
    if (!raster_probe(image->fd, image->file.file_type, c->app->config.max_pixels, &info, &c->error))
        return false;
    answer_bytes(c, "application/json",
                 arena_format(&c->arena,
                              "{\"file_type\":\"%s\",\"width\":%" PRId64 ",\"height\":%" PRId64
                              ",\"pages\":%d,\"orientation\":%d}",
                              file_types[image->file.file_type - 1], info.width, info.height, info.pages,
                              info.orientation));
    return true;
}

static bool put_metadata(struct call *c, struct image *image)
{
    return (image->file.file_type == FILE_DICOM ? dicom_metadata : raster_metadata)(c, image);
}

static bool metadata_get(struct call *c)
{
    const struct metadata_query *in = c->in;
    return image_look(c, in->file_id, IMAGE_UNREAD, put_metadata);
}

#define IMAGES .tag = "images", .entity = "image_file", .lane = LANE_PICTURES
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/images/{file_id}/rendered", picture_get, &picture_query_schema, NULL, MAY_READ_IMAGES, WORKS,
      .flags = NOT_JSON | TAGGED, IMAGES, .audit = "image_file.rendered", .answers = "image/*",
      .at_once = picture_at_once, .summary = "Shows a frame as a picture",
      .doc =
          "Rescaled, windowed and inverted as the file says or as asked for. Overlays are not drawn. The ETag "
          "stands for the file's content and all parameters. X-Picture-Remark tells what one should know of it: "
          "that the file's VOI LUT does not use the range it declares, that its rescale or window cannot be read, that "
          "its ICC profile is not used." },
    { HTTP_GET, "/api/v1/images/{file_id}/metadata", metadata_get, &metadata_query, NULL, MAY_READ_IMAGES, WORKS,
      .flags = NOT_JSON, IMAGES, .audit = "image_file.metadata", .answers = "application/dicom+json, application/json",
      .summary = "Shows the header",
      .doc = "DICOM files: the DICOM JSON model (PS3.18 F) without pixel data. Others: type, pages, width and height "
             "as pictures are sent and points are taken, and the orientation as stored (Exif, 1 to 8), after which "
             "they are turned." },
    { HTTP_GET, "/api/v1/images/{file_id}/frames/{frame}", frame_get, &frame_query, NULL, MAY_READ_IMAGES, WORKS,
      .flags = NOT_JSON, IMAGES, .audit = "image_file.frame", .answers = "application/octet-stream, image/*",
      .summary = "Sends the samples of a frame",
      .doc = "Decoded stored values, little endian, colour by pixel; X-Pixel-Format says what they are. With "
             "stored=true the encoded bytes as they are in the file." },
    { HTTP_GET, "/api/v1/images/{file_id}/histogram", histogram_get, &histogram_query, &histogram_schema,
      MAY_READ_IMAGES, WORKS, IMAGES, .audit = "image_file.histogram", .summary = "Counts a frame's values" },
};
ENDPOINT_TABLE(image_endpoints, rows);
