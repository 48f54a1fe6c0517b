/* openapi_document.h - the whole interface as one OpenAPI 3.1 document, printed from the endpoint tables.
 *
 *     openapi_document.c      paths and operations
 *     openapi_components.c    what they refer to: schemas, responses, ways to sign in
 *     openapi_introduction.c  what holds for all of them, in words
 *
 *     openapi_put_document(&text, &endpoints_served);          // once at a start, and by `roentgen openapi`
 *
 * It is meant to be read, and to make clients from: what is said of one thing stands there once. Nothing here can fail;
 * a table that does not hold together is endpoints_check's to tell.
 */
#ifndef ROENTGEN_OPENAPI_DOCUMENT_H
#define ROENTGEN_OPENAPI_DOCUMENT_H

#include "base/text.h"

struct service;
void openapi_put_document(struct text *out, const struct service *served);

/* Start-up check (endpoints_check): each table of choices has one type, and each type one table. */
int openapi_check_choices(const struct service *served, struct text *complaints);

/* ---- between the three files ---- */

struct endpoint;

/* A JSON text of ours, written with ' for " so that it can be read; it holds no other quotes. */
void openapi_put_json(struct text *out, const char *json);
/* {"$ref":"..."} of the component that the endpoint's JSON body or form, or its answer, is. */
void openapi_put_body_reference(struct text *out, const struct service *served, const struct endpoint *e);
void openapi_put_answer_reference(struct text *out, const struct endpoint *e);
void openapi_put_components(struct text *out, const struct service *served);
/* A JSON string: Markdown. */
void openapi_put_introduction(struct text *out);

#endif
