/* signing_key_parts.h - what signing_key.c and signing_key_bring.c share. */
#ifndef ROENTGEN_REPORTS_SIGNING_KEY_PARTS_H
#define ROENTGEN_REPORTS_SIGNING_KEY_PARTS_H

#include "reports/signing_key.h"

/* *id is 0, or the row of the same certificate: what is above that, or where its key is, may have changed. */
bool signing_key_put(struct call *c, int64_t user_id, enum key_origin origin, const struct signer *signer, int64_t *id);

/* Who may vouch for what is brought. */
struct trust signing_accepted(const struct call *c);
/* Who vouched for a key that signs is believed for good of what it has signed, also once SIGNING_CERTIFICATES names
 * them no more: that setting says who may sign from now on. */
bool signing_keep_anchor(struct call *c, struct str der);

#endif
