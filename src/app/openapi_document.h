/* openapi_document.h - the whole interface as one OpenAPI 3.1 document, printed from the endpoint tables. */
#ifndef ROENTGEN_OPENAPI_DOCUMENT_H
#define ROENTGEN_OPENAPI_DOCUMENT_H

#include "base/text.h"

void openapi_put_document(struct text *out);

#endif
