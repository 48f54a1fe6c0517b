/* report_stamp.c - time stamps of an authority (RFC 3161) for what was signed. */
#include "reports/report_stamp.h"

#include "reports/report_parts.h"
#include "reports/signing_key.h"
#include "signing/envelope.h"
#include "signing/timestamp.h"
#include "site/app.h"

/* How far the authority's clock may be from ours: one that is wrong makes good signatures look revoked, or older than
 * their certificates. */
#define CLOCKS_DIFFER_US (INT64_C(600) * 1000000)

#define RENEW_BEFORE_US (INT64_C(90) * 86400 * 1000000)
enum { SPREAD = 45 };

bool report_stamps(const struct call *c)
{
    return c->app->tsa_hosts != NULL;
}

bool report_stamp_of_digest(struct call *c, const struct trust *trust, const unsigned char sha256[SHA256_BYTES],
                            struct timestamp *stamp)
{
    db_release(c);
    if (!timestamp_get_digest(c, c->app->tsa_hosts, c->app->config.tsa_url, sha256, trust, stamp))
        return false;
    int64_t ahead_us = stamp->at.us - clock_now().us;
    if (ahead_us > CLOCKS_DIFFER_US || ahead_us < -CLOCKS_DIFFER_US)
        return fail(c, E_UNAVAILABLE,
                    "the clock of the time stamp authority is %" PRId64
                    " s ahead of this server's: one of them is wrong",
                    ahead_us / 1000000);
    return true;
}

bool report_stamp_of(struct call *c, void *trust, struct str data, struct str *token)
{
    unsigned char digest[SHA256_BYTES];
    struct timestamp stamp;
    crypto_sha256(data, digest);
    if (!report_stamp_of_digest(c, trust, digest, &stamp))
        return false;
    *token = stamp.token;
    return true;
}

struct instant report_stamp_renewal(struct instant at, struct instant until, int64_t id)
{
    int64_t left_us = instant_is_null(until) || until.us <= at.us ? 0 : until.us - at.us;
    int64_t margin_us = left_us / 2 < RENEW_BEFORE_US ? left_us / 2 : RENEW_BEFORE_US;
    return (struct instant){ at.us + left_us - margin_us - margin_us / (2 * SPREAD) * (id % SPREAD) };
}

struct stamped {
    int64_t report_id, version;
    int64_t user_id;
    struct str before, after;
};

/* A time after the key was revoked would make what is valid here look revoked everywhere. */
static bool check_key(struct call *c, struct stamped *s)
{
    enum found found = db_find_integer(c, &s->user_id,
                                       "select g.user_id from report_signatures g join signing_keys k on k.id = "
                                       "g.key_id where g.report_id = ? and g.version = ? and k.revoked_at is null",
                                       V(s->report_id), V(s->version));
    return found == FOUND ||
           (found == NONE &&
            fail(c, E_CONFLICT, "the key was revoked before an authority had stated the time: it stays this server's"));
}

/* What is signed stays, so that whoever reads one or the other checks the same. Whoever revokes a key holds its
 * account. Another that was quicker has done it. */
static bool write_envelope(struct call *c, void *context)
{
    struct stamped *s = context;
    struct report report;
    struct instant at;
    struct str now;
    if (!db_lock(c, "select id from users where id = ?", V(s->user_id)) ||
        !db_lock(c, "select id from report_signatures where report_id = ? and version = ?", V(s->report_id),
                 V(s->version)) ||
        !check_key(c, s) || !report_signature_load_unseen(c, s->report_id, s->version, &report, &now, &at))
        return false;
    return !str_equal(now, s->before) ||
           db_execute(c, "update report_signatures set envelope = ? where report_id = ? and version = ?", V(s->after),
                      V(s->report_id), V(s->version));
}

/* To who has nothing but the file and the stamp. */
static bool check_stamped(struct call *c, const struct stamped *s, const struct trust *trust)
{
    struct envelope_result result;
    return envelope_check(c, s->after, trust, &result) &&
           (result.verdict == VERDICT_VALID ||
            fail(c, E_CONFLICT, "with the time stamp the signature would not count: %.*s", STR_FMT(result.words)));
}

bool report_stamp_envelope(struct call *c, int64_t report_id, int64_t version)
{
    struct stamped s = { .report_id = report_id, .version = version };
    struct report report;
    struct instant at;
    struct trust trust;
    if (!check_key(c, &s) || !report_signature_load_unseen(c, report_id, version, &report, &s.before, &at) ||
        !signing_trust(c, &trust) || !envelope_stamp(c, s.before, &trust, report_stamp_of, &trust, &s.after))
        return false;
    db_release(c);
    return str_equal(s.before, s.after) || (check_stamped(c, &s, &trust) && db_transact(c, write_envelope, &s));
}
