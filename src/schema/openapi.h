/* openapi.h - a schema as OpenAPI 3.1 (JSON Schema 2020-12) text. */
#ifndef ROENTGEN_SCHEMA_OPENAPI_H
#define ROENTGEN_SCHEMA_OPENAPI_H

#include "base/text.h"
#include "schema/field.h"

/* The schema object of one field as a query parameter (or a part of a form), where all is text: type, format, limits,
 * enum, default, description, example. It says exactly what query_decode takes: an optional parameter may be empty,
 * none is null. Kinds texts and integers are arrays, to be sent with style form and explode false. */
void openapi_put_field(struct text *out, const struct field *field);

/* The same as a part of a form. The first example of an optional one is empty: Swagger UI fills forms in with examples, and makes some up
 * where there is none. */
void openapi_put_form_field(struct text *out, const struct field *field);
/* The same for a variable in the path, which is never empty. */
void openapi_put_path_field(struct text *out, const struct field *field);
/* An object schema for answers (`input` false: WRITE_ONLY members left out) or for request bodies (`input` true:
 * READ_ONLY members, IN_QUERY members and those named in `skip` (NULL-terminated, may be NULL) left out,
 * additionalProperties false; `partial`: nothing required). */
void openapi_put_schema(struct text *out, const struct schema *schema, bool input, bool partial,
                        const char *const *skip);

#endif
