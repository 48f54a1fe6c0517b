/* frame_histogram.c - has the values of a frame counted by a decoder process. */
#include "imaging/frame_histogram.h"

#include "imaging/presentation.h"
#include "measure/header_doubts.h"

enum { REMARK_BYTES_MAX = 1000 };

bool frame_histogram_of(struct call *c, const struct image *image, int64_t number, struct frame_histogram *out)
{
    struct decode_job job;
    struct decode_result result;
    struct str unit = STR_NULL;
    struct presentation *values = presentation_new();
    bool ok = image_job(c, image, number, &job) &&
              presentation_of_values(c, image->dicom, &job.format, number, values, &unit);
    job.kind = DECODE_HISTOGRAM;
    job.presentation = values;
    ok = ok && image_run(c, &job, &result);
    presentation_free(values);
    if (!ok)
        return false;
    memcpy(&out->counted, result.bytes.at, sizeof(out->counted));
    out->unit = unit.len ? arena_copy(&c->arena, unit) : STR_NULL;
    out->remark =
        image->dicom ? header_doubts_text(image->dicom, number, DOUBT_VALUES, REMARK_BYTES_MAX, &c->arena) : STR_NULL;
    if (result.remark[0])
        out->remark = out->remark.len ? arena_format(&c->arena, "%.*s; %s", STR_FMT(out->remark), result.remark)
                                      : arena_copy(&c->arena, str_from(result.remark));
    return true;
}
