/* allowance.h - how much one account may take up: unfinished uploads (MAX_UPLOADS_UNDER_WAY), and bytes in all
 * (ACCOUNT_QUOTA).
 *
 * What an account takes up are its files that are not deleted, and the sizes that its unfinished uploads have
 * announced. Both are counters that the database keeps, locked while they decide (MariaDB), so that uploads at the
 * same moment do not pass together where each alone may. Both functions belong inside a transaction, before anything
 * is written.
 */
#ifndef ROENTGEN_ALLOWANCE_H
#define ROENTGEN_ALLOWANCE_H

#include "base/call.h"

bool allowance_begin(struct call *c, int64_t user_id); /* one more unfinished upload: E_TOO_MANY */
bool allowance_bytes(struct call *c, int64_t user_id,
                     int64_t more); /* E_STORAGE_FULL, as RFC 4331 6 has it for quotas */

#endif
