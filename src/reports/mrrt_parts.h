/* mrrt_parts.h - what the files that read MRRT share. Private to reports/. */
#ifndef ROENTGEN_REPORTS_MRRT_PARTS_H
#define ROENTGEN_REPORTS_MRRT_PARTS_H

#include "reports/mrrt.h"
#include "reports/template_parts.h"
#include "base/text.h"

#include <libxml/tree.h>

/* What is left out without a counterpart, and counted. */
enum mrrt_left_out { LEFT_SCRIPTS, LEFT_HANDLERS, LEFT_STYLES, LEFT_REFERENCES, LEFT_PICTURES, LEFT_KINDS };

struct mrrt_label {
    struct str of, text; /* the id of its control */
};
struct mrrt_code {
    struct str of, value, scheme;
};
enum { MRRT_LABELS_MAX = 1000, MRRT_CODES_MAX = 1000 };

struct mrrt_reading {
    struct call *c;
    struct template_definition *out;
    bool is_chinese;
    struct str identifier; /* dcterms.identifier */
    struct template_section sections[TEMPLATE_SECTIONS_MAX];
    struct template_field fields[TEMPLATE_FIELDS_MAX];
    struct str groups[TEMPLATE_FIELDS_MAX]; /* of fields made of radio buttons and check boxes: their name */
    int section_count, field_count, depth;  /* `depth`: of sections inside sections */
    struct text words;                      /* of the section that is open */
    bool is_open, ends_in_space;
    struct mrrt_label labels[MRRT_LABELS_MAX];
    struct mrrt_code codes[MRRT_CODES_MAX];
    struct str buttons[MRRT_LABELS_MAX]; /* ids of radio buttons and check boxes, whose labels are answers */
    int label_count, code_count, button_count;
    int left_out[LEFT_KINDS];
    struct texts *remarks;
    bool nested, loose, preselected, alert;
};

/* ---- mrrt_read.c ---- */
bool mrrt_is(const xmlNode *node, const char *element);                                   /* in any letter case */
struct str mrrt_attribute(struct mrrt_reading *r, const xmlNode *node, const char *name); /* trimmed; null: none */
struct str mrrt_text_of(struct mrrt_reading *r, const xmlNode *node);                     /* with single spaces */
void mrrt_remark(struct mrrt_reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A text for the language that the template is in. */
void mrrt_put_word(struct mrrt_reading *r, struct str *en, struct str *zh, struct str text);

/* ---- mrrt_fields.c: controls ---- */
void mrrt_take_input(struct mrrt_reading *r, const xmlNode *node);
void mrrt_take_select(struct mrrt_reading *r, const xmlNode *node);
bool mrrt_is_button(struct str type); /* radio, checkbox */
struct str mrrt_word_of(struct mrrt_reading *r, struct str text, const char *otherwise, char joint);

/* ---- mrrt_codes.c: what <script type="text/xml"> says ---- */
void mrrt_take_codes(struct mrrt_reading *r, struct str xml);
const struct mrrt_code *mrrt_code_of(const struct mrrt_reading *r, struct str id); /* NULL: none */

/* ---- words ---- */
void mrrt_put_words(struct mrrt_reading *r, struct str text); /* spaces become one, marks are taken apart */
void mrrt_put_variable(struct mrrt_reading *r, struct str name);
void mrrt_end_line(struct mrrt_reading *r);
/* The node behind this one, in the order of the document; `down`: its children come first. Below `root`. */
const xmlNode *mrrt_following(const xmlNode *node, const xmlNode *root, bool down);

#endif
