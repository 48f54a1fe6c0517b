/* draft_parts.h - what the files that fill drafts share: what may be put into a field, what is said. Private to
 * reports/.
 *
 * Values go into the fields at once; sentences are gathered, and become lines when the words have followed the fields.
 */
#ifndef ROENTGEN_REPORTS_DRAFT_PARTS_H
#define ROENTGEN_REPORTS_DRAFT_PARTS_H

#include "reports/content_form.h"
#include "reports/draft.h"
#include "reports/template_values.h"

enum { DRAFT_LINES_BYTES_MAX = 48 << 10 }; /* of all sentences of one filling */

/* A sentence that is to be said, with its sources. */
struct draft_line {
    struct str section, text; /* no text: the line goes */
    struct str instead;       /* of the line that it takes the place of; null: it is a new one */
};

struct draft {
    struct call *c;
    const struct report *report;
    struct str language;
    struct content_form form;
    json_t *fields;                 /* as they will be */
    struct content_source *sources; /* room for CONTENT_SOURCES_MAX */
    ptrdiff_t source_count;
    struct draft_line *lines;
    ptrdiff_t line_count, line_bytes;
    json_t *sections; /* as they were */
};

/* ---- what it is called (draft_words.c) ---- */

enum draft_phrase { SAY_MEASUREMENT, SAY_FINDING, SAY_FINDING_IN_FIELD, SAY_PRIOR, SAY_CHANGE };
enum draft_word { WORD_LEFT, WORD_RIGHT, WORD_DETECTOR, WORD_CONFIRMED, WORD_MODIFIED, WORD_RESEARCH };

struct draft_part {
    const char *name;
    struct str text; /* empty: it is not known, and the passage that asks for it is left out */
};
/* The phrase in the draft's language with these parts, up to one without a name. */
struct str draft_say(const struct draft *d, enum draft_phrase phrase, const struct draft_part *parts);
struct str draft_word(const struct draft *d, enum draft_word word);
/* Fit for one line: foreign text without controls and marks that turn its direction; empty: it has some. */
struct str draft_clean(struct str text);
/* Rounded as drafts have it; as text ("41.3"), and with its unit ("41.3°"). */
double draft_rounded(double value, struct str unit);
struct str draft_number(struct call *c, double value);
struct str draft_quantity(struct call *c, double value, struct str unit);
/* A field's value as its source has it. */
struct str draft_text_of(struct call *c, const json_t *value);

/* ---- putting it there (draft.c) ---- */

/* Is the field's value still the one that was put there from this? */
bool draft_value_stands(const struct draft *d, const struct content_source *source);
/* The source that a field's value was put there from; of several the one that stands. NULL: there is none. */
const struct content_source *draft_source_of_field(const struct draft *d, struct str field);
/* May something be put into this field: has it no value, or still what was put there? */
bool draft_field_is_free(const struct draft *d, const struct template_field *field);
/* Puts a value (whose reference is taken over) into a free field that takes it, with its sources: text and field of
 * these are filled in. False: the field does not take such a value, or there are too many sources. */
bool draft_put(struct draft *d, const struct template_field *field, json_t *value, const struct content_source *sources,
               int count);
/* The source of this kind and detail that a sentence of the section was put there from; NULL: there is none. */
const struct content_source *draft_source_of_line(const struct draft *d, struct str section, unsigned kind,
                                                  struct str detail);
/* Says a sentence, once, unless somebody has taken it out. `known`: what was said before in its place. */
void draft_add_line(struct draft *d, struct str section, struct str text, const struct content_source *known,
                    const struct content_source *sources, int count);

/* Was a sentence put there from this, and is not there any more as it was? */
bool draft_line_is_struck(struct draft *d, struct str section, unsigned kind, struct str detail);
/* Takes a sentence out that was put there from this and still is as it was. */
void draft_drop_line(struct draft *d, struct str section, unsigned kind, struct str detail);

/* Takes a value out of its field that was put there from this and still is as it was. */
void draft_drop_value(struct draft *d, const struct content_source *source);

/* Takes out what stands of sources that no longer hold: lines and values as they were put there. What has words of its
 * own by now stays, and is refused when it is submitted. */
bool draft_drop_gone(struct draft *d);

/* ---- does it still hold? (draft_standing.c) ---- */

enum draft_standing {
    SOURCE_HOLDS,
    SOURCE_IS_SUPERSEDED, /* a newer result says so, too */
    SOURCE_IS_OUTDATED,   /* it is there, and says another thing than the report */
    SOURCE_IS_GONE,       /* withdrawn, rejected, taken out */
};
/* Whoever asks. */
bool draft_standing_of(struct call *c, const struct report *report, const struct content_form *form,
                       const struct content_source *source, enum draft_standing *out);
bool draft_prior_stands(struct call *c, const struct report *report, const struct content_form *form,
                        const struct content_source *source, enum draft_standing *out); /* draft_prior.c */
struct annotation;
struct annotation_value;
struct diagnosis;
/* What the last reader lets stand of it: struct finding. */
bool draft_findings_of(struct call *c, const struct diagnosis *it, struct list *out);
/* The value that a sentence tells; that a field asks for, in its unit. NULL: there is none. (draft_measurements.c) */
const struct annotation_value *draft_main_value(const struct annotation *a);
const struct annotation_value *draft_value_for(const struct template_field *field, const struct annotation *a);
/* Does its label say another field that asks for the same value, more surely than this one? */
bool draft_names_another(const struct template_definition *form, const struct template_field *field,
                         const struct annotation *a);

/* ---- what there is ---- */

bool draft_measurements(struct draft *d); /* draft_measurements.c */
bool draft_offer_measurements(struct draft *d, struct list *out);
bool draft_findings(struct draft *d); /* draft_findings.c */
bool draft_prior(struct draft *d);    /* draft_prior.c */

#endif
