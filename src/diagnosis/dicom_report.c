/* dicom_report.c - a result as a Comprehensive SR document (PS3.3 A.35.3) after TID 1500 "Measurement Report". */
#include "diagnosis/dicom_source.h"
#include "diagnosis/sr_content.h"

#include "base/zone.h"
#include "dicom/uid.h"

#include <math.h>
#include <stdlib.h>

#define UID_COMPREHENSIVE_SR "1.2.840.10008.5.1.4.1.1.88.33"
enum { REPORT_BYTES_MAX = 64 << 20, SERIES_NUMBER = 9001, PERCENT = 100, SH_MAX = 16 };

#define COMMENT CODE("DCM", "121106", "Comment")
#define MODALITY CODE("DCM", "121139", "Modality")

/* ---- who observed what ---- */

/* TID 1204, 1001, 1004. */
static void put_context(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    const struct diagnosis *d = &source->d;
    sr_code(w, SR_MODIFIED, CODE("DCM", "121049", "Language of Content Item and Descendants"),
            CODE("RFC5646", "en", "English"));
    sr_code(w, SR_OBSERVED, CODE("DCM", "121005", "Observer Type"), CODE("DCM", "121007", "Device"));
    sr_uid(w, SR_OBSERVED, CODE("DCM", "121012", "Device Observer UID"),
           uid_of(arena_format(&c->arena, "roentgen/model/%.*s", STR_FMT(d->model_digest)), &c->arena));
    sr_text(w, SR_OBSERVED, CODE("DCM", "121013", "Device Observer Name"), d->model_name);
    sr_text(w, SR_OBSERVED, CODE("DCM", "121015", "Device Observer Model Name"),
            arena_format(&c->arena, "%.*s %.*s", STR_FMT(d->model_name), STR_FMT(d->model_version)));
    sr_text(w, SR_OBSERVED, CODE("DCM", "121016", "Device Observer Serial Number"), d->model_digest);
}

/* What was done, as far as the film says it; else what it can only have been. */
static void put_procedure(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    const struct dicom_dataset *item = dicom_item(source->film, 0x00081032 /* Procedure Code Sequence */, 0);
    struct card_code code = CODE_ROW("SCT", "363679005", "Imaging procedure");
    if (item) {
        struct card_code said = { dicom_text_first(item, 0x00080102, &c->arena),
                                  dicom_text_first(item, 0x00080100, &c->arena),
                                  dicom_text_first(item, 0x00080104, &c->arena) };
        if (said.scheme.len && said.value.len && said.meaning.len && str_code_points(said.value) <= SH_MAX)
            code = said;
    }
    sr_code(w, SR_MODIFIED, CODE("DCM", "121058", "Procedure reported"), &code);
}

/* CID 29, as far as models look at such images. */
static const struct card_code *modality_of(struct str modality)
{
    static const struct card_code all[] = {
        CODE_ROW("DCM", "CR", "Computed Radiography"),
        CODE_ROW("DCM", "DX", "Digital Radiography"),
        CODE_ROW("DCM", "CT", "Computed Tomography"),
        CODE_ROW("DCM", "MR", "Magnetic Resonance"),
        CODE_ROW("DCM", "US", "Ultrasound"),
        CODE_ROW("DCM", "MG", "Mammography"),
        CODE_ROW("DCM", "NM", "Nuclear Medicine"),
        CODE_ROW("DCM", "PT", "Positron emission tomography"),
        CODE_ROW("DCM", "RF", "Radiofluoroscopy"),
        CODE_ROW("DCM", "XA", "X-Ray Angiography"),
        CODE_ROW("DCM", "ES", "Endoscopy"),
        CODE_ROW("DCM", "OP", "Ophthalmic Photography"),
        CODE_ROW("DCM", "OPT", "Ophthalmic Tomography"),
        CODE_ROW("DCM", "SM", "Slide Microscopy"),
        CODE_ROW("DCM", "XC", "External-camera Photography"),
        CODE_ROW("DCM", "PX", "Panoramic X-Ray"),
        CODE_ROW("DCM", "IO", "Intra-oral Radiography"),
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (str_equal(all[i].value, modality))
            return &all[i];
    return NULL;
}

/* TID 1600: the film, and what it is. */
static void put_library(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    const struct card_code *modality = modality_of(dicom_text_first(source->film, DICOM_Modality, &c->arena));
    sr_container(w, SR_CONTAINS, CODE("DCM", "111028", "Image Library"), NULL);
    sr_container(w, SR_CONTAINS, CODE("DCM", "126200", "Image Library Group"), NULL);
    sr_image_begin(w, SR_CONTAINS, &source->reference);
    if (modality)
        sr_code(w, SR_ACQUIRED, MODALITY, modality);
    sr_number(w, SR_ACQUIRED, CODE("DCM", "110910", "Pixel Data Rows"), (double)source->file.pixel_rows, SR_PIXELS);
    sr_number(w, SR_ACQUIRED, CODE("DCM", "110911", "Pixel Data Columns"), (double)source->file.pixel_columns,
              SR_PIXELS);
    sr_children_end(w);
    sr_children_end(w);
    sr_children_end(w);
}

/* TID 4019. */
void dicom_algorithm_put(struct call *c, struct dicom_writer *w, const struct diagnosis *d)
{
    const struct {
        const char *what;
        struct str value;
    } parameters[] = { { "model SHA-256", d->model_digest },
                       { "input SHA-256", d->input_sha256 },
                       { "preparation", d->preparation },
                       { "runtime", d->runtime } };
    sr_text(w, SR_MODIFIED, CODE("DCM", "111001", "Algorithm Name"), d->model_name);
    sr_text(w, SR_MODIFIED, CODE("DCM", "111003", "Algorithm Version"), d->model_version);
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
        if (parameters[i].value.len)
            sr_text(w, SR_MODIFIED, CODE("DCM", "111002", "Algorithm Parameters"),
                    arena_format(&c->arena, "%s: %.*s", parameters[i].what, STR_FMT(parameters[i].value)));
}

/* ---- findings ---- */

static bool has_box(const struct finding *f)
{
    return isfinite(f->box.x) && isfinite(f->box.y) && isfinite(f->box.width) && isfinite(f->box.height);
}

static void put_percent(struct dicom_writer *w, const struct card_code *concept, double share)
{
    if (isfinite(share))
        sr_number(w, SR_CONTAINS, concept, share * PERCENT, SR_PERCENT);
}

/* PS3.3 C.18.6: 0\0 is the upper left corner of the first pixel, as in finding.h. */
static void put_region(struct dicom_writer *w, const struct finding *f, const struct dicom_source *source)
{
    double left = f->box.x, top = f->box.y, right = left + f->box.width, bottom = top + f->box.height;
    const double corners[] = { left, top, right, top, right, bottom, left, bottom, left, top };
    sr_points(w, SR_CONTAINS, CODE("DCM", "111030", "Image Region"), "POLYLINE", corners,
              sizeof(corners) / sizeof(corners[0]), &source->reference);
}

static void put_landmarks(struct dicom_writer *w, const struct finding *f, const struct dicom_source *source)
{
    const struct finding_point *points = f->points.items;
    for (ptrdiff_t i = 0; i < f->points.count; i++) {
        const double place[] = { points[i].x, points[i].y };
        if (!isfinite(place[0]) || !isfinite(place[1]) || !points[i].name.len)
            continue;
        sr_text_begin(w, SR_CONTAINS, OURS("LANDMARK", "Landmark"), points[i].name);
        if (isfinite(points[i].confidence))
            sr_number(w, SR_PROPERTY, CODE("DCM", "111012", "Certainty of Finding"), points[i].confidence * PERCENT,
                      SR_PERCENT);
        sr_points(w, SR_INFERRED, NULL, "POINT", place, 2, &source->reference);
        sr_children_end(w);
    }
}

/* Whose finding it is: a reader's, or, NULL, the model's. */
static void put_observer(struct dicom_writer *w, const struct dicom_judgement *by)
{
    sr_code(w, SR_OBSERVED, CODE("DCM", "121005", "Observer Type"), CODE("DCM", "121006", "Person"));
    sr_person(w, SR_OBSERVED, CODE("DCM", "121008", "Person Observer Name"), by->reader);
}

/* CID 230. */
static const struct card_code yes = CODE_ROW("SCT", "373066001", "Yes"), no = CODE_ROW("SCT", "373067005", "No");

/* TID 1410 of one with a box, else TID 1501. A model reaches a threshold or does not; that something is there or not is
 * for a reader to say. */
static void put_finding(struct call *c, struct dicom_writer *w, const struct dicom_source *source,
                        const struct finding *f, struct str tracked, const struct dicom_judgement *by)
{
    struct str uid = uid_of(
        arena_format(&c->arena, "roentgen/finding/%.*s/%.*s", STR_FMT(source->d.diagnosis_uuid), STR_FMT(tracked)),
        &c->arena);
    sr_container(w, SR_CONTAINS, CODE("DCM", "125007", "Measurement Group"), has_box(f) ? "1410" : "1501");
    if (by)
        put_observer(w, by);
    sr_text(w, SR_OBSERVED, CODE("DCM", "112039", "Tracking Identifier"), tracked);
    sr_uid(w, SR_OBSERVED, CODE("DCM", "112040", "Tracking Unique Identifier"), uid);
    sr_code(w, SR_CONTAINS, CODE("DCM", "121071", "Finding"), &f->code);
    if (!by)
        dicom_algorithm_put(c, w, &source->d);
    if (has_box(f))
        put_region(w, f, source);
    else
        sr_image(w, SR_CONTAINS, CODE("DCM", "121112", "Source of Measurement"), &source->reference);
    put_percent(w, CODE("DCM", "111012", "Certainty of Finding"), f->probability);
    put_percent(w, OURS("THRESHOLD", "Threshold of the certainty"), f->threshold);
    put_percent(w, OURS("AREA", "Share of the image"), f->area);
    sr_code(w, SR_CONTAINS, by ? OURS("PRESENT", "Present, as the reader says") : OURS("REACHED", "Threshold reached"),
            f->positive ? &yes : &no);
    sr_text(w, SR_CONTAINS, OURS("LABEL", "Label"), f->label);
    sr_text(w, SR_CONTAINS, OURS("LABEL_ZH", "Label in Chinese"), f->label_zh);
    put_landmarks(w, f, source);
    sr_children_end(w);
}

static void put_measurements(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    const struct finding *findings = source->findings.items;
    const struct dicom_judgement *judgements = source->judgements.items;
    ptrdiff_t count = source->findings.count + source->measurements.count;
    for (ptrdiff_t i = 0; i < source->judgements.count; i++)
        count += judgements[i].said.findings.count;
    if (!count)
        return; /* the container has one group at least */
    sr_container(w, SR_CONTAINS, CODE("DCM", "126010", "Imaging Measurements"), NULL);
    for (ptrdiff_t i = 0; i < source->findings.count; i++)
        put_finding(c, w, source, &findings[i], arena_format(&c->arena, "Finding %td", i + 1), NULL);
    dicom_measurements_put(c, w, source);
    for (ptrdiff_t i = 0; i < source->judgements.count; i++) {
        const struct finding *corrected = judgements[i].said.findings.items;
        for (ptrdiff_t k = 0; k < judgements[i].said.findings.count; k++)
            put_finding(c, w, source, &corrected[k], arena_format(&c->arena, "Reader %td, finding %td", i + 1, k + 1),
                        &judgements[i]);
    }
    sr_children_end(w);
}

/* ---- in words ---- */

/* 2026-11-27 16:20:05+0800 */
static struct str moment_text(struct call *c, struct instant at)
{
    char text[INSTANT_TEXT_MAX];
    struct instant shown = zone_shown(at);
    int minutes = (int)((shown.us - at.us) / 60000000);
    if (instant_write(shown, text) < 19)
        return STR_NULL;
    return arena_format(&c->arena, "%.10s %.8s%c%02d%02d", text, text + 11, minutes < 0 ? '-' : '+', abs(minutes) / 60,
                        abs(minutes) % 60);
}

/* "CONFIRMED by Li Wei, 2026-11-27 16:20:05+0800: as I see it" */
static struct str judgement_text(struct call *c, const struct dicom_judgement *one)
{
    struct str decision = choice_text(review_decisions, one->said.decision),
               when = moment_text(c, one->said.reviewed_at);
    return arena_format(&c->arena, "%.*s by %.*s, %.*s%s%.*s", STR_FMT(decision), STR_FMT(one->reader), STR_FMT(when),
                        one->said.comment.len ? ": " : "", STR_FMT(one->said.comment));
}

static struct str standing_text(struct call *c, const struct dicom_source *source)
{
    const char *standing = dicom_source_standing(source);
    if (source->is_withdrawn)
        return arena_format(&c->arena, "%s: this result does not count. %.*s", standing,
                            STR_FMT(source->d.status_reason));
    return arena_format(&c->arena, "%s%s", standing, source->is_rejected ? ": a reader says that it is wrong" : "");
}

/* TID 1500, row 12: what is not of one finding. */
static void put_words(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    const struct dicom_judgement *judgements = source->judgements.items;
    sr_container(w, SR_CONTAINS, CODE("UMLS", "C0034375", "Qualitative Evaluations"), NULL);
    sr_text(w, SR_CONTAINS, OURS("STANDING", "How the result stands"), standing_text(c, source));
    if (source->d.research_only)
        sr_text(w, SR_CONTAINS, OURS("RESEARCH_ONLY", "Research use only"),
                S("Research use only: nobody's treatment may depend on this."));
    sr_text(w, SR_CONTAINS, OURS("INTENDED_USE", "Intended use"), source->card.intended_use);
    sr_text(w, SR_CONTAINS, OURS("NO_FINDING", "Why there is no finding"), source->refusal);
    for (ptrdiff_t i = 0; i < source->judgements.count; i++)
        sr_text(w, SR_CONTAINS, COMMENT, judgement_text(c, &judgements[i]));
    sr_children_end(w);
}

/* ---- the document ---- */

static void put_verifiers(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    const struct dicom_judgement *judgements = source->judgements.items;
    struct str house = dicom_text_first(source->film, 0x00080080 /* Institution Name */, &c->arena);
    dicom_put_sequence(w, 0x0040A073 /* Verifying Observer Sequence */);
    for (ptrdiff_t i = 0; i < source->judgements.count; i++) {
        dicom_put_item(w);
        dicom_put(w, 0x0040A027 /* Verifying Organization */,
                  judgements[i].department.len ? judgements[i].department
                  : house.len                  ? house
                                               : S("not stated"));
        dicom_put(w, 0x0040A030 /* Verification DateTime */, dicom_datetime(&c->arena, judgements[i].said.reviewed_at));
        dicom_put(w, 0x0040A075 /* Verifying Observer Name */, judgements[i].reader);
        dicom_put_sequence(w, 0x0040A088 /* Verifying Observer Identification Code Sequence */);
        dicom_put_sequence_end(w);
        dicom_put_item_end(w);
    }
    dicom_put_sequence_end(w);
}

static void put_empty_sequence(struct dicom_writer *w, uint32_t tag)
{
    dicom_put_sequence(w, tag);
    dicom_put_sequence_end(w);
}

static void put_evidence(struct dicom_writer *w, const struct dicom_source *source)
{
    dicom_put_sequence(w, 0x0040A375 /* Current Requested Procedure Evidence Sequence */);
    dicom_put_item(w);
    dicom_put_sequence(w, 0x00081115 /* Referenced Series Sequence */);
    dicom_put_item(w);
    dicom_put_sequence(w, 0x00081199 /* Referenced SOP Sequence */);
    dicom_put_item(w);
    dicom_put(w, 0x00081150 /* Referenced SOP Class UID */, source->reference.class_uid);
    dicom_put(w, 0x00081155 /* Referenced SOP Instance UID */, source->reference.instance_uid);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    dicom_put(w, 0x0020000E /* Series Instance UID */, source->series_uid);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    dicom_put(w, 0x0020000D /* Study Instance UID */, source->study_uid);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

static void put_group_8(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    (void)c;
    (void)source;
    put_empty_sequence(w, 0x00081111 /* Referenced Performed Procedure Step Sequence, Type 2 */);
}

bool dicom_report_write(struct call *c, const struct dicom_source *source, struct str instance_uid,
                        struct dicom_writer *w)
{
    const struct dicom_about about = { .kind = OBJECT_REPORT,
                                       .class_uid = UID_COMPREHENSIVE_SR,
                                       .modality = "SR",
                                       .series_number = SERIES_NUMBER,
                                       .instance_uid = instance_uid,
                                       .max_bytes = REPORT_BYTES_MAX,
                                       .put_group_8 = put_group_8 };
    dicom_source_begin(c, w, source, &about);
    dicom_put(w, 0x0040A040 /* Value Type */, S("CONTAINER"));
    dicom_put_code(w, 0x0040A043 /* Concept Name Code Sequence */, CODE("DCM", "126000", "Imaging Measurement Report"));
    dicom_put(w, 0x0040A050 /* Continuity of Content */, S("SEPARATE"));
    if (source->is_verified)
        put_verifiers(c, w, source);
    put_empty_sequence(w, 0x0040A372 /* Performed Procedure Code Sequence, Type 2 */);
    put_evidence(w, source);
    dicom_put(w, 0x0040A491 /* Completion Flag */, S("COMPLETE"));
    dicom_put(w, 0x0040A493 /* Verification Flag */, source->is_verified ? S("VERIFIED") : S("UNVERIFIED"));
    sr_template(w, "1500");
    dicom_put_sequence(w, 0x0040A730 /* Content Sequence */);
    put_context(c, w, source);
    put_procedure(c, w, source);
    put_library(c, w, source);
    put_measurements(c, w, source);
    put_words(c, w, source);
    dicom_put_sequence_end(w);
    return dicom_writer_end(w, &c->error);
}
