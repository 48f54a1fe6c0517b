/* macro.h - short texts that one types often, by a name that is quick to type.
 *
 *     {"name": "nodfu", "text": "CT of the {{1}} mm nodule in {{2}} months ({{patient.sex}}, {{patient.age}})."}
 *     POST .../expand {"values": {"1": "6", "2": "12"}, "study_id": 7}
 *
 * A variable is one that is known here ("patient.age": macro_variables), or one of the writer's own, a number or a
 * word, whose value comes with the request. Of a passage in [[ ]] nothing is left where a variable in it has no value,
 * or where {{!name}} stands in it and it has one. What else has no value stays as it is, {{2}}, and is named: in
 * `unknown` when nobody has said it, in `empty` when the record does not have it.
 *
 * A macro is its writer's, who alone changes it; `is_shared` lets the writer's department use it. Texts of loaded
 * records are in the call's arena.
 */
#ifndef ROENTGEN_REPORTS_MACRO_H
#define ROENTGEN_REPORTS_MACRO_H

#include "db/condition.h"
#include "db/db.h"

enum { MACRO_TEXT_MAX = 5000, MACRO_VALUE_MAX = 2000, MACRO_VARIABLES_MAX = 50 };

struct macro {
    int64_t id;
    struct str name, text, modality, body_part;
    bool is_shared;
    int64_t owner_id;
    struct str owner_name;
    struct instant created_at, updated_at;
};
extern const struct schema macro_schema;

/* For lists of `report_macros m`: one's own, and what is shared in one's department. */
struct condition macro_in_sight(struct call *c);
bool macro_load(struct call *c, int64_t id, struct macro *out); /* E_NOT_FOUND */

/* Inside transactions. E_INVALID: a variable that is neither known nor a number or word. E_CONFLICT: the name is used
 * by another of one's own. E_NOT_FOUND: not one's own. */
bool macro_add(struct call *c, const struct macro *macro, int64_t *id);
bool macro_change(struct call *c, const struct macro *change, uint64_t given);
bool macro_remove(struct call *c, int64_t id);

struct macro_wish {
    int64_t id;
    struct json values; /* {"1": "6", "size": 6}; null: none */
    int64_t study_id;   /* INTEGER_NULL: none */
    unsigned language;
};
extern const struct schema macro_wish_schema;
struct macro_text {
    struct str text;
    struct texts unknown, empty;
};
extern const struct schema macro_text_schema;
bool macro_expand(struct call *c, const struct macro_wish *wish, struct macro_text *out);

/* The variables that are known, by their names. */
struct macro_variable {
    const char *name, *doc;
};
extern const struct macro_variable macro_variables[];
extern const int macro_variable_count;

#endif
