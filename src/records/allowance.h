/* allowance.h - how much one account may take up: unfinished uploads (MAX_UPLOADS_UNDER_WAY), and bytes in all
 * (ACCOUNT_QUOTA).
 *
 *     if (!allowance_begin(c, user) || !allowance_bytes(c, user, size_bytes) || !db_insert(...)) return false;
 *
 * What an account takes up are its files that are not deleted, and the sizes that its unfinished uploads have
 * announced. Both are counters that the database keeps, locked while they decide (MariaDB), so that uploads at the same
 * moment do not pass together where each alone may. Both functions belong inside a transaction, before anything is
 * written.
 */
#ifndef ROENTGEN_ALLOWANCE_H
#define ROENTGEN_ALLOWANCE_H

#include "base/call.h"

/* One more unfinished upload; false: E_TOO_MANY. */
bool allowance_begin(struct call *c, int64_t user_id);
/* So many bytes more (0, of bytes that are there already: no more is not too much); false: E_STORAGE_FULL, as RFC
 * 4331 6 has it for quotas. */
bool allowance_bytes(struct call *c, int64_t user_id, int64_t more);

#endif
