/* critical.c - see critical.h. */
#include "diagnosis/critical.h"

#include "records/worklist.h"
#include "site/app.h"

static bool is_listed(struct str list, struct str model, struct str label)
{
    struct str entry, name, what;
    while (str_next(&list, ' ', &entry)) {
        bool of_one = str_cut(str_trim(entry), ':', &name, &what);
        if (!of_one)
            name = str_trim(entry);
        if (name.len && str_equal(name, model) && (!of_one || str_equal(what, label)))
            return true;
    }
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

/* The first of the study that stands. */
static bool lift(struct call *c, int64_t study_id)
{
    struct worklist_lift found = { 0 };
    struct cursor rows;
    db_rows(
        c, &rows,
        "select d.id, d.model_name, d.model_version, d.critical_label from image_files f join diagnoses d on "
        "d.image_file_id = f.id where f.study_id = ? and d.critical_label is not null and d.status in ('COMPLETED', "
        "'REVIEWED') and coalesce(d.verdict, '') <> 'REJECTED' order by d.id limit 1",
        V(study_id));
    bool any = cursor_next(&rows);
    if (any)
        found = (struct worklist_lift){ cursor_integer(&rows, 0), arena_copy(&c->arena, cursor_text(&rows, 1)),
                                        arena_copy(&c->arena, cursor_text(&rows, 2)),
                                        arena_copy(&c->arena, cursor_text(&rows, 3)) };
    return cursor_close(&rows) && worklist_lift(c, study_id, any ? &found : NULL);
}

bool critical_note(struct call *c, const struct diagnosis *d, const struct card *card, const struct list *findings)
{
    struct str label = critical_label(card, findings, c->app->config.diagnosis_critical);
    return !label.len || (db_execute(c, "update diagnoses set critical_label = ? where id = ?", V(label), V(d->id)) &&
                          (d->study_id <= 0 || lift(c, d->study_id)));
}

bool critical_judged(struct call *c, const struct diagnosis *d)
{
    int64_t one;
    enum found found =
        db_find_integer(c, &one, "select 1 from diagnoses where id = ? and critical_label is not null", V(d->id));
    return found == NONE || (found == FOUND && (d->study_id <= 0 || lift(c, d->study_id)));
}
