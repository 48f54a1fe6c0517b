/* filing_read.c - what a DICOM file says of its place. */
#include "records/filing.h"

#include "site/app.h"
#include "measure/header_doubts.h"
#include "records/modality.h"
#include "base/file.h"
#include "base/file_view.h"
#include "base/zone.h"
#include "dicom/encoding.h"
#include "dicom/pixels.h"

#include <errno.h>

#define UID_MEDIA_DIRECTORY "1.2.840.10008.1.3.10"
enum {
    TAG_MEDIA_CLASS = 0x00020002,
    TAG_RECORDS = 0x00041220,
    TAG_STUDY_UID = 0x0020000D,
    TAG_SERIES_UID = 0x0020000E
};
enum { TAG_STUDY_TIME = 0x00080030, TAG_PIXELS_BEGIN = 0x7FE00000, TAG_PATIENT_NAME = 0x00100010 };
enum { TAG_PATIENT_ID = 0x00100020, TAG_ISSUER = 0x00100021 };

static void take_uid(struct call *c, struct filing *f, const struct dicom_object *object, uint32_t tag,
                     const char *name, struct str *out)
{
    struct arena *arena = &c->arena;
    const struct dicom_node *node = dicom_find(object->root, tag);
    struct str uid = STR_NULL, is = arena_format(arena, "%s (%04X,%04X)", name, tag >> 16, tag & 0xffff);
    bool legal = dicom_uid(object->root, tag, &uid);
    *out = legal ? arena_copy(arena, uid) : STR_NULL;
    if (legal || f->reason.at)
        return;
    if (!node)
        f->reason = arena_format(arena, "%.*s is missing in the data set, which begins at byte %" PRId64, STR_FMT(is),
                                 object->file.data_offset);
    else
        f->reason = arena_format(arena, "%.*s at byte %" PRId64 " is %s", STR_FMT(is), node->element.offset,
                                 node->element.value.len ? "no legal UID" : "empty");
}

/* "13:45:10", with the fraction where there is one. A leap second is 23:59:60, as it is written (PS3.5 6.2, TM). */
static struct str time_text(struct call *c, const struct dicom_dataset *dataset, uint32_t tag)
{
    struct dicom_clock at;
    if (!dicom_clock(dataset, tag, &at))
        return STR_NULL;
    struct str whole = arena_format(&c->arena, "%02d:%02d:%02d", at.hour, at.minute, at.second);
    return at.microsecond ? arena_format(&c->arena, "%.*s.%06d", STR_FMT(whole), at.microsecond) : whole;
}

static bool is_directory(const struct dicom_object *object)
{
    struct str media;
    return dicom_find(object->root, TAG_RECORDS) ||
           (dicom_uid(object->meta, TAG_MEDIA_CLASS, &media) && str_equal(media, S(UID_MEDIA_DIRECTORY)));
}

static void take_patient(struct call *c, struct filing *f, const struct dicom_dataset *root)
{
    struct patient *p = &f->patient;
    struct str ours = c->app->config.patient_id_issuer, pn = dicom_text(root, TAG_PATIENT_NAME, &c->arena), name, latin,
               phonetic;
    filing_fill(c, root, &patient_schema, p);
    filing_person_name(&c->arena, pn, &name, &latin, &phonetic);
    if (latin.len)
        filing_clean(&c->arena, latin, &p->name_en);
    if (phonetic.len)
        filing_clean(&c->arena, phonetic, &p->name_phonetic);
    f->reason = filing_unlike(c, root, TAG_PATIENT_ID, "Patient ID");
    if (!f->reason.at)
        f->reason = filing_unlike(c, root, TAG_ISSUER, "Issuer of Patient ID");
    if (f->reason.at)
        p->patient_id = STR_NULL;
    if (!p->patient_id.len || str_equal(p->issuer_of_patient_id, ours))
        p->issuer_of_patient_id = STR_NULL;
}

/* What the reader forgave, and what of the header decides numbers and cannot be read. */
static void take_remarks(struct call *c, const struct dicom_object *object, struct texts *out)
{
    struct str doubts[DOUBTS_MAX];
    int count = header_doubts(object, 0, DOUBT_ALL, doubts, &c->arena);
    if (!object->remark_count && !count)
        return;
    out->items = arena_array(&c->arena, struct str, object->remark_count + count);
    for (int i = 0; i < object->remark_count; i++)
        out->items[out->count++] = object->remarks[i];
    for (int i = 0; i < count; i++)
        out->items[out->count++] = doubts[i];
}

/* Nobody is born after tomorrow, which somewhere it is already. Taken over it would be an age below 0, and stand
 * against what other files say. */
static void doubt_birth(struct call *c, struct filing *f)
{
    struct texts *remarks = &f->instance.remarks;
    struct date *birth = &f->patient.birth_date;
    if (date_is_null(*birth) || birth->days <= zone_today().days + 1)
        return;
    struct str *items = arena_array(&c->arena, struct str, remarks->count + 1);
    for (ptrdiff_t i = 0; i < remarks->count; i++)
        items[i] = remarks->items[i];
    items[remarks->count] = S("Patient's Birth Date (0010,0030) is in the future: it is not taken over");
    *remarks = (struct texts){ items, remarks->count + 1 };
    *birth = DATE_NULL;
}

static void take(struct call *c, struct filing *f, const struct filing_text *text, struct dicom_object *object)
{
    const struct dicom_dataset *root = object->root;
    if (text->sender > 0)
        filing_settle_text(c, text->sender, object, &f->instance.character_set);
    else
        dicom_set_encoding(object, text->charset);
    take_remarks(c, object, &f->instance.remarks);
    f->is_directory = is_directory(object);
    filing_fill(c, root, &image_file_schema, &f->instance);
    f->instance.transfer_syntax_uid = arena_copy(&c->arena, str_from(object->file.syntax_uid));
    if (f->is_directory)
        return;
    take_patient(c, f, root);
    doubt_birth(c, f);
    filing_fill(c, root, &study_schema, &f->study);
    f->study.study_time = time_text(c, root, TAG_STUDY_TIME);
    filing_fill(c, root, &series_schema, &f->series);
    take_uid(c, f, object, DICOM_SOPInstanceUID, "SOP Instance UID", &f->instance.sop_instance_uid);
    take_uid(c, f, object, DICOM_SOPClassUID, "SOP Class UID", &f->instance.sop_class_uid);
    take_uid(c, f, object, TAG_STUDY_UID, "Study Instance UID", &f->study.study_uid);
    take_uid(c, f, object, TAG_SERIES_UID, "Series Instance UID", &f->series.series_uid);
}

static void clear(struct filing *out)
{
    *out = (struct filing){ 0 };
    schema_clear(&patient_schema, &out->patient);
    schema_clear(&study_schema, &out->study);
    schema_clear(&series_schema, &out->series);
    schema_clear(&image_file_schema, &out->instance);
}

/* Do the pixels keep what the header promises? Decoding them is not for here; that there are as many bytes or
 * fragments as frames need can be seen at once. */
static void check_pixels(struct call *c, struct filing *f, const struct dicom_object *object)
{
    struct pixel_format format;
    struct error error = { 0 };
    if (!pixel_format_of(object, &format, &error) || !pixels_are_there(object, &format, &c->arena, &error))
        if (error.code == E_INVALID)
            f->damage = arena_copy(&c->arena, str_from(error.message));
}

bool filing_read_bytes(struct call *c, struct str bytes, const struct filing_text *text, struct filing *out)
{
    struct dicom_limits limits = dicom_default_limits;
    struct dicom_object *object = NULL;
    struct error whole = { 0 }, header = { 0 };
    limits.hold = &c->hold;
    clear(out);
    if (dicom_read(bytes, &limits, &c->arena, &object, &whole)) {
        take(c, out, text, object);
        check_pixels(c, out, object);
        dicom_object_release(object);
        return true;
    }
    dicom_object_release(object);
    limits.stop_at = TAG_PIXELS_BEGIN; /* if only the pixels are damaged, the file still belongs somewhere */
    if (dicom_read(bytes, &limits, &c->arena, &object, &header)) {
        take(c, out, text, object);
        out->damage = arena_copy(&c->arena, str_from(whole.message));
    } else {
        out->reason = arena_copy(&c->arena, str_from(header.message));
    }
    dicom_object_release(object);
    struct error *blameless = whole.code != E_INVALID                   ? &whole
                              : header.code && header.code != E_INVALID ? &header
                                                                        : NULL;
    if (blameless)
        c->error = *blameless;
    return !blameless;
}

bool filing_read(struct call *c, int fd, int64_t size_bytes, const struct filing_text *text, struct filing *out)
{
    struct file_view view;
    if (fd < 0)
        return file_fail(&c->error, "open", "an upload", EMFILE);
    if (!file_view_open(&view, fd, size_bytes, &c->error))
        return false;
    bool ok = filing_read_bytes(c, view.bytes, text, out);
    return file_view_close(&view, &c->error) && ok;
}
