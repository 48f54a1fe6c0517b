/* report_parts.h - what the files that change reports share. All inside transactions that hold the report's row. */
#ifndef ROENTGEN_REPORTS_REPORT_PARTS_H
#define ROENTGEN_REPORTS_REPORT_PARTS_H

#include "pdf/pdf.h"
#include "reports/report.h"
#include "signing/cms.h"

#include <jansson.h>

#define REPORT_SIGNED_BITS (STATUS_BIT(REPORT_FINAL) | STATUS_BIT(REPORT_AMENDED) | STATUS_BIT(REPORT_APPENDED))
#define REPORT_GIVEN_UP_BITS (STATUS_BIT(REPORT_CANCELLED) | STATUS_BIT(REPORT_ENTERED_IN_ERROR))

/* Of `reports r` with its study `s`: one's own, as author of any version, reviewer or signer; or of a study whose
 * record one sees. Parameters: the caller four times, VISIBLE_TO(c). */
#define REPORT_SEEN \
    "(r.author_id = ? or r.reviewer_id = ? or r.signer_id = ? or exists (select 1 from report_versions w where " \
    "w.report_id = r.id and w.author_id = ?) or " VISIBLE_RECORD ")"

/* Of rows V of report_versions, the first that an account has written of each report. Not `distinct`: for that MariaDB
 * reads all reports. */
#define REPORT_FIRST_OF_AUTHOR(V) \
    V ".author_id = ? and not exists (select 1 from report_versions x where x.report_id = " V \
      ".report_id and x.version < " V ".version and x.author_id = " V ".author_id)"

/* Of a row ROW of reports: a column of the last such step that came before what is signed. */
#define REPORT_STEP(ROW, COLUMN, ACTION) \
    "(select h." COLUMN " from report_steps h where h.report_id = " ROW ".id and h.action = '" ACTION \
    "' and h.version <= " ROW ".signed_version order by h.id desc limit 1)"

/* Whoever listens hears how it stands. */
bool report_tell(struct call *c, const struct report *report, enum report_status status);
/* What is signed along stays as it is until the commit, and one after the other changes the study's rows of the work
 * list: patient, study and images come before the report (record_lock.h). A report's study never changes. */
bool report_hold_study(struct call *c, int64_t id);
/* The work list follows how it stands now (records/worklist.h): after each change of status, author or priority. The
 * study is held. */
bool report_keep_on_list(struct call *c, int64_t id);
/* A row of its history; `action` 0: it was begun. */
bool report_put_step(struct call *c, const struct report *report, unsigned action, enum report_status to,
                     struct str reason);
/* The row of report->version, with its kind and what it replaces. The report's own row is the caller's to change. */
bool report_put_version(struct call *c, struct report *report, const struct report_content *content, struct str reason);
/* Is the caller its author, and still one who writes reports? */
bool report_is_author(const struct call *c, const struct report *report);
/* The current version, signed by the caller with their key; *at: when. Meaning 0: as author of their own
 * (report_sign.h). The report's row is the caller's to change. */
bool report_put_signature(struct call *c, const struct report *report, unsigned meaning, struct instant *at);
/* The envelope of a version that the caller sees (0: the last signed), and when it was made by our clock.
 * E_CONFLICT. */
bool report_signature_load(struct call *c, int64_t id, int64_t version, struct report *report, struct str *envelope,
                           struct instant *at, int64_t *signed_version);
/* A row that hangs on a report: does the caller see that? `found` is what was said of the row. Audited as about it.
 * E_NOT_FOUND, in the words of `what` ("late result"), where there is none, and where the report is not seen. */
bool report_shows_part(struct call *c, enum found found, const char *what, int64_t id, int64_t report_id);
/* Inside a transaction, before such a row is locked: its report, and what comes before that (report_hold_with_study).
 * `report_of_row` selects the report's id by the row's. */
bool report_hold_of(struct call *c, const char *report_of_row, int64_t id);
/* The current version, whoever asks: nothing of it may go into their answer. */
bool report_load_unseen(struct call *c, int64_t id, struct report *out);
/* The signature that a code on pages leads to (report_public.h). */
enum found report_signature_find(struct call *c, struct str token, int64_t *report_id, int64_t *version,
                                 struct instant *at);
/* report_verify, whoever asks: nothing but its verdict may go into their answer. */
struct report_verification;
/* What the signatures of an envelope are worth that was made here `at` that time, and what was signed; the verdict may
 * be one that was worked out before from the same (report_verdict.c). Null content: it cannot be read. */
bool report_verdict(struct call *c, struct str envelope, struct instant at, enum verdict *verdict, struct str *content);
bool report_verify_unseen(struct call *c, int64_t id, int64_t version, struct report_verification *out);
/* Does the record still say what was signed (`content`): the version, of the same patient or of who took them in by a
 * merge, the images that are there? */
enum found report_holds(struct call *c, const struct report *report, const struct report_version *version,
                        const json_t *content);
/* The pages of a version (report_pdf.h) as the caller sees its images, and as `report` says that it stands; they carry
 * no signature of their own. Blocks. */
struct report_pages {
    struct str pdf;
    bool is_signed, is_changed; /* the version is; and the record does not say what was signed */
    int missing;                /* key images that the caller does not see, or that are gone */
};
bool report_pages(struct call *c, const struct report *report, const struct report_version *version, enum pdf_page page,
                  struct report_pages *out);
/* Has this content key images, and does the caller see each, so that pages which report_pdf makes for them show all? */
bool report_shows_images(struct call *c, const struct report *report, const struct report_content *content,
                         bool *shows);
/* As clocks in the house show it, to the second: "2026-01-05 14:30:22 UTC+08:00"; null of none. */
struct str report_moment(struct arena *arena, struct instant at);
/* What somebody signed as ("AUTHOR"; report_sign.h), in a word for readers. */
struct str report_meaning_word(bool is_chinese, struct str meaning);
/* What is said across each page of what is not what counts (DRAFT, SUPERSEDED ...), in the version's language; null: it
 * counts. */
struct str report_watermark(const struct report *report, const struct report_version *version, bool is_signed,
                            bool is_changed);
/* report_text of a version that the caller has seen, whatever else they may read. */
bool report_text_of(struct call *c, const struct report *report, const struct report_version *version, struct str *out);
/* As FHIR (report_out.h); `pdf` null: without it. */
bool report_bundle(struct call *c, const struct report *report, const struct report_version *version, struct str pdf,
                   struct str *out);
/* The same, whoever asks, of a version that is known. */
bool report_signature_load_unseen(struct call *c, int64_t id, int64_t version, struct report *report,
                                  struct str *envelope, struct instant *at);
/* The last signed report, of another study of the same patient, body part and modality (films are of one kind) that is
 * earlier (on the same day by its time) and shows no other side, that the caller sees and nobody has withdrawn. Of a
 * study that does not say its body part, modality and day there is NONE. */
enum found report_find_prior(struct call *c, const struct report *of, int64_t *id);
/* Is what the change's sources name there, of this study or patient, and of a model confirmed by a reader? Fills their
 * details. E_INVALID. */
bool report_sources_hold(struct call *c, const struct report *report, struct content_change *change);
/* Does the content still say what this source is of: its text stands in the section, or is the field's value? Of
 * neither: it is of the whole, and stands. Sources of what the author has taken out or written otherwise stay in the
 * content, so that a draft is not filled with it again; what is given out, and what is checked, does not go by them. */
bool report_source_stands(struct call *c, const struct report_content *content, const struct content_source *source);
/* content_source_list() of those that stand. */
bool report_standing_sources(struct call *c, const struct report_content *content, struct list *out);
/* "diagnosis/77": the number after the prefix, and nothing behind it; 0: no such reference. */
int64_t report_source_number(struct str reference, struct str prefix);
/* "images/812/annotations/4", of FROM_MEASUREMENT: image and version. */
bool report_source_annotations(struct str reference, int64_t *image_file_id, int64_t *version);
/* Is what it shows still there, and does what it names as sources of what stands still say so? Of an addendum, which
 * leaves what was signed as it is, the sources are not asked. Whoever asks: what it says is theirs to read.
 * E_INVALID. */
bool report_rests(struct call *c, const struct report *report);
/* Is the caller told which result of a model this is, and what it says: who may ask models, and sees its image. */
bool report_result_is_told(struct call *c, int64_t diagnosis_id, bool *told);
/* As a file, which names its patient. E_FORBIDDEN, to who may not read patients. */
bool report_may_be_given_out(struct call *c);
/* Was `base` the current version? INTEGER_NULL will do for who made that. E_PRECONDITION_FAILED names both. */
bool report_is_current(struct call *c, const struct report *report, int64_t base);

#endif
