/* uid.h - unique identifiers (PS3.5 9): what a legal one looks like, and how a new one is made. */
#ifndef ROENTGEN_DICOM_UID_H
#define ROENTGEN_DICOM_UID_H

#include "base/arena.h"

enum { UID_MAX = 64 };

/* Numbers joined by dots, two of them at least (PS3.5 9.1). Leading zeros in them are illegal, too, but come from real
 * machines. */
bool uid_is_legal(struct str uid);
/* "2.25." and a UUID as one decimal number (PS3.5 B.2): for what is made here, never for what came without one. */
struct str uid_make(struct arena *arena);
/* The same of a UUID that is made of `seed` (RFC 9562 5.8): of equal seeds always the same, of others another. */
struct str uid_of(struct str seed, struct arena *arena);

#endif
