/* openapi.h - a schema as OpenAPI 3.1 (JSON Schema 2020-12) text.
 *
 * What holds for every member is not said at each: the rules of texts (`format` "text", or "password", which keeps its
 * spaces), the empty text that stands for nothing, a day where a time is asked for, and what lies within int64 and
 * double are told once, in the introduction of the document (web/openapi_introduction.c). tests/contract/in_full.py
 * puts them back as JSON Schema and holds the server to them.
 */
#ifndef ROENTGEN_SCHEMA_OPENAPI_H
#define ROENTGEN_SCHEMA_OPENAPI_H

#include "base/text.h"
#include "schema/field.h"

/* The schema of one field as a query parameter: type, format, limits, enum, default, example. Its doc is the
 * parameter's. Kinds texts and integers are arrays, to be sent with style form and explode false. */
void openapi_put_parameter(struct text *out, const struct field *field);
/* The same for a variable in the path, which is never empty. */
void openapi_put_path_parameter(struct text *out, const struct field *field);
/* The same as a part of a form, with its doc. The first example of an optional one is empty: Swagger UI fills forms in
 * with examples, and makes some up where there is none. */
void openapi_put_form_field(struct text *out, const struct field *field);

/* Choices that have a `type` are a component, one for all members that choose among them: its name, "StudyStatus",
 * and its schema. Others stand where they are used. */
void openapi_put_choices_name(struct text *out, const struct field *field);
void openapi_put_choices(struct text *out, const struct field *field);

enum openapi_use {
    OPENAPI_ANSWER, /* all members but WRITE_ONLY ones, and all of them are there */
    OPENAPI_BODY,   /* without READ_ONLY and IN_QUERY members; no others are taken */
    OPENAPI_PATCH,  /* the same, and none of them has to be there */
    OPENAPI_FURTHER /* members that an answer may have beside others */
};
/* An object schema. What is inside a record is referred to: "#/components/schemas/Part", in bodies ".../PartInput". */
void openapi_put_schema(struct text *out, const struct schema *schema, enum openapi_use use);

#endif
