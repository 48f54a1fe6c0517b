/* content_form.h - what a report is written by, for content.c: sections, fields, and words that follow the fields. */
#ifndef ROENTGEN_REPORTS_CONTENT_FORM_H
#define ROENTGEN_REPORTS_CONTENT_FORM_H

#include "reports/content.h"

#include <jansson.h>

#define CONTENT_BLANK "____" /* template_text's, for what has no value */

/* What is stored as an object; an empty one where nothing is. The caller's; NULL: it cannot be read. */
json_t *content_tree(struct call *c, struct str stored);

bool content_form_has(const struct content_form *form, struct str section);
/* `fields` with the change's, merged by name (null takes one out), checked against the template. E_INVALID. */
bool content_form_merge_fields(struct call *c, const struct content_form *form, struct str change, struct json *fields);
/* Sections of `content` that say what the template says with its present fields in `language`, or nothing yet in a new
 * report, say what it says with these in the content's. */
bool content_form_follow(struct call *c, const struct content_form *form, struct str language,
                         struct report_content *content, struct json fields);
/* Required sections say something, required fields have a value. E_INVALID. */
bool content_form_is_filled(struct call *c, const struct content_form *form, const struct report_content *content);

#endif
