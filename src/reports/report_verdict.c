/* report_verdict.c - what signatures are worth, worked out once and kept for a while: strangers ask (report_public.h)
 * as often as they like, and each answer would cost a list of all that was revoked and several signatures.
 *
 * A verdict is kept under everything that it rests on, the envelope's own digest first, so another byte, another
 * revocation or another authority is another verdict at once. Not in it is the time of asking, for which it goes after
 * VERDICT_KEPT_MS; nor what the record says, which is compared each time. */
#include "kv/cache.h"
#include "reports/report_parts.h"
#include "reports/report_public.h"
#include "reports/signing_key.h"
#include "signing/envelope.h"
#include "site/app.h"

enum { VERDICT_KEPT_MS = 60000, VERDICTS_MAX = 4096 };

struct cache *report_verdicts_new(void)
{
    return cache_new(VERDICTS_MAX, (ptrdiff_t)sizeof(enum verdict));
}

/* Authorities named by settings are those of the process, as the cache is. */
static bool name_grounds(struct call *c, struct str envelope, struct instant at, struct str *out)
{
    struct cursor rows;
    bool there = false;
    db_rows(
        c, &rows,
        "select count(*), coalesce(max(k.revoked_at), 0), coalesce(max(k.id), 0), (select coalesce(max(n.id), 0) "
        "from signing_anchors n), (select coalesce(max(o.created_at), 0) from signing_authority o) from signing_keys k "
        "where k.revoked_at is not null");
    if (cursor_next(&rows)) {
        there = true;
        *out = arena_format(&c->arena, "%.*s %" PRId64, STR_FMT(crypto_sha256_hex(envelope, &c->arena)), at.us);
        for (int i = 0; i < 5; i++)
            *out = arena_format(&c->arena, "%.*s %" PRId64, STR_FMT(*out), cursor_integer(&rows, i));
    }
    return cursor_close(&rows) && there;
}

bool report_verdict(struct call *c, struct str envelope, struct instant at, enum verdict *verdict, struct str *content)
{
    struct cache *kept = c->app->verdicts;
    uint64_t epoch = cache_epoch(kept);
    struct envelope_result result;
    struct str grounds;
    struct trust trust;
    if (!name_grounds(c, envelope, at, &grounds))
        return false;
    if (cache_get(kept, grounds, epoch, verdict))
        return envelope_content(c, envelope, content);
    if (!signing_trust(c, &trust))
        return false;
    trust.known_time = at;
    if (!envelope_check(c, envelope, &trust, &result)) {
        *verdict = VERDICT_CHANGED;
        *content = STR_NULL;
        bool is_unreadable = c->error.code == E_INVALID;
        if (is_unreadable)
            error_clear(&c->error);
        return is_unreadable;
    }
    *verdict = result.verdict;
    *content = result.content;
    cache_put(kept, grounds, epoch, verdict, VERDICT_KEPT_MS);
    return true;
}
