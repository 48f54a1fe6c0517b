/* webhook_sign.h - signatures of Standard Webhooks 1.0 (symmetric). Private to webhook/.
 *
 *     if (!webhook_key(secret, arena, &key)) ...                      // no secret that will do
 *     webhook_sign(key, S("event-1"), 1764230400, body, arena)        // "v1,..."
 */
#ifndef ROENTGEN_WEBHOOK_SIGN_H
#define ROENTGEN_WEBHOOK_SIGN_H

#include "base/crypto.h"

enum { WEBHOOK_KEY_MIN = 24, WEBHOOK_KEY_MAX = 64 };

/* The bytes of "whsec_BASE64" or "BASE64". */
bool webhook_key(struct str secret, struct arena *arena, struct str *key);
struct str webhook_sign(struct str key, struct str id, int64_t at_s, struct str body, struct arena *arena);

#endif
