/* late_result_heard.c - what a result says, and whether that is another thing than it was. */
#include "reports/late_result_parts.h"

#include "diagnosis/diagnosis.h"

#include <math.h>

static bool is_positive(const struct list *findings)
{
    const struct finding *all = findings->items;
    for (ptrdiff_t i = 0; i < findings->count; i++)
        if (all[i].positive)
            return true;
    return false;
}

/* What stands after so many judgements: the model's own findings, or those of who corrected them; NULL: it was
 * rejected. */
static const struct list *said(const struct heard *h, ptrdiff_t judgements)
{
    const struct reading *readings = h->readings.items;
    const struct reading *last = judgements > 0 ? &readings[judgements - 1] : NULL;
    return !last                               ? &h->findings
           : last->decision == REVIEW_REJECTED ? NULL
           : last->decision == REVIEW_MODIFIED ? &last->findings
                                               : &h->findings;
}

static const struct list *said_now(const struct heard *h)
{
    return h->is_withdrawn || h->is_rejected ? NULL : said(h, h->readings.count);
}

bool heard_read(struct call *c, int64_t diagnosis_id, struct heard *out)
{
    struct diagnosis *d = arena_new(&c->arena, struct diagnosis);
    *out = (struct heard){ .diagnosis_id = diagnosis_id };
    if (!db_get(c, &diagnosis_schema, d, "where d.id = ?", V(diagnosis_id)) ||
        !diagnosis_findings(c, d, &out->findings) || !diagnosis_readings(c, d, &out->readings))
        return false;
    out->study_id = d->study_id;
    out->is_withdrawn = d->status == DIAGNOSIS_WITHDRAWN;
    out->is_rejected = d->status == DIAGNOSIS_REVIEWED && d->verdict == REVIEW_REJECTED;
    out->is_confirmed = d->status == DIAGNOSIS_REVIEWED && !out->is_rejected;
    out->asks = !d->is_shadow && (out->is_confirmed || d->status == DIAGNOSIS_COMPLETED) && is_positive(said_now(out));
    return true;
}

ptrdiff_t heard_before(const struct heard *h)
{
    return h->readings.count - (!h->is_withdrawn && h->readings.count > 0);
}

/* ---- compared ---- */

static bool is_same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool is_same_place(const struct finding *a, const struct finding *b)
{
    const struct finding_point *p = a->points.items, *q = b->points.items;
    bool same = is_same_number(a->box.x, b->box.x) && is_same_number(a->box.y, b->box.y) &&
                is_same_number(a->box.width, b->box.width) && is_same_number(a->box.height, b->box.height) &&
                a->points.count == b->points.count;
    for (ptrdiff_t i = 0; same && i < a->points.count; i++)
        same = str_equal(p[i].name, q[i].name) && is_same_number(p[i].x, q[i].x) && is_same_number(p[i].y, q[i].y);
    return same;
}

static bool has(const struct list *findings, const struct finding *one)
{
    const struct finding *all = findings->items;
    for (ptrdiff_t i = 0; i < findings->count; i++)
        if (all[i].positive && str_equal(all[i].code.scheme, one->code.scheme) &&
            str_equal(all[i].code.value, one->code.value) && is_same_place(&all[i], one))
            return true;
    return false;
}

/* Is each positive finding of the one among those of the other? */
static bool has_all(const struct list *other, const struct list *one)
{
    const struct finding *all = one->items;
    for (ptrdiff_t i = 0; i < one->count; i++)
        if (all[i].positive && !has(other, &all[i]))
            return false;
    return true;
}

bool heard_differs(const struct heard *h, ptrdiff_t judgements)
{
    const struct list *then = said(h, judgements), *now = said_now(h);
    if (!then || !now)
        return then != now;
    return !has_all(then, now) || !has_all(now, then);
}
