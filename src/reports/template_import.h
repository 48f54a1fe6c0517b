/* template_import.h - a template from elsewhere: an exported definition, or MRRT's HTML (mrrt.h).
 *
 *     struct template_import wish = { .html = html, .scope = TEMPLATE_OWN };
 *     if (!template_import(c, &wish, &id, &remarks)) ...           // inside a transaction
 */
#ifndef ROENTGEN_REPORTS_TEMPLATE_IMPORT_H
#define ROENTGEN_REPORTS_TEMPLATE_IMPORT_H

#include "reports/template.h"

struct template_import {
    struct str html;                       /* one of the two */
    struct template_definition definition; /* name null: not given */
    struct str name;                       /* instead of what it is called there; null: as it is */
    struct texts modality, body_part;      /* the same; none: as it is */
    unsigned scope;
    int64_t preference;
};
extern const struct schema template_import_schema;

bool template_import(struct call *c, const struct template_import *wish, int64_t *id, struct texts *remarks);

#endif
