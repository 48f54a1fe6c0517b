/* endpoints.h - all that this program serves: the tables of api/, dicomweb/ and server/, in the order of the documents.
 *
 *     router_new(&endpoints_served)            // each request to its row
 *     openapi_put_document(&text, &endpoints_served)
 *     endpoints_check(c, &endpoints_served, &complaints)
 *
 * Whoever adds a table names it in endpoints.c. A `serve` whose tables do not hold together does not start.
 */
#ifndef ROENTGEN_ENDPOINTS_H
#define ROENTGEN_ENDPOINTS_H

#include "web/endpoint.h"

extern const struct service endpoints_served;

#endif
