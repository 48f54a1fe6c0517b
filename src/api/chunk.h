/* chunk.h - the endpoint that takes a chunk of an upload, for its row in upload_chunked.c. */
#ifndef ROENTGEN_CHUNK_API_H
#define ROENTGEN_CHUNK_API_H

#include "web/exchange.h"

extern const struct schema chunk_key_schema, chunk_stored_schema;
bool chunk_receive(struct call *c, struct body_sink *sink);
bool chunk_put(struct call *c);

#endif
