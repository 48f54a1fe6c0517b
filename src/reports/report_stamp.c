/* report_stamp.c - time stamps of an authority (RFC 3161) for what was signed. */
#include "reports/report_stamp.h"

#include "reports/report_parts.h"
#include "reports/signing_key.h"
#include "signing/envelope.h"
#include "signing/timestamp.h"
#include "site/app.h"

bool report_stamps(const struct call *c)
{
    return c->app->tsa_hosts != NULL;
}

bool report_stamp_of(struct call *c, void *trust, struct str data, struct str *token)
{
    struct timestamp stamp;
    db_release(c);
    if (!timestamp_get(c, c->app->tsa_hosts, c->app->config.tsa_url, data, trust, &stamp))
        return false;
    *token = stamp.token;
    return true;
}

struct stamped {
    int64_t report_id, version;
    struct str before, after;
};

/* What is signed stays, so that whoever reads one or the other checks the same. */
static bool write_envelope(struct call *c, void *context)
{
    const struct stamped *s = context;
    return db_lock(c, "select id from report_signatures where report_id = ? and version = ?", V(s->report_id),
                   V(s->version)) &&
           db_execute(c, "update report_signatures set envelope = ? where report_id = ? and version = ?", V(s->after),
                      V(s->report_id), V(s->version));
}

bool report_stamp_envelope(struct call *c, int64_t report_id, int64_t version)
{
    struct stamped s = { .report_id = report_id, .version = version };
    struct report report;
    struct instant at;
    struct trust trust;
    if (!report_signature_load_unseen(c, report_id, version, &report, &s.before, &at) || !signing_trust(c, &trust) ||
        !envelope_stamp(c, s.before, &trust, report_stamp_of, &trust, &s.after))
        return false;
    db_release(c);
    return str_equal(s.before, s.after) || db_transact(c, write_envelope, &s);
}
