/* filing_patient.c - which patient a file speaks of, and whether it says of them what we know. */
#include "records/filing.h"

#include "site/actor.h"
#include "records/patient_number.h"
#include "records/visibility.h"
#include "base/crypto.h"
#include "base/folding.h"
#include "base/text.h"

enum { MADE_DIGITS = 24 };

/* What the comparison needs; the record's sealed members stay sealed. */
bool filing_load_patient(struct call *c, int64_t id, struct patient *out)
{
    struct cursor rows;
    schema_clear(&patient_schema, out);
    out->id = 0;
    if (id <= 0)
        return true;
    if (!db_lock(c, "select id from patients where id = ?", V(id)))
        return false;
    db_rows(c, &rows,
            "select p.id, p.patient_id, p.issuer_of_patient_id, p.name, p.name_en, p.name_phonetic, "
            "p.gender, p.birth_date, p.conflict "
            "from patients p where p.id = ? and p.deleted_at is null",
            V(id));
    if (cursor_next(&rows)) {
        struct arena *arena = &c->arena;
        out->id = cursor_integer(&rows, 0);
        out->patient_id = arena_copy(arena, cursor_text(&rows, 1));
        out->issuer_of_patient_id = arena_copy(arena, cursor_text(&rows, 2));
        out->name = arena_copy(arena, cursor_text(&rows, 3));
        out->name_en = arena_copy(arena, cursor_text(&rows, 4));
        out->name_phonetic = arena_copy(arena, cursor_text(&rows, 5));
        out->gender = choice_of(genders, cursor_text(&rows, 6));
        date_parse(cursor_text(&rows, 7), &out->birth_date);
        out->conflict = (struct texts){ arena_new(arena, struct str), 1 };
        out->conflict.items[0] = arena_copy(arena, cursor_text(&rows, 8)); /* the list as it is stored */
    }
    return cursor_close(&rows);
}

/* As the database compares them: MariaDB takes no notice of spaces at the end. */
static bool same_key(struct str a, struct str b)
{
    return str_equal(str_trim(patient_number_issuer(a)), str_trim(patient_number_issuer(b)));
}

/* A number for the patient of one study whose files have none: the same for all of them, like no other. */
static struct str made_number(struct call *c, struct str study_uid)
{
    unsigned char digest[SHA256_BYTES];
    crypto_sha256(study_uid, digest);
    return arena_format(&c->arena, "NOID-%.*s", MADE_DIGITS, crypto_hex(digest, SHA256_BYTES, &c->arena).at);
}

static bool find_stated(struct call *c, struct filing *f, int64_t stated, struct patient *out)
{
    int64_t spoken_of;
    bool by_merge;
    struct str number = f->patient.patient_id, issuer = f->patient.issuer_of_patient_id;
    if (!patient_must_exist(c, stated, "body") || !filing_load_patient(c, stated, out))
        return false;
    bool same = !number.len ||
                (str_equal(number, out->patient_id) && (!issuer.len || str_equal(issuer, out->issuer_of_patient_id)));
    if (same)
        return true;
    if (!patient_number_find(c, number, issuer, &spoken_of, &by_merge))
        return false;
    if (spoken_of == stated)
        return true;
    f->refused = true;
    return fail(
        c, E_CONFLICT,
        "the file speaks of another patient: its Patient ID (0010,0020) is not the number of the patient stated");
}

bool filing_find_patient(struct call *c, struct filing *f, int64_t stated, struct patient *out)
{
    int64_t id;
    bool by_merge;
    if (stated > 0)
        return find_stated(c, f, stated, out);
    struct str number = f->patient.patient_id, issuer = f->patient.issuer_of_patient_id;
    if (!number.len)
        number = made_number(c, f->study.study_uid);
    if (!patient_number_find(c, number, issuer, &id, &by_merge) || !filing_load_patient(c, id, out))
        return false;
    if (!id)
        return true;
    /* It was found before it could be locked: it may have been merged, deleted or given another number since. */
    bool stays =
        out->id && (by_merge || (same_key(number, out->patient_id) && same_key(issuer, out->issuer_of_patient_id)));
    return stays || db_again(c);
}

bool filing_make_patient(struct call *c, struct filing *f, int64_t by, struct patient *out)
{
    struct patient p = f->patient;
    bool unidentified = !p.patient_id.len;
    if (unidentified)
        p.patient_id = made_number(c, f->study.study_uid);
    if (!p.name.len)
        p.name = S("Unnamed");
    if (!p.gender)
        p.gender = GENDER_UNKNOWN;
    p.status = PATIENT_ACTIVE;
    p.created_by = by;
    if (!db_insert(c, &patient_schema, &p, &p.id) || !patient_index(c, &p))
        return false;
    *out = p;
    return !unidentified || db_execute(c, "update patients set is_unidentified = 1 where id = ?", V(p.id));
}

/* ---- does the file say what the record says? ---- */

/* Of two names that are both said. Where punctuation is all there is, it counts. */
static bool same_name(struct call *c, struct str a, struct str b)
{
    if (a.len && str_equal(a, b))
        return true;
    struct str x = folding_name(a, &c->arena), y = folding_name(b, &c->arena);
    return a.len && b.len && (x.len || y.len) && str_equal(x, y);
}

/* Different people share a reading; it stands for the name only where one of the two has no other. */
static bool names_differ(struct call *c, const struct patient *said, const struct patient *known)
{
    if (!said->name.len)
        return false;
    return !same_name(c, said->name, known->name) && !same_name(c, said->name, known->name_en) &&
           !same_name(c, said->name_en, known->name) && !same_name(c, said->name_en, known->name_en) &&
           !same_name(c, said->name, known->name_phonetic) && !same_name(c, said->name_phonetic, known->name);
}

static void say(struct text *out, const char *what, struct str value)
{
    text_format(out, "%s%s: %.*s", out->len ? "; " : "", what, STR_FMT(value));
}

static bool note(struct call *c, const struct patient *patient, struct str list)
{
    return db_execute(c, "update patients set conflict = ? where id = ?", V(list), V(patient->id)) &&
           audit_also(c, "patient.conflict", "patient", patient->id, patient->id);
}

bool filing_compare(struct call *c, const struct filing *f, const struct patient *patient, struct image_file *row)
{
    static const char *const names[] = { "\"name\"", "\"gender\"", "\"birth_date\"" };
    static const char *const members[] = { "name", "gender", "birth_date" };
    const struct patient *said = &f->patient;
    struct str before = patient->conflict.count ? patient->conflict.items[0] : STR_NULL;
    bool differs[] = { names_differ(c, said, patient),
                       said->gender && patient->gender != GENDER_UNKNOWN && said->gender != patient->gender,
                       !date_is_null(said->birth_date) && !date_is_null(patient->birth_date) &&
                           said->birth_date.days != patient->birth_date.days };
    if (!differs[0] && !differs[1] && !differs[2])
        return true;
    struct text words, list;
    char date[DATE_TEXT_MAX];
    text_init(&words, 2000);
    text_init(&list, 200);
    if (differs[0])
        say(&words, "name", said->name);
    if (differs[1])
        say(&words, "gender", choice_text(genders, said->gender));
    if (differs[2])
        say(&words, "birth_date", (struct str){ date, date_write(said->birth_date, date) });
    for (int i = 0; i < 3; i++)
        if (differs[i] || str_find(before, str_from(names[i])) >= 0)
            text_format(&list, "%c%s", list.len ? ',' : '[', names[i]);
    text_put_char(&list, ']');
    row->conflict = arena_copy(&c->arena, text_str(&words));
    bool ok = str_equal(before, text_str(&list)) || note(c, patient, text_str(&list));
    for (int i = 0; i < 3; i++)
        ok = ok && (!differs[i] || patient_conflict_note(c, patient->id, members[i], row->study_id, row->uploaded_by));
    text_release(&words);
    text_release(&list);
    return ok;
}
