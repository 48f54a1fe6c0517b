/* critical.c - see critical.h. */
#include "diagnosis/critical.h"

#include "records/record_lock.h"
#include "records/worklist.h"
#include "site/app.h"

/* An entry of DIAGNOSIS_CRITICAL; `label` null: all that the model finds. */
struct named {
    struct str model, label;
};

/* False: it names nothing. */
static bool read_entry(struct str entry, struct named *out)
{
    bool of_one = str_cut(str_trim(entry), ':', &out->model, &out->label);
    out->model = str_trim(of_one ? out->model : entry);
    out->label = of_one ? str_trim(out->label) : STR_NULL;
    return out->model.len && (!of_one || out->label.len);
}

bool critical_check_list(struct str list, struct error *error)
{
    struct named named;
    for (struct str entry; str_next(&list, ',', &entry);)
        if (str_trim(entry).len && !read_entry(entry, &named))
            return error_set(error, E_INVALID, "DIAGNOSIS_CRITICAL: %.*s is not MODEL or MODEL:LABEL",
                             STR_FMT(str_trim(entry)));
    return true;
}

static bool is_listed(struct str list, struct str model, struct str label)
{
    struct named named;
    for (struct str entry; str_next(&list, ',', &entry);)
        if (read_entry(entry, &named) && str_equal(named.model, model) &&
            (!named.label.len || str_equal(named.label, label)))
            return true;
    return false;
}

struct str critical_label(const struct card *card, const struct list *findings, struct str list)
{
    for (ptrdiff_t i = 0; i < findings->count; i++) {
        const struct finding *finding = (const struct finding *)findings->items + i;
        const struct card_label *label = card_label_named(card, finding->label);
        if (finding->positive && ((label && label->critical) || is_listed(list, card->name, finding->label)))
            return finding->label;
    }
    return STR_NULL;
}

/* The label by which it stands for a reader who has said what should have been found; null: by none. */
static struct str label_of_reader(const struct card *card, const struct list *findings, struct str list)
{
    for (ptrdiff_t i = 0; i < card->labels.count; i++) {
        const struct card_label *label = (const struct card_label *)card->labels.items + i;
        if ((label->critical || is_listed(list, card->name, label->label)) && finding_is_there(findings, label))
            return label->label;
    }
    return STR_NULL;
}

bool critical_hold(struct call *c, int64_t diagnosis_id)
{
    int64_t study = 0;
    enum found found = db_find_integer(c, &study,
                                       "select coalesce(f.study_id, 0) from diagnoses d join image_files f on f.id = "
                                       "d.image_file_id where d.id = ?",
                                       V(diagnosis_id));
    return found == NONE || (found == FOUND && (study <= 0 || lock_study(c, study, 0)));
}

bool critical_note(struct call *c, const struct diagnosis *d, struct str label)
{
    return !label.len || (db_execute(c, "update diagnoses set critical_label = ? where id = ?", V(label), V(d->id)) &&
                          (d->study_id <= 0 || worklist_lift(c, d->study_id)));
}

/* What the reader says of it is kept. */
static bool judge(struct call *c, const struct diagnosis *d, const struct review *review)
{
    struct model model;
    struct card card;
    struct str label;
    if (review->decision != REVIEW_MODIFIED)
        return db_execute(c, "update diagnoses set critical_denied = ? where id = ?",
                          V(review->decision == REVIEW_REJECTED), V(d->id));
    if (!model_load(c, d->model_id, &model) || !card_read(c, model.card.text, &card))
        return false;
    label = label_of_reader(&card, &review->findings, c->app->config.diagnosis_critical);
    return db_execute(
        c, "update diagnoses set critical_label = coalesce(?, critical_label), critical_denied = ? where id = ?",
        V(label), V(!label.len), V(d->id));
}

bool critical_judged(struct call *c, const struct diagnosis *d, const struct review *review)
{
    int64_t one;
    enum found found =
        db_find_integer(c, &one, "select 1 from diagnoses where id = ? and critical_label is not null", V(d->id));
    return found == NONE ||
           (found == FOUND && (!review || judge(c, d, review)) && (d->study_id <= 0 || worklist_lift(c, d->study_id)));
}
