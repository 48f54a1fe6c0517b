/* opinions.h - what models and readers say of one study, side by side, and how far they agree.
 *
 *     struct opinions opinions;
 *     opinions_of_study(c, study_id, &opinions)
 *
 * A source is a model (one version of it) or a reader. A model's opinion of an image is its last result that is neither
 * withdrawn nor rejected; a reader's is their last review of such a result: what the model found where they CONFIRMED
 * it, what they wrote where they MODIFIED it. What was REJECTED is off the record's face, and so is here counted only.
 *
 * Two sources are compared over what both have spoken of: each label of each frame. A model speaks of all labels of its
 * card, a reader of those of the model that they judged and of what they added; what a source could have said and did
 * not is not there. A label is there where one of its findings is positive.
 */
#ifndef ROENTGEN_DIAGNOSIS_OPINIONS_H
#define ROENTGEN_DIAGNOSIS_OPINIONS_H

#include "diagnosis/diagnosis.h"

enum opinion_by { BY_MODEL = 1, BY_READER };
extern const char *const opinion_bys[]; /* "MODEL", "READER" */

struct opinion_finding {
    int64_t diagnosis_id, image_file_id, frame;
    struct finding finding;
};
struct opinion {
    int64_t source; /* 1, 2, ...: what comparisons name */
    unsigned by;
    int64_t model_id; /* of a model */
    struct str model_name, model_version;
    int64_t reader_id; /* of a reader */
    struct str reader_name;
    int64_t results, rejected; /* results of it; that it, a reader, rejected, or that of it, a model, were */
    struct list findings;      /* struct opinion_finding */
};
struct comparison {
    int64_t first, second; /* struct opinion.source */
    int64_t compared, agreed;
    double kappa; /* Cohen's; NaN: nothing was compared, or both always say the same one thing */
};
struct opinions {
    struct list sources, agreement; /* struct opinion, struct comparison */
};
extern const struct schema opinions_schema;

/* Of the study's results that the caller sees, OPINION_RESULTS_MAX at most. E_NOT_FOUND; E_TOO_LARGE: too much is said
 * of it. */
enum { OPINION_RESULTS_MAX = 500 };
bool opinions_of_study(struct call *c, int64_t study_id, struct opinions *out);

#endif
