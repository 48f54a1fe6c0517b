/* instance_store.c - one DICOM file: what it calls itself, and how storing it went. */
#include "intake/instance_store.h"

#include "base/file_view.h"
#include "dicom/object.h"

/* What the file calls itself, also when it is refused. */
static bool identify(struct call *c, const struct spooled *file, struct instance_outcome *out, struct str *study_uid)
{
    struct dicom_limits limits = dicom_default_limits;
    struct dicom_object *object;
    struct error ignored = { 0 };
    struct file_view view;
    struct str uid;
    limits.stop_at = 0x00200010; /* the UIDs come before */
    *out = (struct instance_outcome){ .class_uid = STR_NULL, .instance_uid = STR_NULL };
    *study_uid = STR_NULL;
    if (!file_view_open(&view, blob_writer_fd(file->writer), file->size_bytes, &c->error))
        return false;
    dicom_read(view.bytes, &limits, &c->arena, &object, &ignored);
    if (dicom_uid(object->root, DICOM_SOPClassUID, &uid))
        out->class_uid = arena_copy(&c->arena, uid);
    if (dicom_uid(object->root, DICOM_SOPInstanceUID, &uid))
        out->instance_uid = arena_copy(&c->arena, uid);
    if (dicom_uid(object->root, 0x0020000D /* Study Instance UID */, &uid))
        *study_uid = arena_copy(&c->arena, uid);
    dicom_object_release(object);
    return file_view_close(&view, &c->error);
}

static enum instance_failure reason_of(enum error_code code)
{
    switch (code) {
    case E_CONFLICT:
        return REASON_DUPLICATE;
    case E_STORAGE_FULL:
    case E_UNAVAILABLE:
    case E_UNREADABLE:
        return REASON_NO_RESOURCES;
    case E_UNSUPPORTED_TYPE:
    case E_INVALID:
        return REASON_NOT_UNDERSTOOD;
    default:
        return REASON_PROCESSING;
    }
}

void instance_store(struct call *c, struct spooled *file, struct str wanted_study, struct instance_outcome *out)
{
    struct upload_details nothing;
    struct image_file row;
    struct str study_uid;
    schema_clear(&upload_details_schema, &nothing);
    if (file->size_bytes == 0) {
        *out = (struct instance_outcome){ .reason = REASON_NOT_UNDERSTOOD };
        return;
    }
    if (!identify(c, file, out, &study_uid)) {
        out->reason = reason_of(c->error.code);
        error_clear(&c->error);
        return;
    }
    if (wanted_study.len && !str_equal(study_uid, wanted_study)) {
        out->reason = REASON_WRONG_STUDY;
        return;
    }
    if (!upload_store(c, file, &nothing, call_user(c), &row)) {
        out->reason = reason_of(c->error.code);
        error_clear(&c->error);
    } else if (row.status == FILE_FAILED || row.file_type != FILE_DICOM) {
        out->reason = REASON_NOT_UNDERSTOOD;
    }
}
