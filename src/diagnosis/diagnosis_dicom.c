/* diagnosis_dicom.c - from a diagnosis to the bytes of a DICOM file, and into the study. */
#include "diagnosis/diagnosis_dicom.h"

#include "diagnosis/dicom_source.h"

#include "base/names.h"
#include "dicom/uid.h"
#include "intake/upload.h"

#include <string.h>

const char *const diagnosis_object_kinds[] = { "report", "heatmap", "segmentation", NULL };
NAMES_REACH(diagnosis_object_kinds, OBJECT_SEGMENTATION);

/* Stands where the UID will be, while it is not known. */
#define UID_NOT_YET "2.25.0"

static bool write_object(struct call *c, const struct dicom_source *source, const struct dicom_picture *picture,
                         unsigned kind, struct str uid, struct dicom_writer *w)
{
    switch ((enum diagnosis_object_kind)kind) {
    case OBJECT_REPORT:
        return dicom_report_write(c, source, uid, w);
    case OBJECT_HEATMAP:
        return dicom_heatmap_write(c, source, picture, uid, w);
    case OBJECT_SEGMENTATION:
        return dicom_segmentation_write(c, source, uid, w);
    }
    return false;
}

/* What it was made of makes room first: masks are as large as the file. */
static bool take_bytes(struct call *c, struct dicom_source *source, struct str bytes, struct str *out)
{
    dicom_segmentation_release(c, source);
    char *at = hold_more(&c->hold, bytes.len, &c->error) ? arena_try_alloc(&c->arena, bytes.len) : NULL;
    if (!at)
        return c->error.code == E_NONE ? fail(c, E_UNAVAILABLE, "there is no memory for the DICOM file now") : false;
    memcpy(at, bytes.at, (size_t)bytes.len);
    *out = (struct str){ at, bytes.len };
    return true;
}

/* Twice: the instance is named after all that is in it. */
static bool make_drawn(struct call *c, struct dicom_source *source, const struct dicom_picture *picture,
                       struct diagnosis_object *object)
{
    struct dicom_writer w;
    bool ok = write_object(c, source, picture, object->kind, S(UID_NOT_YET), &w);
    struct str uid = ok ? uid_of(dicom_writer_bytes(&w), &c->arena) : STR_NULL;
    dicom_writer_release(&w);
    if (!ok)
        return false;
    ok = write_object(c, source, picture, object->kind, uid, &w) &&
         take_bytes(c, source, dicom_writer_bytes(&w), &object->bytes);
    dicom_writer_release(&w);
    return ok;
}

static bool make(struct call *c, const struct image *image, struct dicom_source *source,
                 struct diagnosis_object *object)
{
    struct dicom_picture picture = { 0 };
    bool ok = dicom_source_film(c, image, source) &&
              (object->kind != OBJECT_HEATMAP || dicom_heatmap_draw(c, image, source, &picture)) &&
              (object->kind != OBJECT_SEGMENTATION || dicom_segmentation_draw(c, source)) &&
              make_drawn(c, source, &picture, object);
    dicom_segmentation_release(c, source);
    return ok;
}

static bool make_loaded(struct call *c, struct dicom_source *source, struct diagnosis_object *object)
{
    struct image image;
    if (source->file.file_type != FILE_DICOM)
        return fail(c, E_CONFLICT, "the film is no DICOM file: there is nothing that a DICOM object could refer to");
    if (object->kind == OBJECT_SEGMENTATION && !dicom_segmentation_load(c, source))
        return false;
    db_release(c);
    if (!image_open(c, &source->file, &image))
        return false;
    bool ok = make(c, &image, source, object);
    return image_close(c, &image) && ok;
}

bool diagnosis_dicom(struct call *c, struct diagnosis_object *object)
{
    struct dicom_source source;
    return dicom_source_load(c, object->id, &source) && make_loaded(c, &source, object);
}

bool diagnosis_dicom_store(struct call *c, struct diagnosis_object *object, struct image_file *out)
{
    struct dicom_source source;
    struct upload_details details;
    if (!dicom_source_load(c, object->id, &source))
        return false;
    if (source.d.is_shadow)
        return fail(c, E_CONFLICT, "what a shadow says is not put where others see it");
    if (!make_loaded(c, &source, object))
        return false;
    struct str name =
        arena_format(&c->arena, "diagnosis-%" PRId64 "-%s.dcm", object->id, diagnosis_object_kinds[object->kind - 1]);
    struct spooled *file = spool_begin(c, c->app->files, name, object->bytes.len, &c->error);
    if (!file)
        return false;
    if (!spool_write(file, object->bytes, &c->error)) {
        spool_drop(file);
        return false;
    }
    spool_finish(file);
    schema_clear(&upload_details_schema, &details);
    details.only_study = source.file.study_id;
    return upload_store(c, file, &details, source.file.uploaded_by, out);
}
