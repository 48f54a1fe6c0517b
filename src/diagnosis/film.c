/* film.c - a frame as a decoder process draws it. */
#include "diagnosis/prepare.h"

#include "imaging/presentation.h"

/* Nothing that a decoder says is believed. */
static bool take(struct call *c, const struct decode_result *result, double aspect, struct film *out)
{
    int64_t pixels, channels = 0;
    bool whole = result->width > 0 && result->height > 0 &&
                 !__builtin_mul_overflow(result->width, result->height, &pixels) && result->bytes.len % pixels == 0;
    if (whole)
        channels = result->bytes.len / pixels;
    if (channels != 1 && channels != 3)
        return fail(c, E_UNAVAILABLE, "the decoder gave no whole picture");
    *out = (struct film){ result->width, result->height, (int)channels, aspect, (const uint8_t *)result->bytes.at };
    return true;
}

/* `natural`: pixels as they are stored, whatever their aspect, which the film then tells. */
static bool draw(struct call *c, const struct image *image, const struct picture_query *query, bool natural,
                 struct film *out)
{
    struct decode_job job;
    struct decode_result result;
    struct presentation *presentation = presentation_new();
    double aspect = 1;
    bool ok = image_job(c, image, query->frame, &job) &&
              presentation_of(c, image->dicom, image->dicom ? &job.format : NULL, query->frame, query, presentation);
    if (ok && natural) {
        aspect = presentation->pixel_aspect;
        presentation->pixel_aspect = 1;
    }
    presentation->format = PICTURE_RAW;
    presentation->bits = 8;
    job.kind = DECODE_RENDER;
    job.presentation = presentation;
    ok = ok && image_run(c, &job, &result);
    presentation_free(presentation);
    return ok && take(c, &result, aspect, out);
}

bool film_of_query(struct call *c, const struct image *image, const struct picture_query *query, struct film *out)
{
    return draw(c, image, query, false, out);
}

bool film_of_image(struct call *c, const struct image *image, int64_t frame, const struct card_input *input,
                   struct film *out)
{
    struct picture_query query;
    picture_query_default(&query);
    query.frame = frame;
    if (input->window == WINDOW_FULL && image->dicom)
        query.voi = S("none");
    if (input->window == WINDOW_GIVEN) {
        query.window_center = input->window_center;
        query.window_width = input->window_width;
    }
    return draw(c, image, &query, true, out);
}
