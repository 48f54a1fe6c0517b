/* dicom_source.c - what a DICOM object says of patient, study, series and of how the result stands. */
#include "diagnosis/dicom_source.h"

#include "dicom/uid.h"
#include "records/filing.h"
#include "schema/json.h"

#include <math.h>
#include <stdio.h>

/* ---- rows ---- */

struct kept_gate {
    struct str reason, text;
};
static const struct field gate_fields[] = {
    FIELD(struct kept_gate, reason, .flags = NULLABLE, .doc = "For programs."),
    FIELD(struct kept_gate, text, .flags = NULLABLE, .doc = "For people."),
};
static const struct schema gate_schema = SCHEMA("DicomGate", struct kept_gate, gate_fields);

struct reader {
    struct str full_name, department;
};
static const struct field reader_fields[] = {
    FIELD(struct reader, full_name, .doc = "As in User."),
    FIELD(struct reader, department, .flags = NULLABLE, .doc = "As in User."),
};
static const struct schema reader_schema = SCHEMA("DicomReader", struct reader, reader_fields, .table = "users");

/* The sentence for people; null: it was let in. */
static bool read_gate(struct call *c, const struct diagnosis *d, struct str *out)
{
    struct kept_gate gate;
    uint64_t given;
    schema_clear(&gate_schema, &gate);
    if (d->gate.text.len && !json_decode(c, d->gate.text, &gate_schema, &gate, false, &given))
        return false;
    *out = gate.text;
    return true;
}

/* A full name as people write it is no PN of components (PS3.5 6.2.1): all of it is the first one. */
static struct str person_name(struct arena *arena, struct str full_name)
{
    struct str name = arena_copy(arena, full_name.len ? full_name : S("unknown"));
    for (ptrdiff_t i = 0; i < name.len; i++)
        if (name.at[i] == '^' || name.at[i] == '=')
            ((char *)name.at)[i] = ' ';
    return name;
}

/* Later words of one reader take the place of earlier ones. */
static bool judge(struct call *c, const struct list *readings, struct dicom_source *source)
{
    const struct reading *all = readings->items;
    struct dicom_judgement *last = arena_array(&c->arena, struct dicom_judgement, readings->count + 1);
    ptrdiff_t count = 0, confirmed = 0;
    for (ptrdiff_t i = 0; i < readings->count; i++) {
        bool is_last = true;
        for (ptrdiff_t k = i + 1; k < readings->count && is_last; k++)
            is_last = all[k].reviewer_id != all[i].reviewer_id;
        if (!is_last)
            continue;
        struct reader reader;
        enum found found = db_find(c, &reader_schema, &reader, "where users.id = ?", V(all[i].reviewer_id));
        if (found == FAILED)
            return false;
        last[count++] =
            (struct dicom_judgement){ all[i], person_name(&c->arena, found == FOUND ? reader.full_name : STR_NULL),
                                      found == FOUND ? reader.department : STR_NULL };
        confirmed += all[i].decision == REVIEW_CONFIRMED;
        source->is_rejected = source->is_rejected || all[i].decision == REVIEW_REJECTED;
        source->at = all[i].reviewed_at;
    }
    source->judgements = (struct list){ .items = last, .count = count };
    source->is_verified = count > 0 && confirmed == count && !source->is_withdrawn;
    return true;
}

/* Those that the model's key points have become, for this frame. */
static bool load_measurements(struct call *c, struct dicom_source *source)
{
    struct annotation_set set;
    if (source->card.task != TASK_KEYPOINTS || source->d.is_shadow)
        return true;
    if (!annotation_set_load(c, source->d.image_file_id, 0, &set))
        return false;
    struct annotation *kept = arena_array(&c->arena, struct annotation, set.annotations.count + 1);
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < set.annotations.count; i++) {
        const struct annotation *a = (const struct annotation *)set.annotations.items + i;
        if (a->source == SOURCE_MODEL && a->frame == source->d.frame && a->visible && a->values.count &&
            str_equal(a->model.name, source->d.model_name) && str_equal(a->model.version, source->d.model_version))
            kept[count++] = *a;
    }
    source->measurements = (struct list){ kept, count };
    return true;
}

bool dicom_source_load(struct call *c, int64_t id, struct dicom_source *out)
{
    struct list readings;
    *out = (struct dicom_source){ 0 };
    if (!diagnosis_load(c, id, &out->d))
        return false;
    unsigned status = out->d.status;
    if (status != DIAGNOSIS_COMPLETED && status != DIAGNOSIS_REVIEWED && status != DIAGNOSIS_WITHDRAWN)
        return fail(c, E_CONFLICT, "it has no result that could be written");
    out->is_withdrawn = status == DIAGNOSIS_WITHDRAWN;
    out->at = out->d.finished_at;
    if (!model_load(c, out->d.model_id, &out->model) || !card_read(c, out->model.card.text, &out->card) ||
        !diagnosis_findings(c, &out->d, &out->findings) || !diagnosis_readings(c, &out->d, &readings) ||
        !read_gate(c, &out->d, &out->refusal) || !judge(c, &readings, out) || !load_measurements(c, out))
        return false;
    out->version = 1 + readings.count + out->is_withdrawn;
    return image_file_load(c, out->d.image_file_id, &out->file);
}

const char *dicom_source_standing(const struct dicom_source *source)
{
    if (source->is_withdrawn)
        return "WITHDRAWN";
    if (source->is_rejected)
        return "REJECTED";
    if (source->is_verified)
        return "confirmed by a reader";
    return source->judgements.count ? "corrected by a reader" : "not reviewed";
}

/* ---- the film ---- */

bool dicom_source_film(struct call *c, const struct image *image, struct dicom_source *source)
{
    struct str ignored;
    if (!image->dicom || source->file.file_type != FILE_DICOM)
        return fail(c, E_CONFLICT, "the film is no DICOM file: there is nothing that a DICOM object could refer to");
    const struct dicom_dataset *root = image->dicom->root;
    filing_settle_text(c, source->file.uploaded_by, image->dicom, &ignored);
    source->film = root;
    if (source->file.study_id <= 0 || !dicom_uid(root, DICOM_SOPClassUID, &source->reference.class_uid) ||
        !dicom_uid(root, DICOM_SOPInstanceUID, &source->reference.instance_uid) ||
        !dicom_uid(root, 0x0020000D /* Study Instance UID */, &source->study_uid) ||
        !dicom_uid(root, 0x0020000E /* Series Instance UID */, &source->series_uid))
        return fail(c, E_CONFLICT, "the film belongs to no study: there is none that a DICOM object could be put into");
    source->reference.frame = source->file.number_of_frames > 1 ? source->d.frame : 0;
    return true;
}

/* ---- what all objects hold ---- */

/* As the film has it; also where it has none, as far as it is of Type 2. */
static void copy(struct call *c, struct dicom_writer *w, const struct dicom_source *source, uint32_t tag)
{
    dicom_put(w, tag, dicom_text_first(source->film, tag, &c->arena));
}

/* Also of a film that writes 2026.01.05 and 10:11:12, as was right until 1993 (PS3.5 6.2). */
static void copy_date(struct dicom_writer *w, const struct dicom_source *source, uint32_t tag)
{
    char text[16];
    struct date date;
    int year = 0, month = 0, day = 0, len = 0;
    if (dicom_date(source->film, tag, &date)) {
        date_to_ymd(date, &year, &month, &day);
        len = snprintf(text, sizeof(text), "%04d%02d%02d", year, month, day);
    }
    dicom_put(w, tag, (struct str){ text, len });
}

static void copy_time(struct call *c, struct dicom_writer *w, const struct dicom_source *source, uint32_t tag)
{
    struct str text = dicom_text_first(source->film, tag, &c->arena);
    char *packed = arena_alloc(&c->arena, text.len + 1);
    ptrdiff_t len = 0;
    for (ptrdiff_t i = 0; i < text.len; i++)
        if (text.at[i] != ':')
            packed[len++] = text.at[i];
    dicom_put(w, tag, (struct str){ packed, len });
}

/* PS3.3 C.7.1.1 has these three; what else a film says is nobody's sex. */
static void copy_sex(struct call *c, struct dicom_writer *w, const struct dicom_source *source, uint32_t tag)
{
    struct str text = dicom_text_first(source->film, tag, &c->arena);
    dicom_put(w, tag, text.len == 1 && strchr("MFO", text.at[0]) ? text : STR_NULL);
}

static void copy_if_there(struct call *c, struct dicom_writer *w, const struct dicom_source *source, uint32_t tag)
{
    struct str text = dicom_text_first(source->film, tag, &c->arena);
    if (text.len)
        dicom_put(w, tag, text);
}

static const char *called(enum diagnosis_object_kind kind)
{
    return kind == OBJECT_REPORT ? "result" : kind == OBJECT_HEATMAP ? "evidence map" : "masks";
}

static struct str series_description(struct call *c, const struct dicom_source *source, enum diagnosis_object_kind kind)
{
    const char *mark = source->is_withdrawn ? "WITHDRAWN " : source->is_rejected ? "REJECTED " : "";
    return arena_format(&c->arena, "%s%s%s: %.*s %.*s", mark, source->d.research_only ? "Research AI " : "AI ",
                        called(kind), STR_FMT(source->d.model_name), STR_FMT(source->d.model_version));
}

static void put_group_8(struct call *c, struct dicom_writer *w, const struct dicom_source *source,
                        const struct dicom_about *about)
{
    if (about->kind != OBJECT_REPORT)
        dicom_put(w, 0x00080008 /* Image Type */,
                  about->kind == OBJECT_HEATMAP ? S("DERIVED\\SECONDARY") : S("DERIVED\\PRIMARY"));
    dicom_put(w, DICOM_SOPClassUID, str_from(about->class_uid));
    dicom_put(w, DICOM_SOPInstanceUID, about->instance_uid);
    copy_date(w, source, 0x00080020 /* Study Date */);
    dicom_put_moment(w, 0x00080023 /* Content Date */, source->at, false);
    copy_time(c, w, source, 0x00080030 /* Study Time */);
    dicom_put_moment(w, 0x00080033 /* Content Time */, source->at, true);
    copy(c, w, source, 0x00080050 /* Accession Number */);
    dicom_put(w, DICOM_Modality, str_from(about->modality));
    if (about->kind == OBJECT_HEATMAP)
        dicom_put(w, 0x00080064 /* Conversion Type */, S("WSD"));
    dicom_put(w, 0x00080070 /* Manufacturer */, S("Roentgen"));
    copy(c, w, source, 0x00080090 /* Referring Physician's Name */);
    copy_if_there(c, w, source, 0x00081030 /* Study Description */);
    dicom_put(w, 0x0008103E /* Series Description */, series_description(c, source, about->kind));
    dicom_put(w, 0x00081090 /* Manufacturer's Model Name */, S("Roentgen"));
    if (about->put_group_8)
        about->put_group_8(c, w, source);
}

void dicom_source_begin(struct call *c, struct dicom_writer *w, const struct dicom_source *source,
                        const struct dicom_about *about)
{
    struct str series = arena_format(&c->arena, "roentgen/series/%s/%.*s/%.*s", diagnosis_object_kinds[about->kind - 1],
                                     STR_FMT(source->d.diagnosis_uuid), STR_FMT(source->d.model_digest));
    dicom_writer_begin(w, about->max_bytes, &c->hold, str_from(about->class_uid), about->instance_uid);
    put_group_8(c, w, source, about);
    copy(c, w, source, DICOM_PatientName);
    copy(c, w, source, 0x00100020 /* Patient ID */);
    copy_if_there(c, w, source, 0x00100021 /* Issuer of Patient ID */);
    copy_date(w, source, 0x00100030 /* Patient's Birth Date */);
    copy_sex(c, w, source, 0x00100040 /* Patient's Sex */);
    copy_if_there(c, w, source, 0x00101010 /* Patient's Age */);
    if (about->put_group_18)
        about->put_group_18(c, w, source);
    dicom_put(w, 0x0020000D /* Study Instance UID */, source->study_uid);
    dicom_put(w, 0x0020000E /* Series Instance UID */, uid_of(series, &c->arena));
    copy(c, w, source, 0x00200010 /* Study ID */);
    dicom_put_integer(w, 0x00200011 /* Series Number */, about->series_number);
    dicom_put_integer(w, 0x00200013 /* Instance Number */, source->version);
}
