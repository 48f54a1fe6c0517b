/* template_values.h - values of a report's fields as jansson has them. Private to reports/. */
#ifndef ROENTGEN_REPORTS_TEMPLATE_VALUES_H
#define ROENTGEN_REPORTS_TEMPLATE_VALUES_H

#include "reports/template_parts.h"
#include "schema/json_read.h"

/* The object, to be given back with json_decref; NULL: there is none. */
json_t *template_values(struct call *c, struct json fields);
/* NULL: no value, or one that says nothing (null, "", []). */
const json_t *template_value(const json_t *values, struct str name);
/* The choice with this code; NULL: none. */
const struct template_choice *template_choice_of(const struct template_field *field, const json_t *code);
/* The unit of its numbers; of measurements that of the catalogue. */
struct str template_unit_of(const struct template_field *field);
/* The value of the catalogue that a measurement's field is; NULL: there is none such. */
struct measure_value_row;
const struct measure_value_row *template_measured(const struct template_field *field);

#endif
