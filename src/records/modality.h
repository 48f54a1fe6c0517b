/* modality.h - which modalities there are, and how people write them.
 *
 *     if (!modality_take(c, "body", &row.modality)) return false;            // "ct" becomes CT; "KT" is refused
 *     if (!modality_take_list(c, in->modality, &asked)) return false;        // of a filter: "CT,mr", "XR"
 *     conditions[n++] = modality_among(c, "f.modality", &asked);             // "f.modality in (?, ?)"
 *     if (modality_suits(S("DX"), S("XR"))) ...                              // what is for X-rays is for DX
 *
 * The terms are those of DICOM PS3.3 C.7.3.1.1.1, retired ones too, XR as hospitals call any X-ray, and what the
 * setting MODALITIES adds. They are code strings: upper case, whatever case they are typed in. What a DICOM file says
 * of itself is kept, term or not.
 *
 * A group is a word that people use for several of them. Whoever asks for it, or says that something is for it (a
 * rule, a program, a template, REPORT_DUE), means them all; whoever says one of them means that one. What is stored
 * stays as it was said: of a film that somebody called XR nobody knows which it is. Cards of models list what the model
 * was made for, and nothing else is asked of it: there XR is only what is called so.
 *
 *     XR    CR, DX, DR, RG, XR, RF    X-rays: films in any technique, and fluoroscopy
 */
#ifndef ROENTGEN_MODALITY_H
#define ROENTGEN_MODALITY_H

#include "db/condition.h"
#include "site/app.h"

/* The table of groups: here alone. RG is what was a film and is scanned; DR is no term of DICOM, but what hospitals
 * call DX. */
#define X_RAY "XR"
#define X_RAY_FILMS(X) X("CR") X("DX") X("DR") X("RG") X(X_RAY)
#define X_RAYS(X) X_RAY_FILMS(X) X("RF")

enum { MODALITIES_ASKED_MAX = 16 }; /* of one filter, those in groups each counted */
/* What a filter asks for; none: everything, and what has no modality. */
struct modalities {
    struct value at[MODALITIES_ASKED_MAX];
    int count;
};

/* Folds *code, which may be null or empty. False: a problem at `place` says that it is none. */
bool modality_take(struct call *c, const char *place, struct str *code);

/* Those of a filter, separated by commas, each once; of a group those in it. False: a problem. */
bool modality_take_list(struct call *c, struct str list, struct modalities *out);
/* "f.modality = ?", "f.modality in (?, ?)": of one at least. `asked` lives until the statement has run. */
struct condition modality_among(struct call *c, const char *column, const struct modalities *asked);
/* A scope for each, to be found by its own index; returns how many. */
int modality_scopes(const char *each, const struct modalities *asked, struct condition scopes[MODALITIES_ASKED_MAX]);

/* Is what is said to be for `wanted` (a modality or a group, in any case) for `modality`? */
bool modality_suits(struct str modality, struct str wanted);
/* The group that it belongs to, or itself. */
struct str modality_group(struct str modality);
/* What something may be for so that it suits: DX, XR; of a group each of them. In capitals; texts live as `modality`
 * does. */
void modality_suited_by(struct call *c, struct str modality, struct modalities *out);
/* Documents, drawings and plans about pictures, and no modality at all, do not say what made the pictures. */
bool modality_is_auxiliary(struct str modality);
#define AUXILIARY_MODALITIES(X) \
    X("SR") X("PR") X("KO") X("DOC") X("SEG") X("REG") X("FID") X("RWV") X("AU") X("PLAN") X("OT") X("HC") X("RTSTRUCT")
/* In SQL: films are one kind where two studies are compared. */
#define IS_X_RAY_FILM(MODALITY) MODALITY " in ('" X_RAY "'" X_RAY_FILMS(MODALITY_SQL_) ")"
#define IS_X_RAY(MODALITY) MODALITY " in ('" X_RAY "'" X_RAYS(MODALITY_SQL_) ")"
/* Of a file: what has no modality at all is a picture that is no DICOM. */
#define IS_PICTURE(MODALITY) "coalesce(" MODALITY ", '-') not in (''" AUXILIARY_MODALITIES(MODALITY_SQL_) ")"
#define MODALITY_SQL_(NAME) ", '" NAME "'"

#endif
