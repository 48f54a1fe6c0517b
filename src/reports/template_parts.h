/* template_parts.h - what the files that read, check and use templates share. Private to reports/. */
#ifndef ROENTGEN_REPORTS_TEMPLATE_PARTS_H
#define ROENTGEN_REPORTS_TEMPLATE_PARTS_H

#include "reports/template.h"

/* Small letters, digits and underscores, a letter first. */
bool template_is_word(struct str text);

/* Inside a transaction: a row with its first version; a further version of row->version. */
bool template_insert(struct call *c, struct template *row, struct str reason);
bool template_put_version(struct call *c, const struct template *row, struct str reason);
/* The row, as its newest version has it. */
bool template_update(struct call *c, struct template *row, const struct template_definition *definition,
                     struct str reason);

/* Takes the next piece off a text with placeholders. A variable is what stands in {{ }}, trimmed. */
enum template_piece { PIECE_END, PIECE_TEXT, PIECE_VARIABLE, PIECE_OPEN /* [[ */, PIECE_CLOSE /* ]] */ };
enum template_piece template_next(struct str *text, struct str *piece);

/* Fills in a text: variables get their values, passages in [[ ]] stay where all in them have one, and their conditions
 * ({{!name}}, {{name=CODE}}) hold. */
struct text;
struct filling {
    void *context;
    /* False: it has no value. `out` NULL: is only asked. */
    bool (*put)(void *context, struct str name, struct text *out);
    bool (*is)(void *context, struct str name, struct str code);     /* NULL: nothing has a code */
    void (*lacks)(void *context, struct str name, struct text *out); /* what stands there instead */
};
struct str template_fill(struct arena *arena, struct str text, const struct filling *filling);
/* Adds a name to those that are known, once. */
void template_note(struct arena *arena, struct texts *names, ptrdiff_t max, struct str name);

/* "mm", "°", "mL/min": a UCUM unit as people read it; empty where nothing is said behind the number. */
struct str template_unit(struct arena *arena, struct str unit);
/* From `then` to `now`, numbers in one unit: "+6.1°", and "+17.3%"; *percent is empty where `then` is 0. */
void template_change_between(struct arena *arena, double now, double then, struct str unit, struct str *change,
                             struct str *percent);

#endif
