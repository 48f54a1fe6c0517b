/* modality.h - which modalities there are, and how people write them.
 *
 *     if (!modality_take(c, "body", &row.modality)) return false;            // "ct" becomes CT; "KT" is refused
 *     if (!modality_take_list(c, in->modality, &asked)) return false;        // of a filter: "CT,mr"
 *
 * The terms are those of DICOM PS3.3 C.7.3.1.1.1, retired ones too, XR as hospitals call any X-ray, and what the
 * setting MODALITIES adds. They are code strings: upper case, whatever case they are typed in. What a DICOM file says
 * of itself is kept, term or not.
 */
#ifndef ROENTGEN_MODALITY_H
#define ROENTGEN_MODALITY_H

#include "site/app.h"

enum { MODALITIES_ASKED_MAX = 16 }; /* of one filter */
/* What a filter asks for; none: everything, and what has no modality. */
struct modalities {
    struct value at[MODALITIES_ASKED_MAX];
    int count;
};

/* Folds *code, which may be null or empty. False: a problem at `place` says that it is none. */
bool modality_take(struct call *c, const char *place, struct str *code);

/* Those of a filter, separated by commas, each once. False: a problem. */
bool modality_take_list(struct call *c, struct str list, struct modalities *out);
/* Documents, drawings and plans about pictures, and no modality at all, do not say what made the pictures. */
bool modality_is_auxiliary(struct str modality);
#define AUXILIARY_MODALITIES(X) \
    X("SR") X("PR") X("KO") X("DOC") X("SEG") X("REG") X("FID") X("RWV") X("AU") X("PLAN") X("OT") X("HC") X("RTSTRUCT")
/* In SQL, of a file: what has no modality at all is a picture that is no DICOM. */
#define IS_PICTURE(MODALITY) "coalesce(" MODALITY ", '-') not in (''" AUXILIARY_MODALITIES(MODALITY_SQL_) ")"
#define MODALITY_SQL_(NAME) ", '" NAME "'"

#endif
