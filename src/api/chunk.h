/* chunk.h - the endpoint that takes a chunk of an upload, for its row in upload_chunked.c.
 *
 *     { HTTP_PUT, CHUNKS "/{number}", chunk_put, &chunk_key_schema, &chunk_stored_schema, ...,
 *       .receive = chunk_receive }
 *
 * The bytes go into a file of the store while they arrive, and are the request's until upload_chunks.h has taken them:
 * a connection that dies, or a refusal, leaves nothing. What is refused: as upload_chunks.h says.
 */
#ifndef ROENTGEN_CHUNK_API_H
#define ROENTGEN_CHUNK_API_H

#include "web/exchange.h"

extern const struct schema chunk_key_schema, chunk_stored_schema;
bool chunk_receive(struct call *c, struct body_sink *sink);
bool chunk_put(struct call *c);

#endif
