/* rule.h - which images are asked of which model or program by themselves, when their study has come.
 *
 *     POST /diagnosis/rules {"name": "chests", "modality": ["CR", "DX"], "body_part": ["CHEST"], "model_id": 3}
 *     POST /diagnosis/rules {"name": "lungs", "modality": ["CT"], "description_contains": "thorax", "program": "lungs"}
 *
 *   a file is stored --same transaction--> job `diagnosis.rules` of its study, due after DIAGNOSIS_QUIET
 *        |                                        |   more have come since, or while it was at it: once more
 *        `-- the study has as many as a rule      v
 *            expects: at once                  each image, by each rule that is switched on, in their order
 *                                                 --> what diagnosis_ask does; diagnosis.rule_id says which rule
 *
 * A rule is a closed grammar: each condition that it has must hold; in a list, one of it. Letter case does not count.
 * What an image does not say is not matched by a condition that asks for it. View and station are read from the file's
 * header (View Position (0018,5101), Station Name (0008,1010)), and so only where a rule asks for them. Behind the
 * rules the model's own gate counts: of an image that the card does not admit it is not asked.
 *
 * A program (program/program.h) is given all images of the study that its rule has taken, at once, in the name of who
 * made the rule, while that account may run it and sees them. Of the same images it is not asked again; when more have
 * come, of all. What programs have left is given to none. An account that may not, a program that is not there any
 * more, and more images than it takes are said in the log, and the other rules go on.
 *
 * An image that came alone, in no study, is looked at at once. Of what the model was ever asked, by whomever, a rule
 * does not ask again, whatever became of it. Of a study the first CANDIDATES_MAX images are looked at.
 */
#ifndef ROENTGEN_DIAGNOSIS_RULE_H
#define ROENTGEN_DIAGNOSIS_RULE_H

#include "diagnosis/gate.h"
#include "diagnosis/model.h"
#include "program/program.h"

struct rule {
    int64_t id;
    struct str name;
    int64_t position; /* lower ones first; of equal ones the older */
    bool is_enabled;
    struct texts modality, body_part, view, station; /* empty: any */
    struct str description_contains;                 /* of the file's or the study's description; null: any */
    int64_t age_min, age_max;                        /* whole years on the study's date, inclusive; null: no limit */
    struct integers uploaded_by;                     /* accounts; empty: anybody */
    int64_t model_id;                                /* null: a program */
    unsigned model_state;                            /* not set by anybody; 0: a program */
    struct str program;                              /* null: a model */
    unsigned priority;
    int64_t expected_images; /* a study with so many is complete at once; null: after the quiet time */
    bool stops;              /* what it has taken is not looked at by those after it */
    int64_t created_by;
    struct instant created_at, updated_at;
};
extern const struct schema rule_schema;
extern const struct job_kind rules_kind;

/* Inside transactions. E_INVALID: no such model or program, neither or both, ages that nobody has, accounts that there
 * are not. */
bool rule_add(struct call *c, const struct rule *rule, int64_t *id);
bool rule_change(struct call *c, const struct rule *change, uint64_t given);
bool rule_remove(struct call *c, int64_t id);
bool rule_load(struct call *c, int64_t id, struct rule *out); /* E_NOT_FOUND */

/* What it would have asked of what was stored in the last so many days. Opens files where it asks for view or
 * station. */
enum { TRIAL_IMAGES_MAX = 20000, TRIAL_HEADERS_MAX = 2000 };
struct rule_trial {
    int64_t studies, studies_asked, images, images_asked;
    bool is_cut; /* there were more than are looked at */
};
bool rule_try(struct call *c, const struct rule *rule, int64_t days, struct rule_trial *out);

/* Inside the transaction that stores a file (site/jobs.h). */
bool rules_file_stored(struct call *c, int64_t image_file_id, int64_t study_id);

/* ---- private to the rules ---- */

/* As it would be; `asks`: what it names has to be there and in use. Else it may name what is not any more. */
bool rule_will_do(struct call *c, const struct rule *rule, bool asks);

/* An image as rules look at it (rule_match.c). */
struct candidate {
    int64_t id, study_id, uploaded_by, age_years;
    struct str modality, body_part, description, study_description;
    bool is_for_programs; /* a DICOM file of a study, which no program has left */
    bool header_read;
    struct str view, station; /* of the header */
};
enum { CANDIDATES_MAX = PROGRAM_IMAGES_MAX + 1 }; /* one more than a program takes: it is given all, or is not asked */
/* struct candidate; of a study, or one image. */
bool candidates_of(struct call *c, int64_t study_id, int64_t image_file_id, struct list *out);

/* A rule with what it names. */
struct ready {
    struct rule rule;
    const struct program *program; /* NULL: the model */
    struct model model;
    struct card card;
};
/* NONE: nothing is asked of what it names any more. */
enum found rule_ready(struct call *c, const struct rule *rule, struct ready *out);
/* Do its conditions hold, and does what it names admit the image? */
bool rule_takes(struct call *c, const struct ready *ready, struct candidate *candidate, bool *takes);

#endif
