/* image.c - image files opened for their pixels: from the row to a job for the decoder processes. */
#include "imaging/image.h"

#include "site/app.h"
#include "records/keeping.h"
#include "base/log.h"

#include <unistd.h>

/* ---- opening ---- */

/* What could be read counts: whether it is enough is for those who look for something in it. A header of which
 * nothing could be read is refused. */
static bool read_header(struct call *c, struct image *image)
{
    struct error error = { 0 };
    struct dicom_limits limits = dicom_default_limits;
    limits.hold = &c->hold;
    if (dicom_read(image->view.bytes, &limits, &c->arena, &image->dicom, &error))
        return true;
    image->damage = arena_copy(&c->arena, str_from(error.message));
    if (image->dicom->root->count && error.code == E_INVALID)
        return true;
    c->error = error;
    return false;
}

static bool open_unread(struct call *c, const struct image_file *file, struct image *out)
{
    int64_t size_bytes;
    *out = (struct image){ .file = *file, .fd = -1 };
    if (!image_file_open(c, file, &out->fd, &size_bytes))
        return false;
    db_release(c);
    bool ok = size_bytes > 0 ? file_view_open(&out->view, out->fd, size_bytes, &c->error)
                             : fail(c, E_INVALID, "image file %" PRId64 " is empty", file->id);
    if (!ok)
        close(out->fd);
    return ok;
}

bool image_open(struct call *c, const struct image_file *file, struct image *out)
{
    if (!open_unread(c, file, out))
        return false;
    if ((file->file_type != FILE_DICOM || read_header(c, out)) && image_is_whole(c, out))
        return true;
    (void)!image_close(c, out);
    return false;
}

bool image_is_whole(struct call *c, const struct image *image)
{
    return !image->view.lost || fail(c, E_UNREADABLE, "image file %" PRId64 " cannot be read", image->file.id);
}

/* Pixels that are decoded here were in it when it was filed, or it is of a type that is nothing else. */
static bool promises_pixels(const struct image_file *file)
{
    const struct dicom_syntax *syntax = dicom_syntax_find(file->transfer_syntax_uid);
    return file->file_type == FILE_DICOM ? file->pixel_rows > 0 && syntax && syntax->coding != CODING_UNSUPPORTED
                                         : file->file_type != FILE_OTHER;
}

/* What is wrong with a request has problems, or another code. */
static bool blames_file(const struct call *c, const struct image_file *file)
{
    const struct error *error = &c->error;
    if (error->code == E_UNSUPPORTED_TYPE)
        return promises_pixels(file);
    return error->code == E_INVALID && !error->problems;
}

bool image_blame(struct call *c, const struct image *image)
{
    const struct image_file *file = &image->file;
    bool is_known = file->status == FILE_FAILED && str_find(file->status_reason, str_from(c->error.message)) >= 0;
    return is_known || image->fd < 0 || image->view.lost || !blames_file(c, file) ||
           keeping_is_as_stored(c, file, image->fd);
}

bool image_close(struct call *c, struct image *image)
{
    (void)image_blame(c, image);
    dicom_object_release(image->dicom);
    bool whole = file_view_close(&image->view, &c->error);
    if (image->fd >= 0)
        close(image->fd);
    if (!whole) {
        error_clear(&c->error);
        fail(c, E_UNREADABLE, "image file %" PRId64 " cannot be read: it was cut meanwhile, or the disk fails",
             image->file.id);
    }
    *image = (struct image){ .fd = -1 };
    return whole;
}

bool image_look(struct call *c, int64_t file_id, enum image_header header,
                bool (*look)(struct call *c, struct image *image))
{
    struct image_file file;
    struct image image;
    if (!image_file_load(c, file_id, &file) || !(header == IMAGE_READ ? image_open : open_unread)(c, &file, &image))
        return false;
    audit_about(c, file.id, file.patient_id);
    bool ok = look(c, &image);
    return image_close(c, &image) && ok;
}

/* ---- frames ---- */

bool image_format(struct call *c, const struct image *image, struct pixel_format *out)
{
    if (!image->dicom)
        return fail(c, E_UNSUPPORTED_TYPE, "%s files have no DICOM header", file_types[image->file.file_type - 1]);
    if (!pixel_format_of(image->dicom, out, &c->error)) {
        if (image->damage.at && c->error.code == E_UNSUPPORTED_TYPE) { /* the pixels are behind the damage */
            error_clear(&c->error);
            fail(c, E_INVALID, "%.*s", STR_FMT(image->damage));
        }
        return false;
    }
    if (!out->syntax || out->syntax->coding == CODING_UNSUPPORTED)
        return fail(c, E_UNSUPPORTED_TYPE, "pixels of the transfer syntax %s are not decoded here",
                    out->syntax ? out->syntax->name : image->dicom->file.syntax_uid);
    return true;
}

static bool find_frame(struct call *c, const struct image *image, int64_t number, struct pixel_format *format,
                       struct frame_source *out)
{
    if (!image_format(c, image, format))
        return false;
    if (number > format->frames)
        return fail(c, E_NOT_FOUND, "image file %" PRId64 " has %" PRId64 " frames", image->file.id, format->frames);
    return pixel_frame(image->dicom, format, number, &c->arena, out, &c->error);
}

static bool is_in_file(const struct frame_source *frame)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < frame->count; i++)
        ok = frame->offsets[i] >= 0;
    return ok;
}

static int64_t encoded_bytes(const struct frame_source *frame)
{
    int64_t total = 0;
    for (int64_t i = 0; i < frame->count; i++)
        total += frame->pieces[i].len;
    return total;
}

/* A copy of all pieces, one behind the other. */
static bool put_together(struct call *c, const struct frame_source *frame, struct str *out)
{
    int64_t total = encoded_bytes(frame);
    if (!hold_more(&c->hold, total, &c->error))
        return false;
    char *bytes = arena_alloc(&c->arena, (ptrdiff_t)total), *at = bytes;
    for (int64_t i = 0; i < frame->count; at += frame->pieces[i++].len)
        memcpy(at, frame->pieces[i].at, (size_t)frame->pieces[i].len);
    *out = (struct str){ bytes, (ptrdiff_t)total };
    return true;
}

/* Where the pieces lie in the file; those of an inflated data set are in memory instead. */
static bool place_pieces(struct call *c, const struct frame_source *frame, struct decode_job *job)
{
    if (!is_in_file(frame)) {
        job->fd = -1;
        job->bytes = frame->count == 1 ? frame->pieces[0] : STR_NULL;
        return frame->count == 1 || put_together(c, frame, &job->bytes);
    }
    int64_t *lengths = arena_array(&c->arena, int64_t, frame->count ? frame->count : 1);
    for (int64_t i = 0; i < frame->count; i++)
        lengths[i] = frame->pieces[i].len;
    job->offsets = frame->offsets;
    job->lengths = lengths;
    job->pieces = frame->count;
    return true;
}

bool image_encoded(struct call *c, const struct image *image, int64_t number, struct encoded_frame *out)
{
    struct pixel_format format;
    struct frame_source frame;
    if (!image->dicom)
        return fail(c, E_UNSUPPORTED_TYPE, "only DICOM files have stored frames; download the file instead");
    if (!find_frame(c, image, number, &format, &frame))
        return false;
    bool in_file = is_in_file(&frame);
    *out = (struct encoded_frame){ .media_type = format.syntax->media_type };
    if (in_file && frame.count == 1) {
        out->offset = frame.offsets[0];
        out->length = frame.pieces[0].len;
        return true;
    }
    int64_t total = encoded_bytes(&frame);
    if (in_file && total > c->app->config.max_frame_bytes)
        return fail(c, E_TOO_LARGE, "the frame has %" PRId64 " encoded bytes: download the file instead", total);
    return put_together(c, &frame, &out->bytes);
}

/* ---- the ICC profile (PS3.3 C.11.15) ---- */

enum {
    ICC_PROFILE = 0x00282000,
    OPTICAL_PATHS = 0x00480105,         /* Optical Path Sequence */
    OPTICAL_PATH_ID = 0x00480106,       /* Optical Path Identifier */
    OPTICAL_PATH_OF_FRAME = 0x00480207, /* Optical Path Identification Sequence */
    DIMENSION_ORGANIZATION_TYPE = 0x00209311,
};

/* The item of the Optical Path Sequence that frame `number` was taken along (C.8.12.5): the only one; the one that its
 * functional groups name; where there are none (TILED_FULL) paths follow one another (C.7.6.17.3). NULL: none. */
static const struct dicom_dataset *optical_path(struct call *c, const struct dicom_object *object, int64_t frames,
                                                int64_t number)
{
    const struct dicom_node *paths = dicom_find(object->root, OPTICAL_PATHS);
    int64_t count = paths ? paths->item_count : 0;
    if (count <= 1)
        return dicom_item(object->root, OPTICAL_PATHS, 0);
    struct str type = dicom_text_first(object->root, DIMENSION_ORGANIZATION_TYPE, &c->arena);
    if (str_equal(type, S("TILED_FULL")))
        return frames % count ? NULL : dicom_item(object->root, OPTICAL_PATHS, (number - 1) / (frames / count));
    struct str name =
        dicom_text_first(dicom_functional_group(object, OPTICAL_PATH_OF_FRAME, number), OPTICAL_PATH_ID, &c->arena);
    for (const struct dicom_dataset *path = paths->items; name.len && path; path = path->next)
        if (str_equal(dicom_text_first(path, OPTICAL_PATH_ID, &c->arena), name))
            return path;
    return NULL;
}

/* A copy: the file may fail while it is read, which only its view survives. */
static bool take_profile(struct call *c, const struct image *image, int64_t number, struct decode_job *job)
{
    const struct pixel_format *format = &job->format;
    if (format->samples == 1 && format->photometric != PALETTE_COLOR)
        return true;
    struct str profile = dicom_bytes(image->dicom->root, ICC_PROFILE);
    const struct dicom_dataset *path = profile.len ? NULL : optical_path(c, image->dicom, format->frames, number);
    if (path)
        profile = dicom_bytes(path, ICC_PROFILE);
    job->profile = profile.len > 0 ? profile : STR_NULL;
    if (profile.len <= 0 || profile.len > COLOUR_PROFILE_MAX) /* of such a one only the length is told */
        return true;
    if (!hold_more(&c->hold, profile.len, &c->error))
        return false;
    job->profile = arena_copy(&c->arena, profile);
    return true;
}

/* ---- jobs ---- */

bool image_job(struct call *c, const struct image *image, int64_t number, struct decode_job *job)
{
    struct frame_source frame;
    *job = (struct decode_job){ .account = call_user(c),
                                .owner = image->file.uploaded_by,
                                .fd = image->fd,
                                .file_type = (enum file_type)image->file.file_type,
                                .page = number,
                                .max_pixels = c->app->config.max_pixels };
    if (file_is_raster(image->file.file_type))
        return true;
    if (!find_frame(c, image, number, &job->format, &frame))
        return false;
    job->first_bit = frame.first_bit;
    return take_profile(c, image, number, job) && place_pieces(c, &frame, job);
}

/* Samples of a frame are as many as its format says, and are held before they are made; of other results the size is
 * known only then. */
bool image_run(struct call *c, const struct decode_job *job, struct decode_result *result)
{
    bool is_known = job->kind == DECODE_SAMPLES && job->file_type == FILE_DICOM;
    if (is_known && !hold_more(&c->hold, pixel_frame_bytes(&job->format), &c->error)) {
        *result = (struct decode_result){ 0 };
        return false;
    }
    bool ok = decoder_run(c->app->decoders, job, &c->arena, result, &c->error) &&
              (is_known || hold_more(&c->hold, result->bytes.len, &c->error));
    if (result->trouble[0])
        log_write(c->app->log, LOG_ERROR, call_request_id(c), "decoder.trouble", "%s", result->trouble);
    return ok;
}

bool image_samples(struct call *c, const struct image *image, int64_t number, struct samples *out)
{
    struct decode_job job;
    struct decode_result result;
    if (!image_job(c, image, number, &job))
        return false;
    job.kind = DECODE_SAMPLES;
    if (!image_run(c, &job, &result))
        return false;
    *out = (struct samples){ result.bytes.at, result.bytes.len, result.format, result.decoded };
    return true;
}

/* ---- what the header says of values and distances ---- */

enum {
    PIXEL_MEASURES = 0x00289110,
};

static bool read_spacing(const struct dicom_dataset *from, uint32_t tag, struct pixel_spacing *out)
{
    double row, column;
    if (!dicom_two_reals(from, tag, &row, &column) || row <= 0 || column <= 0 || row > 1e6 || column > 1e6)
        return false;
    out->row_mm = row;
    out->column_mm = column;
    return true;
}

/* Pixel Spacing of a projection that equals the detector's and says no calibration is the detector's (PS3.3
 * 10.7.1.3). */
void image_spacing(struct call *c, const struct image *image, int64_t number, struct pixel_spacing *out)
{
    struct pixel_spacing detector = { 0 };
    *out = (struct pixel_spacing){ 0 };
    if (!image->dicom)
        return;
    const struct dicom_dataset *root = image->dicom->root,
                               *from = dicom_functional_group(image->dicom, PIXEL_MEASURES, number);
    bool has_detector = read_spacing(root, 0x00181164 /* Imager Pixel Spacing */, &detector) ||
                        read_spacing(root, 0x00182010 /* Nominal Scanned Pixel Spacing */, &detector);
    if (read_spacing(from, 0x00280030 /* Pixel Spacing */, out)) {
        bool calibrated = dicom_text_first(root, 0x00280A02 /* Pixel Spacing Calibration Type */, &c->arena).len > 0;
        bool same = has_detector && out->row_mm == detector.row_mm && out->column_mm == detector.column_mm;
        out->source = same && !calibrated ? SPACING_DETECTOR : SPACING_PIXEL;
    } else if (has_detector) {
        *out = detector;
        out->source = SPACING_DETECTOR;
    }
}
