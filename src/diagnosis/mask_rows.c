/* mask_rows.c - masks in the database: a row for each label of a result. */
#include "diagnosis/mask.h"

#include "base/crypto.h"
#include "db/db.h"

#include <math.h>

static bool keep(struct call *c, int64_t diagnosis_id, const struct mask *mask)
{
    return db_execute(c,
                      "insert into diagnosis_masks(diagnosis_id, place, label, width, height, pixels, packed) values "
                      "(?, ?, ?, ?, ?, ?, ?)",
                      V(diagnosis_id), V(mask->place), V(mask->label), V(mask->width), V(mask->height), V(mask->pixels),
                      V(mask->kept));
}

bool masks_keep(struct call *c, int64_t diagnosis_id, const struct list *masks)
{
    for (ptrdiff_t i = 0; i < masks->count; i++)
        if (!keep(c, diagnosis_id, (const struct mask *)masks->items + i))
            return false;
    return true;
}

static bool read_row(struct call *c, struct cursor *rows, struct mask *out)
{
    *out = (struct mask){ .label = arena_copy(&c->arena, cursor_text(rows, 0)),
                          .width = cursor_integer(rows, 1),
                          .height = cursor_integer(rows, 2),
                          .pixels = cursor_integer(rows, 3),
                          .place = cursor_integer(rows, 5),
                          .box = { NAN, NAN, NAN, NAN },
                          .most = NAN,
                          .mean = NAN };
    struct str kept = cursor_text(rows, 4);
    return hold_more(&c->hold, kept.len, &c->error) && (crypto_unbase64(kept, &c->arena, &out->packed) ||
                                                        fail(c, E_INTERNAL, "what is kept of a mask cannot be read"));
}

bool masks_load(struct call *c, int64_t diagnosis_id, struct str label, struct list *out)
{
    struct mask *masks = arena_array(&c->arena, struct mask, FINDINGS_MAX);
    ptrdiff_t count = 0;
    bool ok = true;
    struct cursor rows;
    for (
        db_rows(
            c, &rows,
            "select label, width, height, pixels, packed, place from diagnosis_masks where diagnosis_id = ? and (? = 1 "
            "or label = ?) order by place",
            V(diagnosis_id), V(label.at == NULL), V(label.at ? label : S("")));
        ok && count < FINDINGS_MAX && cursor_next(&rows);)
        ok = read_row(c, &rows, &masks[count]) && ++count;
    ok = cursor_close(&rows) && ok;
    *out = (struct list){ masks, count };
    return ok;
}
