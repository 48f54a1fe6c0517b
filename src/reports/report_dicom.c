/* report_dicom.c - what a DICOM object of a report is made of, what all of them hold, and the Encapsulated PDF. */
#include "reports/report_dicom_parts.h"

#include "base/names.h"
#include "base/zone.h"
#include "dicom/object.h"
#include "dicom/uid.h"
#include "imaging/annotation.h"
#include "reports/report_parts.h"
#include "reports/report_pdf.h"
#include "site/app.h"

const char *const report_object_kinds[] = { "pdf", "sr", "measurements", "rejection", NULL };
NAMES_REACH(report_object_kinds, REPORT_AS_REJECTION);

enum { EVIDENCE_MAX = 100, MEASURED_MAX = 20 };
/* Stands where the UID will be, while it is not known. */
#define UID_NOT_YET "2.25.0"

/* ---- what it is made of ---- */

const struct report_evidence *report_dicom_evidence(const struct report_source *s, int64_t image_file_id)
{
    const struct report_evidence *all = s->evidence.items;
    for (ptrdiff_t i = 0; i < s->evidence.count; i++)
        if (all[i].image_file_id == image_file_id)
            return &all[i];
    return NULL;
}

/* What is no instance of the study is not referred to. */
static bool add_evidence(struct report_source *s, int64_t image_file_id)
{
    struct cursor rows;
    struct arena *arena = &s->c->arena;
    struct report_evidence *out = (struct report_evidence *)s->evidence.items + s->evidence.count;
    if (report_dicom_evidence(s, image_file_id) || s->evidence.count == EVIDENCE_MAX)
        return true;
    db_rows(s->c, &rows,
            "select f.sop_class_uid, f.sop_instance_uid, x.series_uid, f.number_of_frames from image_files f join "
            "series x on x.id = f.series_id where f.id = ? and f.study_id = ? and f.is_instance = 1",
            V(image_file_id), V(s->report.study_id));
    if (cursor_next(&rows)) {
        *out = (struct report_evidence){ image_file_id,
                                         arena_copy(arena, cursor_text(&rows, 2)),
                                         { arena_copy(arena, cursor_text(&rows, 0)),
                                           arena_copy(arena, cursor_text(&rows, 1)), 0 },
                                         cursor_integer(&rows, 3) > 1 };
        s->evidence.count += uid_is_legal(out->reference.class_uid) && uid_is_legal(out->reference.instance_uid);
    }
    return cursor_close(&rows);
}

/* The entry of this version, made if need be; NULL: c->error. */
static struct report_measured *measured_of(struct report_source *s, const struct report_evidence *image,
                                           int64_t version)
{
    struct annotation_set set;
    struct report_measured *all = (struct report_measured *)s->measured.items, *made = &all[s->measured.count];
    for (ptrdiff_t i = 0; i < s->measured.count; i++)
        if (all[i].image == image && all[i].version == version)
            return &all[i];
    if (s->measured.count == MEASURED_MAX) {
        fail(s->c, E_TOO_LARGE, "the sources of the report name annotations of more than %d versions", MEASURED_MAX);
        return NULL;
    }
    if (!annotation_set_load(s->c, image->image_file_id, version, &set))
        return NULL;
    *made = (struct report_measured){
        image, version, { arena_array(&s->c->arena, struct annotation, set.annotations.count + 1), 0 }, set.annotations
    };
    s->measured.count++;
    return made;
}

static bool is_told(const struct report_source *s, struct str annotation_id)
{
    const struct report_measured *all = s->measured.items;
    for (ptrdiff_t i = 0; i < s->measured.count; i++)
        for (ptrdiff_t k = 0; k < all[i].annotations.count; k++)
            if (str_equal(((const struct annotation *)all[i].annotations.items)[k].id, annotation_id))
                return true;
    return false;
}

/* Those of the version that the source means: one, where its detail says "annotation ID" (draft_measurements.c). */
static bool take_measured(struct report_source *s, struct report_measured *from, struct str detail)
{
    const struct str prefix = S("annotation ");
    struct str wanted = str_starts(detail, prefix) ? str_slice(detail, prefix.len, detail.len) : STR_NULL;
    for (ptrdiff_t i = 0; i < from->all.count; i++) {
        const struct annotation *a = (const struct annotation *)from->all.items + i;
        if (!a->visible || !a->values.count || (wanted.at && !str_equal(a->id, wanted)) || is_told(s, a->id))
            continue;
        enum found found =
            a->source == SOURCE_MODEL ? report_drawing_confirmed(s->c, from->image->image_file_id, a, NULL) : FOUND;
        if (found == FAILED)
            return false;
        if (found == NONE)
            continue;
        ((struct annotation *)from->annotations.items)[from->annotations.count++] = *a;
        s->measured_count++;
    }
    return true;
}

static bool add_measured(struct report_source *s, const struct content_source *source)
{
    struct image_file file;
    int64_t image, version;
    if (!report_source_annotations(source->reference, &image, &version))
        return true;
    if (!image_file_load(s->c, image, &file) || !add_evidence(s, image))
        return false;
    const struct report_evidence *evidence = report_dicom_evidence(s, image);
    if (!evidence)
        return true;
    struct report_measured *from = measured_of(s, evidence, version);
    return from && take_measured(s, from, source->detail);
}

static bool load_evidence(struct report_source *s, unsigned kind)
{
    struct call *c = s->c;
    struct list sources;
    s->evidence.items = arena_array(&c->arena, struct report_evidence, EVIDENCE_MAX);
    s->measured.items = arena_array(&c->arena, struct report_measured, MEASURED_MAX);
    if (!content_images(c, &s->version.content, &s->images) ||
        !report_standing_sources(c, &s->version.content, &sources))
        return false;
    for (ptrdiff_t i = 0; i < s->images.count && kind != REPORT_AS_MEASUREMENTS; i++)
        if (!add_evidence(s, ((const struct key_image *)s->images.items)[i].image_file_id))
            return false;
    for (ptrdiff_t i = 0; i < sources.count && kind == REPORT_AS_MEASUREMENTS; i++) {
        const struct content_source *source = (const struct content_source *)sources.items + i;
        if (source->kind == FROM_MEASUREMENT && !add_measured(s, source))
            return false;
    }
    return true;
}

/* What was stored of the report: what its rejection is of. */
static bool load_stored(struct report_source *s)
{
    static const struct report_class of_kinds[] = { [REPORT_AS_PDF] = { UID_ENCAPSULATED_PDF },
                                                    [REPORT_AS_SR] = { UID_COMPREHENSIVE_SR },
                                                    [REPORT_AS_MEASUREMENTS] = { UID_COMPREHENSIVE_SR } };
    struct cursor rows;
    struct arena *arena = &s->c->arena;
    struct report_evidence *all = arena_array(arena, struct report_evidence, EVIDENCE_MAX);
    s->images = s->measured = (struct list){ 0 };
    s->evidence = (struct list){ all, 0 };
    for (db_rows(s->c, &rows,
                 "select o.kind, o.sop_instance_uid from report_instances o where o.report_id = ? and " REPORT_FILED
                 " order by o.id",
                 V(s->report.id));
         cursor_next(&rows) && s->evidence.count < EVIDENCE_MAX;) {
        unsigned kind = choice_of(report_object_kinds, cursor_text(&rows, 0));
        struct str uid = arena_copy(arena, cursor_text(&rows, 1));
        if (kind && kind != REPORT_AS_REJECTION && uid.len)
            all[s->evidence.count++] = (struct report_evidence){ 0,
                                                                 report_dicom_series(s, kind),
                                                                 { str_from(of_kinds[kind].class_uid), uid, 0 } };
    }
    return cursor_close(&rows);
}

/* The stored SR of the version that this one replaces or adds to; null: none is with the study. */
static bool load_predecessor(struct report_source *s)
{
    struct cursor rows;
    s->predecessor_uid = STR_NULL;
    if (s->version.replaces == INTEGER_NULL)
        return true;
    db_rows(s->c, &rows,
            "select o.sop_instance_uid from report_instances o where o.report_id = ? and o.version = ? and o.kind = "
            "'sr' and o.sop_instance_uid is not null and " REPORT_FILED,
            V(s->report.id), V(s->version.replaces));
    if (cursor_next(&rows))
        s->predecessor_uid = arena_copy(&s->c->arena, cursor_text(&rows, 0));
    return cursor_close(&rows);
}

static bool load_parts(struct report_source *s, const struct report_object *object)
{
    struct call *c = s->c;
    unsigned kind = object->kind;
    if (kind == REPORT_AS_REJECTION) {
        if (!s->is_in_error)
            return fail(c, E_CONFLICT, "the report was not entered in error: there is nothing to reject");
        return load_stored(s) &&
               (s->evidence.count || fail(c, E_CONFLICT, "nothing of the report was stored that could be rejected"));
    }
    bool (*pages)(struct call *, int64_t, int64_t, enum pdf_page, struct str *) =
        object->as_kept ? report_pdf_as_signed : report_pdf;
    if (kind == REPORT_AS_PDF && !pages(c, s->report.id, s->version.version, PDF_A4, &s->document))
        return false;
    return load_evidence(s, kind) && (kind != REPORT_AS_SR || load_predecessor(s));
}

static bool load_subject(struct report_source *s)
{
    struct call *c = s->c;
    struct str envelope;
    s->subject = report_subject_load(c, &s->report, &s->version, &envelope);
    if (!s->subject)
        return false;
    s->is_signed = envelope.at != NULL;
    s->is_in_error = s->report.status == REPORT_ENTERED_IN_ERROR;
    s->is_chinese = str_starts(s->version.content.language, S("zh"));
    s->study_uid = report_dicom_told(s, "study", "study_uid");
    if (!s->is_signed || !instant_parse(report_dicom_told(s, "signature", "signed_at"), &s->at))
        s->at = s->version.created_at;
    enum found same = s->is_signed ? report_subject_compare(c, &s->report, &s->version, s->subject) : FOUND;
    if (same == NONE)
        return fail(c, E_CONFLICT, "the record no longer says what was signed: it is not given out");
    return same == FOUND && (uid_is_legal(s->study_uid) ||
                             fail(c, E_CONFLICT, "the study has no Study Instance UID: a DICOM object belongs to one"));
}

/* ---- what all objects hold ---- */

struct str report_dicom_told(const struct report_source *s, const char *part, const char *name)
{
    return report_subject_text(s->c, s->subject, part, name);
}

/* A name as people write it is no PN of components (PS3.5 6.2.1): all of it is the first one. */
struct str report_dicom_person(const struct report_source *s, struct str name)
{
    struct str out = arena_copy(&s->c->arena, name.len ? name : S("unknown"));
    for (ptrdiff_t i = 0; i < out.len; i++)
        if (out.at[i] == '^' || out.at[i] == '=')
            ((char *)out.at)[i] = ' ';
    return out;
}

struct str report_dicom_series(const struct report_source *s, enum report_object_kind kind)
{
    return uid_of(arena_format(&s->c->arena, "roentgen/report-series/%.*s/%s", STR_FMT(s->report.report_uuid),
                               report_object_kinds[kind - 1]),
                  &s->c->arena);
}

void report_dicom_put_empty(struct dicom_writer *w, uint32_t sequence)
{
    dicom_put_sequence(w, sequence);
    dicom_put_sequence_end(w);
}

/* "1980-02-29" */
static void put_day(struct dicom_writer *w, uint32_t tag, struct str day)
{
    char packed[8];
    int len = 0;
    for (ptrdiff_t i = 0; i < day.len && len < 8; i++)
        if (day.at[i] != '-')
            packed[len++] = day.at[i];
    dicom_put(w, tag, (struct str){ packed, len });
}

/* A cut identifier is another one's: what does not fit is not said. */
static struct str whole_or_none(struct str identifier, ptrdiff_t max)
{
    return str_code_points(str_trim(identifier)) <= max ? identifier : STR_NULL;
}

static void put_if_said(struct dicom_writer *w, uint32_t tag, struct str text)
{
    if (text.len)
        dicom_put(w, tag, text);
}

static void put_group_8(const struct report_source *s, enum report_object_kind kind, const struct report_class *about,
                        struct str instance_uid, struct dicom_writer *w)
{
    struct str title = s->version.content.title;
    dicom_put(w, DICOM_SOPClassUID, str_from(about->class_uid));
    dicom_put(w, DICOM_SOPInstanceUID, instance_uid);
    put_day(w, 0x00080020 /* Study Date */, report_dicom_told(s, "study", "study_date"));
    dicom_put_moment(w, 0x00080023 /* Content Date */, s->at, false);
    if (kind == REPORT_AS_PDF)
        dicom_put(w, 0x0008002A /* Acquisition DateTime */, STR_NULL);
    dicom_put(w, 0x00080030 /* Study Time */, STR_NULL);
    dicom_put_moment(w, 0x00080033 /* Content Time */, s->at, true);
    dicom_put(w, 0x00080050 /* Accession Number, SH */,
              whole_or_none(report_dicom_told(s, "study", "accession_number"), 16));
    dicom_put(w, DICOM_Modality, str_from(about->modality));
    if (kind == REPORT_AS_PDF)
        dicom_put(w, 0x00080064 /* Conversion Type */, S("WSD"));
    dicom_put(w, 0x00080070 /* Manufacturer */, S("Roentgen"));
    put_if_said(w, 0x00080080 /* Institution Name */, s->c->app->config.hospital_name);
    dicom_put(w, 0x00080090 /* Referring Physician's Name */, STR_NULL);
    put_if_said(w, 0x00081030 /* Study Description */, report_dicom_told(s, "study", "description"));
    dicom_put(w, 0x0008103E /* Series Description */,
              arena_format(&s->c->arena, "%s%s%s%.*s", s->is_in_error ? "ENTERED IN ERROR " : "", about->series_words,
                           title.len ? ": " : "", STR_FMT(title)));
    dicom_put(w, 0x00081090 /* Manufacturer's Model Name */, S("Roentgen"));
    if (kind != REPORT_AS_PDF)
        report_dicom_put_empty(w, 0x00081111 /* Referenced Performed Procedure Step Sequence, Type 2 */);
}

void report_dicom_begin(const struct report_source *s, enum report_object_kind kind, const struct report_class *about,
                        struct str instance_uid, struct dicom_writer *w)
{
    struct str sex = report_dicom_told(s, "patient", "gender");
    dicom_writer_begin(w, REPORT_OBJECT_BYTES_MAX, &s->c->hold, str_from(about->class_uid), instance_uid);
    put_group_8(s, kind, about, instance_uid, w);
    dicom_put(w, DICOM_PatientName, report_dicom_person(s, report_dicom_told(s, "patient", "name")));
    dicom_put(w, 0x00100020 /* Patient ID, LO */, whole_or_none(report_dicom_told(s, "patient", "patient_id"), 64));
    put_if_said(w, 0x00100021 /* Issuer of Patient ID, LO */,
                whole_or_none(report_dicom_told(s, "patient", "issuer_of_patient_id"), 64));
    put_day(w, 0x00100030 /* Patient's Birth Date */, report_dicom_told(s, "patient", "birth_date"));
    bool is_known = str_equal(sex, S("MALE")) || str_equal(sex, S("FEMALE")) || str_equal(sex, S("OTHER"));
    dicom_put(w, 0x00100040 /* Patient's Sex */, is_known ? str_slice(sex, 0, 1) : STR_NULL);
    dicom_put(w, 0x0020000D /* Study Instance UID */, s->study_uid);
    dicom_put(w, 0x0020000E /* Series Instance UID */, report_dicom_series(s, kind));
    dicom_put(w, 0x00200010 /* Study ID */, STR_NULL);
    dicom_put_integer(w, 0x00200011 /* Series Number */, about->series_number);
    dicom_put_integer(w, 0x00200013 /* Instance Number */, s->version.version);
}

static bool is_first_of_series(const struct report_evidence *all, ptrdiff_t index)
{
    for (ptrdiff_t i = 0; i < index; i++)
        if (str_equal(all[i].series_uid, all[index].series_uid))
            return false;
    return true;
}

static void put_series(const struct report_source *s, struct str series_uid, struct dicom_writer *w)
{
    const struct report_evidence *all = s->evidence.items;
    dicom_put_item(w);
    dicom_put_sequence(w, 0x00081199 /* Referenced SOP Sequence */);
    for (ptrdiff_t i = 0; i < s->evidence.count; i++)
        if (str_equal(all[i].series_uid, series_uid)) {
            dicom_put_item(w);
            sr_reference_put(w, &all[i].reference);
            dicom_put_item_end(w);
        }
    dicom_put_sequence_end(w);
    dicom_put(w, 0x0020000E /* Series Instance UID */, series_uid);
    dicom_put_item_end(w);
}

void report_dicom_put_evidence(const struct report_source *s, struct dicom_writer *w)
{
    const struct report_evidence *all = s->evidence.items;
    if (!s->evidence.count)
        return;
    dicom_put_sequence(w, 0x0040A375 /* Current Requested Procedure Evidence Sequence */);
    dicom_put_item(w);
    dicom_put_sequence(w, 0x00081115 /* Referenced Series Sequence */);
    for (ptrdiff_t i = 0; i < s->evidence.count; i++)
        if (is_first_of_series(all, i))
            put_series(s, all[i].series_uid, w);
    dicom_put_sequence_end(w);
    dicom_put(w, 0x0020000D /* Study Instance UID */, s->study_uid);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

/* ---- Encapsulated PDF ---- */

static bool write_pdf(const struct report_source *s, struct str instance_uid, struct dicom_writer *w)
{
    static const struct report_class about = { UID_ENCAPSULATED_PDF, "DOC", 9102, "Report" };
    const struct report_evidence *all = s->evidence.items;
    struct str title = s->version.content.title;
    report_dicom_begin(s, REPORT_AS_PDF, &about, instance_uid, w);
    dicom_put(w, 0x00280301 /* Burned In Annotation */, S("YES"));
    dicom_put_code(w, 0x0040A043 /* Concept Name Code Sequence */, CODE("LN", "18748-4", "Diagnostic Imaging Report"));
    dicom_put(w, 0x0040A493 /* Verification Flag */, s->is_signed && !s->is_in_error ? S("VERIFIED") : S("UNVERIFIED"));
    dicom_put(w, 0x00420010 /* Document Title */, title.len ? title : S("Diagnostic imaging report"));
    dicom_put_bytes(w, 0x00420011 /* Encapsulated Document */, s->document);
    dicom_put(w, 0x00420012 /* MIME Type of Encapsulated Document */, S("application/pdf"));
    if (s->evidence.count) {
        dicom_put_sequence(w, 0x00420013 /* Source Instance Sequence */);
        for (ptrdiff_t i = 0; i < s->evidence.count; i++) {
            dicom_put_item(w);
            sr_reference_put(w, &all[i].reference);
            dicom_put_item_end(w);
        }
        dicom_put_sequence_end(w);
    }
    dicom_put_integer(w, 0x00420015 /* Encapsulated Document Length */, s->document.len);
    return dicom_writer_end(w, &s->c->error);
}

/* ---- the whole ---- */

static bool write_object(const struct report_source *s, unsigned kind, struct str uid, struct dicom_writer *w)
{
    static bool (*const writers[])(const struct report_source *, struct str, struct dicom_writer *) = {
        [REPORT_AS_PDF] = write_pdf,
        [REPORT_AS_SR] = report_sr_write,
        [REPORT_AS_MEASUREMENTS] = report_measurements_write,
        [REPORT_AS_REJECTION] = report_rejection_write,
    };
    return writers[kind](s, uid, w);
}

/* By what it is and all that is in it: nothing else ever has its name. */
static bool name_object(const struct report_source *s, unsigned kind, struct str *uid)
{
    struct dicom_writer w;
    bool ok = write_object(s, kind, S(UID_NOT_YET), &w);
    struct str digest = ok ? crypto_sha256_hex(dicom_writer_bytes(&w), &s->c->arena) : STR_NULL;
    dicom_writer_release(&w);
    *uid = uid_of(arena_format(&s->c->arena, "roentgen/report/%.*s/%" PRId64 "/%s/%.*s", STR_FMT(s->report.report_uuid),
                               s->version.version, report_object_kinds[kind - 1], STR_FMT(digest)),
                  &s->c->arena);
    return ok;
}

static bool make(const struct report_source *s, struct report_object *object)
{
    struct call *c = s->c;
    struct dicom_writer w;
    db_release(c);
    if (!name_object(s, object->kind, &object->instance_uid))
        return false;
    bool ok = write_object(s, object->kind, object->instance_uid, &w);
    if (ok)
        object->bytes = arena_copy(&c->arena, dicom_writer_bytes(&w));
    dicom_writer_release(&w);
    object->version = s->version.version;
    object->study_id = s->report.study_id;
    object->patient_number = report_dicom_told(s, "patient", "patient_id");
    return ok;
}

bool report_dicom(struct call *c, struct report_object *object)
{
    struct report_source *s = arena_new(&c->arena, struct report_source);
    s->c = c;
    object->is_empty = false;
    bool ok =
        report_may_be_given_out(c) && report_load(c, object->id, &s->report) &&
        report_version_load(c, object->id, object->version > 0 ? object->version : s->report.version, &s->version) &&
        load_subject(s) && load_parts(s, object);
    if (ok) {
        object->is_empty = object->kind == REPORT_AS_MEASUREMENTS && !s->measured_count;
        ok = object->is_empty ? fail(c, E_CONFLICT, "no source of the report names annotations with measurements")
                              : make(s, object);
    }
    json_decref(s->subject);
    return ok;
}
