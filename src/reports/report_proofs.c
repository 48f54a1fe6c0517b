/* report_proofs.c - see report_proofs.h. */
#include "reports/report_proofs.h"

#include "base/file.h"
#include "pdf/signature.h"
#include "reports/report_stamp.h"
#include "reports/signing_key.h"
#include "signing/proofs.h"
#include "signing/revocation.h"
#include "site/app.h"

enum { LISTS_MAX = 16, LISTS_BYTES_MAX = 1 << 20, ROOM_BYTES = 4 << 20 /* for one more time stamp and its proofs */ };

#define DAY_US (INT64_C(86400) * 1000000)
#define HOUR_US (INT64_C(3600) * 1000000)

/* ---- whom to believe, and what was revoked ---- */

static bool load_trust(struct call *c, struct trust *trust)
{
    struct str path = c->app->config.tsa_revocations, bytes;
    int count = 0;
    if (!signing_trust(c, trust))
        return false;
    struct str *lists = arena_array(&c->arena, struct str, LISTS_MAX + trust->list_count);
    db_release(c);
    if (path.len && (!file_read_whole(arena_cstring(&c->arena, path), LISTS_BYTES_MAX, &c->arena, &bytes, &c->error) ||
                     !proofs_read_lists(c, bytes, LISTS_MAX, lists, &count))) {
        struct str why = arena_copy(&c->arena, error_told(&c->error));
        error_clear(&c->error);
        return fail(c, E_UNAVAILABLE, "TSA_REVOCATIONS: %.*s", STR_FMT(why));
    }
    for (int i = 0; i < trust->list_count; i++)
        lists[count++] = trust->lists[i];
    trust->lists = lists;
    trust->list_count = count;
    return true;
}

/* ---- one file ---- */

/* What is there needs no second place. */
static int leave_new(const struct str *there, int there_count, struct str *items, int count)
{
    int left = 0;
    for (int i = 0; i < count; i++) {
        bool is_there = false;
        for (int j = 0; j < there_count; j++)
            is_there = is_there || str_equal(there[j], items[i]);
        if (!is_there)
            items[left++] = items[i];
    }
    return left;
}

static bool add_proofs(struct call *c, struct proofs *proofs, struct str *pdf)
{
    struct pdf_proofs there;
    if (!pdf_find_proofs(c, *pdf, &there))
        return false;
    struct pdf_proofs more = {
        .certificates = proofs->certificates,
        .crls = proofs->lists,
        .certificate_count =
            leave_new(there.certificates, there.certificate_count, proofs->certificates, proofs->certificate_count),
        .crl_count = leave_new(there.crls, there.crl_count, proofs->lists, proofs->list_count),
    };
    return (!more.certificate_count && !more.crl_count) || pdf_add_proofs(c, *pdf, &more, pdf);
}

struct stamping {
    const struct trust *trust;
    struct timestamp stamp;
};

static bool give_stamp(struct call *c, void *context, const unsigned char digest[SHA256_BYTES],
                       const struct str parts[2], struct str *der)
{
    struct stamping *s = context;
    (void)parts;
    if (!report_stamp_of_digest(c, s->trust, digest, &s->stamp))
        return false;
    *der = s->stamp.token;
    return true;
}

/* Each of them whole, nothing behind the last. */
static bool check_whole(struct call *c, struct str pdf, struct pdf_found_signatures *found)
{
    if (!pdf_signatures(c, pdf, found))
        return false;
    bool whole = found->count > 0 && found->items[0].kind == PDF_SIGNED && found->items[found->count - 1].is_last;
    for (int i = 0; i < found->count; i++)
        whole = whole && found->items[i].is_whole && found->items[i].is_kept &&
                (i == 0 || found->items[i].kind == PDF_STAMPED);
    return whole || fail(c, E_INTERNAL, "kept pages are not whole under their signature and time stamps");
}

/* Those of the last stamp; those before it have theirs. */
static bool prove_last(struct call *c, const struct pdf_found_signatures *found, const struct trust *trust,
                       struct proofs *proofs)
{
    const struct pdf_found_signature *last = &found->items[found->count - 1];
    return found->count == 1 ? cms_prove(c, last->der, trust, proofs)
                             : timestamp_prove(c, last->der, last->parts, 2, trust, proofs);
}

/* One over a stamp that has ended proves nothing: its key may be anybody's by then (EN 319 102-1 5.6). */
static bool check_in_time(struct call *c, struct instant until, struct instant at)
{
    return instant_is_null(until) || at.us <= until.us ||
           fail(c, E_CONFLICT, "the last time stamp ended on %.*s, before there was another over it",
                STR_FMT(instant_format(until, &c->arena)));
}

/* Before anybody is asked for a stamp that could not be put anywhere. */
static bool check_room(struct call *c, const struct pdf_found_signatures *found, struct str bytes)
{
    if (found->count >= PDF_SIGNATURES_MAX)
        return fail(c, E_CONFLICT, "there are %d time stamps over it, and no room for another", found->count - 1);
    return bytes.len <= PDF_BYTES_MAX - ROOM_BYTES ||
           fail(c, E_TOO_LARGE, "the pages are too large for another time stamp");
}

/* Is a stamp that ends then worth its bytes? It lasts a month longer, or half of what is left of the last one. */
static bool is_longer(struct instant until, struct instant later)
{
    int64_t half_us = (until.us - clock_now().us) / 2, enough_us = half_us < 30 * DAY_US ? half_us : 30 * DAY_US;
    return later.us > until.us && later.us - until.us >= enough_us;
}

struct proving {
    struct report_prover *prover;
    const struct kept_pdf *kept;
    struct report_proving *out;
    struct str bytes;
};

/* The stamp of the authority, where it is worth having. */
static bool stamp(struct call *c, struct proving *p)
{
    struct kept_pdf after = *p->kept;
    struct pdf_found_signatures found;
    struct stamping s = { .trust = &p->prover->trust };
    const struct pdf_signing signing = {
        .kind = PDF_STAMPED, .contents_max = TIMESTAMP_BYTES_MAX, .sign = give_stamp, .context = &s
    };
    bool is_first = p->kept->level != PADES_LASTING;
    if (!is_first && !instant_is_null(p->prover->newest) && !is_longer(p->out->until, p->prover->newest))
        return true;
    if (!pdf_sign(c, p->bytes, &signing, &p->bytes) || !check_whole(c, p->bytes, &found) ||
        !check_in_time(c, p->out->until, s.stamp.at))
        return false;
    p->prover->newest = s.stamp.until;
    if (!is_first && !is_longer(p->out->until, s.stamp.until))
        return true;
    after.level = PADES_LASTING;
    after.renew_at = report_stamp_renewal(s.stamp.at, s.stamp.until, p->kept->id);
    p->out->is_stamped = kept_pdf_swap(c, p->kept, &after, p->bytes);
    return p->out->is_stamped;
}

bool report_prove(struct call *c, struct report_prover *prover, const struct kept_pdf *kept, struct report_proving *out)
{
    struct proofs *proofs = arena_new(&c->arena, struct proofs);
    struct pdf_found_signatures found;
    struct proving p = { .prover = prover, .kept = kept, .out = out };
    *out = (struct report_proving){ .until = INSTANT_NULL };
    if (!kept_pdf_read(c, kept, &p.bytes) || !check_whole(c, p.bytes, &found))
        return false;
    bool is_proved = prove_last(c, &found, &prover->trust, proofs);
    struct error said = c->error;
    error_clear(&c->error);
    out->until = proofs->until;
    if (!check_in_time(c, out->until, clock_now()))
        return false;
    c->error = said;
    return is_proved && check_room(c, &found, p.bytes) && add_proofs(c, proofs, &p.bytes) && stamp(c, &p);
}

bool report_prover_load(struct call *c, struct report_prover *out)
{
    out->newest = INSTANT_NULL;
    return load_trust(c, &out->trust);
}

struct instant report_prove_again(const struct kept_pdf *kept, struct instant until)
{
    struct instant now = clock_now();
    if (!instant_is_null(until) && until.us < now.us)
        return INSTANT_NULL;
    int64_t pause_us = 7 * DAY_US, half_us = (now.us - kept->made_at.us) / 2;
    if (kept->level == PADES_TIMED) /* longer each time: its list may never come */
        pause_us = half_us < DAY_US ? DAY_US : half_us < 30 * DAY_US ? half_us : 30 * DAY_US;
    if (!instant_is_null(until) && (until.us - now.us) / 4 < pause_us)
        pause_us = (until.us - now.us) / 4;
    return (struct instant){ now.us + (pause_us < HOUR_US ? HOUR_US : pause_us) };
}

/* ---- the job ---- */

enum { AT_ONCE = 50 };
#define RUN_US (INT64_C(4) * 3600 * 1000000) /* within its time limit: the next night goes on */

struct stamped {
    int64_t stamped, kept, failed;
    bool more;
};
static const struct field stamped_fields[] = {
    FIELD(struct stamped, stamped, .doc = "How many files got another time stamp."),
    FIELD(struct stamped, kept, .doc = "How many stayed as they are: the authority's stamp would end no later."),
    FIELD(struct stamped, failed, .doc = "How many got none, and are looked at again in days."),
    FIELD(struct stamped, more, .doc = "Are there others, for the next run?"),
};
static const struct schema stamped_schema = SCHEMA("PagesStamped", struct stamped, stamped_fields);

struct renewing {
    struct call *c;
    struct job_run *run;
    struct stamped *out;
    struct report_prover prover;
    bool is_loaded;
    struct instant now; /* when it began */
    struct str first;   /* why the first of those that failed did */
    int64_t end_us;
};

struct batch {
    int64_t ids[AT_ONCE], last_at;
    int count;
};

/* Behind the last one of the batch before. What is due longest comes first. */
static bool find_due(struct renewing *r, unsigned level, struct batch *batch)
{
    struct call *c = r->c;
    struct cursor rows;
    int64_t id = batch->count ? batch->ids[batch->count - 1] : 0, at = batch->last_at;
    batch->count = 0;
    for (db_rows(c, &rows,
                 "select id, renew_at from report_pdfs where level = ? and renew_at >= ? and renew_at < ? and "
                 "(renew_at > ? or id > ?) order by renew_at, id limit ?",
                 V(choice_text(pades_levels, level)), V(at), V(r->now), V(at), V(id), V((int64_t)AT_ONCE));
         batch->count < AT_ONCE && cursor_next(&rows);) {
        batch->ids[batch->count++] = cursor_integer(&rows, 0);
        batch->last_at = cursor_integer(&rows, 1);
    }
    bool ok = cursor_close(&rows);
    db_release(c);
    return ok;
}

struct waiting {
    const struct kept_pdf *kept;
    struct instant renew_at;
};

static bool put_off(struct call *c, void *context)
{
    const struct waiting *w = context;
    return db_execute(c, "update report_pdfs set renew_at = ? where id = ? and storage_path = ?", V(w->renew_at),
                      V(w->kept->id), V(w->kept->storage_path));
}

/* Of the others nothing can be said while it lasts. */
static bool is_of_all(enum error_code code)
{
    return code == E_UNAVAILABLE || code == E_STORAGE_FULL;
}

static bool renew_found(struct renewing *r, struct call *own, const struct kept_pdf *kept)
{
    struct report_proving proving;
    bool ok = report_prove(own, &r->prover, kept, &proving);
    if (!ok && is_of_all(own->error.code))
        return false;
    if (proving.is_stamped) {
        r->out->stamped++;
        return true;
    }
    if (ok)
        r->out->kept++;
    else if (r->out->failed++ == 0)
        r->first = arena_copy(&r->c->arena, error_told(&own->error));
    error_clear(&own->error);
    return db_transact(own, put_off, &(struct waiting){ kept, report_prove_again(kept, proving.until) });
}

/* In a call of its own, whose memory goes with it. */
static bool renew(struct renewing *r, int64_t id)
{
    struct call *c = r->c, own;
    struct kept_pdf kept;
    r->is_loaded = r->is_loaded || report_prover_load(c, &r->prover);
    if (!r->is_loaded)
        return false;
    call_init(&own, c->app, c->db);
    own.actor = c->actor;
    enum found found = db_find(&own, &kept_pdf_schema, &kept, "where k.id = ?", V(id));
    bool ok = found == NONE || (found == FOUND && renew_found(r, &own, &kept));
    if (!ok)
        c->error = own.error;
    db_release(&own);
    call_release(&own);
    return ok;
}

static bool renew_level(struct renewing *r, unsigned level)
{
    struct batch batch = { .count = 0 };
    do {
        if (!find_due(r, level, &batch))
            return false;
        for (int i = 0; i < batch.count && !r->out->more; i++) {
            r->out->more = clock_monotonic_us() >= r->end_us;
            if (!r->out->more && (!job_tell(r->run, r->out->stamped, 0, "files", STR_NULL) || !renew(r, batch.ids[i])))
                return false;
        }
    } while (batch.count == AT_ONCE && !r->out->more);
    return true;
}

/* Nobody is asked any more, and what was stamped ages. */
static bool tell_due(struct call *c)
{
    int64_t due;
    if (!db_integer(c, &due, "select count(*) from report_pdfs where level = ? and renew_at < ?",
                    V(choice_text(pades_levels, PADES_LASTING)), V(clock_now())))
        return false;
    return !due || fail(c, E_CONFLICT, "%" PRId64 " files want another time stamp, and TSA_URL names nobody", due);
}

/* One file that cannot be stamped keeps none of the others from it, and is not tried again at once: it waits for
 * people. */
static bool run(struct call *c, struct job_run *run)
{
    struct renewing r = { .c = c, .run = run, .out = job_result(run), .now = clock_now() };
    r.end_us = clock_monotonic_us() + RUN_US;
    *r.out = (struct stamped){ 0 };
    if (!report_stamps(c))
        return tell_due(c);
    if (!renew_level(&r, PADES_LASTING) || (c->app->config.tsa_revocations.len && !renew_level(&r, PADES_TIMED)))
        return false;
    return !r.out->failed || fail(c, E_CONFLICT, "%" PRId64 " files got no time stamp, the first because %.*s",
                                  r.out->failed, STR_FMT(r.first));
}

const struct job_kind report_stamps_kind = { "reports.stamps",
                                             NULL,
                                             &stamped_schema,
                                             run,
                                             .attempts = 10,
                                             .time_limit_s = 6 * 3600,
                                             .concurrency = 1,
                                             .by_hand = true,
                                             .is_long = true,
                                             .doc = "Puts another time stamp over pages of reports before their last "
                                                    "one ages." };
