/* template_shipped.h - the templates that come with the program: templates/NAME.json, embedded. Private to reports/.
 *
 *     {"revision": 1, "preference": 100, "definition": {...}}
 *
 * Whoever changes one counts its `revision` up; init-db then makes a version of it where the hospital has not changed
 * the template.
 */
#ifndef ROENTGEN_REPORTS_TEMPLATE_SHIPPED_H
#define ROENTGEN_REPORTS_TEMPLATE_SHIPPED_H

#include "reports/template_parts.h"

extern const struct str shipped_templates[];
extern const int shipped_template_count;

struct shipped_template {
    int64_t revision, preference;
    struct template_definition definition;
};
/* Read and checked: a failure is a mistake of the file. */
bool shipped_template_read(struct call *c, int index, struct shipped_template *out);

#endif
