/* endpoints.h - all that this program serves. */
#ifndef ROENTGEN_ENDPOINTS_H
#define ROENTGEN_ENDPOINTS_H

#include "web/endpoint.h"

extern const struct service endpoints_served;

#endif
