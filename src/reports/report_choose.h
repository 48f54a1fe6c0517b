/* report_choose.h - which reports somebody asks for, among those that they see: what lists are filtered by, and what an
 * export is chosen by, in the same words.
 *
 *     static const struct field fields[] = { LIST_FIELDS(...), REPORT_CHOICE(struct report_list, choice) };
 *     count = report_choice_conditions(c, &in->choice, false, conditions);          // a list (web/listing.h)
 *     report_choose(c, &wish->choice, EXPORT_REPORTS_MAX, &ids)                     // all of them at once
 *
 * What is asked for goes by what the caller is told: readers choose by the status, author, words and codes of the
 * version that they are shown (report.h). A list applies study, patient and search by the rows' own `filter`.
 */
#ifndef ROENTGEN_REPORTS_REPORT_CHOOSE_H
#define ROENTGEN_REPORTS_REPORT_CHOOSE_H

#include "reports/report.h"
#include "reports/report_find.h"

struct report_choice {
    int64_t study_id, patient_id, author_id;
    unsigned status; /* enum report_status */
    struct str search, code;
    bool mine;
};

#define REPORT_OF_STUDY "r.study_id = ?"
#define REPORT_OF_PATIENT "r.study_id in (select t.id from studies t where t.patient_id = ?)"
#define REPORT_CHOICE(T, CHOICE) \
    FIELD_AS(T, "study_id", CHOICE.study_id, .min = 1, .max = INT64_MAX, .filter = REPORT_OF_STUDY, \
             .doc = "Only those of this study."), \
        FIELD_AS(T, "patient_id", CHOICE.patient_id, .min = 1, .max = INT64_MAX, .filter = REPORT_OF_PATIENT, \
                 .doc = "Only those of this patient's studies."), \
        FIELD_AS(T, "author_id", CHOICE.author_id, .min = 1, .max = INT64_MAX, .doc = "Only those of this author."), \
        FIELD_AS(T, "status", CHOICE.status, .choices = report_statuses, .type = "ReportStatus", \
                 .doc = "Only those that stand so."), \
        FIELD_AS(T, "search", CHOICE.search, .max = 100, \
                 .doc = "Finds part of the title, a section, a text in a field or an addendum, of the version that " \
                        "one is shown."), \
        FIELD_AS(T, "code", CHOICE.code, .min = 1, .max = REPORT_CODE_MAX, .example = "BI-RADS:4A", \
                 .doc = "Only those with this code: what was chosen by system and code (Lung-RADS-2022:3; " \
                        "Lung-RADS:3), or by the field's name (lung_rads=3), or a field's own code (LN:24627-2) " \
                        "where it has a value."), \
        FIELD_AS(T, "mine", CHOICE.mine, .fallback = "false", .doc = "Only those one is the author of.")

/* Conditions on `reports r` for status, author and code, and for what readers do not see. `among_codes`: the rows begin
 * with `report_codes k`. Returns how many. */
enum { REPORT_CHOICE_CONDITIONS = 4 };
int report_choice_conditions(struct call *c, const struct report_choice *choice, bool among_codes,
                             struct condition out[REPORT_CHOICE_CONDITIONS]);

/* From the lowest, each once. */
void report_ids_sort(struct integers *ids);
/* The ids of all of them, so. E_TOO_LARGE: more than `max`. E_FORBIDDEN: of a patient, to who may not read
 * patients. Outside of transactions: it may read for long. */
bool report_choose(struct call *c, const struct report_choice *choice, ptrdiff_t max, struct integers *out);

#endif
