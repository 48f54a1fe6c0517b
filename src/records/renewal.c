/* renewal.c - records are read again, a piece at a time, and what they are found by is made anew. */
#include "records/renewal.h"

#include "records/image_file.h"
#include "records/patient.h"
#include "records/study.h"
#include "site/app.h"

/* ---- the records ---- */

enum { COLUMNS_MAX = 8 };

static int texts_of_patient(struct call *c, const struct str *columns, struct search_text *out)
{
    (void)c;
    const struct patient p = {
        .name = columns[0], .name_en = columns[1], .name_phonetic = columns[2], .patient_id = columns[3]
    };
    return patient_texts(&p, out);
}

static int texts_of_study(struct call *c, const struct str *columns, struct search_text *out)
{
    (void)c;
    const struct patient p = {
        .name = columns[0], .name_en = columns[1], .name_phonetic = columns[2], .patient_id = columns[3]
    };
    const struct study s = { .accession_number = columns[4],
                             .description = columns[5],
                             .referring_physician = columns[6] };
    return study_texts(&s, &p, out);
}

static int texts_of_image_file(struct call *c, const struct str *columns, struct search_text *out)
{
    (void)c;
    return image_file_texts(columns[0], columns[1], out);
}

static const struct findable findables[] = {
    { "patients", "patient_search", "select p.id from patients p where p.id > ? order by p.id limit ?",
      "select p.deleted_at is null, p.name, p.name_en, p.name_phonetic, p.patient_id from patients p where p.id = ?", 4,
      texts_of_patient, "select max(id) from patients" },
    { "studies", "study_search", "select s.id from studies s where s.id > ? order by s.id limit ?",
      "select s.deleted_at is null, p.name, p.name_en, p.name_phonetic, p.patient_id, s.accession_number, "
      "s.description, s.referring_physician from studies s join patients p on p.id = s.patient_id where s.id = ?",
      7, texts_of_study, "select max(id) from studies" },
    { "image_files", "image_file_search", "select f.id from image_files f where f.id > ? order by f.id limit ?",
      "select f.deleted_at is null, f.original_filename, f.description from image_files f where f.id = ?", 2,
      texts_of_image_file, "select max(id) from image_files" },
};
enum { STUDIES = 1, FINDABLES = sizeof(findables) / sizeof(findables[0]) };

/* The i-th of all; NULL behind the last. */
static const struct findable *findable_at(const struct call *c, int i)
{
    if (i < FINDABLES)
        return &findables[i];
    const struct findable *more = c->app->findables ? &c->app->findables[i - FINDABLES] : NULL;
    return more && more->name ? more : NULL;
}

/* What it is found by. *out_count 0: the record is gone. */
static bool read_texts(struct call *c, const struct findable *of, int64_t id, bool *in_sight, struct search_text *out,
                       int *out_count)
{
    struct str columns[COLUMNS_MAX];
    struct cursor rows;
    *out_count = 0;
    db_rows(c, &rows, of->columns, V(id));
    if (cursor_next(&rows)) {
        *in_sight = cursor_integer(&rows, 0) != 0;
        for (int i = 0; i < of->count; i++)
            columns[i] = arena_copy(&c->arena, cursor_text(&rows, 1 + i));
        *out_count = of->texts(c, columns, out);
    }
    return cursor_close(&rows);
}

/* What is deleted keeps the words it has, for who looks among the deleted and for its restoring, and gets none that
 * it lacks. */
static bool renew(struct call *c, const struct findable *of, int64_t id, struct renewal_done *done)
{
    struct search_text texts[SEARCH_TEXTS_MAX];
    bool found, in_sight = false, changed = false;
    int count;
    if (!search_hold(c, of->search_table, id, &found) || !read_texts(c, of, id, &in_sight, texts, &count))
        return false;
    done->looked++;
    if (of->also && !of->also(c, id))
        return false;
    if (!count || (!found && !in_sight))
        return true;
    if (!search_renew(c, of->search_table, id, found, texts, count, &changed))
        return false;
    done->changed += changed;
    return true;
}

/* ---- pieces ---- */

struct piece {
    int64_t ids[RENEWAL_PIECE];
    int count;
};

static bool take_piece(struct cursor *rows, struct piece *out)
{
    out->count = 0;
    while (out->count < RENEWAL_PIECE && cursor_next(rows))
        out->ids[out->count++] = cursor_integer(rows, 0);
    return cursor_close(rows);
}

static bool studies_of_patient(struct call *c, int64_t patient_id, int64_t after, struct piece *out)
{
    struct cursor rows;
    db_rows(c, &rows, "select s.id from studies s where s.patient_id = ? and s.id > ? order by s.id limit ?",
            V(patient_id), V(after), V(RENEWAL_PIECE));
    return take_piece(&rows, out);
}

static bool renew_piece(struct call *c, const struct findable *of, const struct piece *piece, struct renewal_done *done)
{
    for (int i = 0; i < piece->count; i++)
        if (!renew(c, of, piece->ids[i], done))
            return false;
    return true;
}

static bool is_last(const struct piece *piece)
{
    return piece->count < RENEWAL_PIECE;
}

bool renewal_of_patient(struct call *c, int64_t patient_id)
{
    struct piece piece;
    struct renewal_done done = { 0 };
    if (!studies_of_patient(c, patient_id, 0, &piece))
        return false;
    if (!is_last(&piece)) {
        if (!db_execute(c, "replace into study_renewals(patient_id, done_id) values (?, ?)", V(patient_id),
                        V(piece.ids[piece.count - 1])) ||
            !renewal_put(c))
            return false;
    }
    return renew_piece(c, &findables[STUDIES], &piece, &done);
}

static bool step_of_patient(struct call *c, int64_t patient_id, struct renewal_done *done)
{
    struct piece piece;
    int64_t after = 0;
    if (db_find_integer(c, &after, "select done_id from study_renewals where patient_id = ?", V(patient_id)) != FOUND ||
        !studies_of_patient(c, patient_id, after, &piece) || !renew_piece(c, &findables[STUDIES], &piece, done))
        return false;
    if (is_last(&piece))
        return db_execute(c, "delete from study_renewals where patient_id = ?", V(patient_id));
    return db_execute(c, "update study_renewals set done_id = ? where patient_id = ?", V(piece.ids[piece.count - 1]),
                      V(patient_id));
}

static bool step_of_all(struct call *c, const struct findable *of, int64_t after, struct renewal_done *done)
{
    struct cursor rows;
    struct piece piece;
    db_rows(c, &rows, of->after, V(after), V(RENEWAL_PIECE));
    if (!take_piece(&rows, &piece) || !renew_piece(c, of, &piece, done))
        return false;
    struct value upto = is_last(&piece) ? (struct value){ .type = VALUE_NOTHING } : V(piece.ids[piece.count - 1]);
    return db_execute(c, "update search_rebuilds set done_id = ? where name = ?", upto, V(str_from(of->name)));
}

/* Who changed a name waits for it: patients' studies come first. */
static bool step(struct call *c, void *context)
{
    struct renewal_done *done = context;
    int64_t at = 0;
    *done = (struct renewal_done){ .any = true };
    enum found found =
        db_find_locked(c, &at, "select patient_id from study_renewals where patient_id > ? order by patient_id limit 1",
                       V(INT64_C(0)));
    if (found == FOUND)
        return step_of_patient(c, at, done);
    const struct findable *of;
    for (int i = 0; (of = findable_at(c, i)) && found == NONE; i++) {
        found = db_find_locked(c, &at, "select done_id from search_rebuilds where name = ? and done_id is not null",
                               V(str_from(of->name)));
        if (found == FOUND)
            return step_of_all(c, of, at, done);
    }
    done->any = false;
    return found == NONE;
}

bool renewal_step(struct call *c, struct renewal_done *out)
{
    return db_transact(c, step, out);
}

/* ---- how far ---- */

static bool last_of(struct call *c, const struct findable *of, int64_t *id)
{
    return db_find_integer(c, id, of->last) == FOUND;
}

/* Where nothing was filed yet there is nothing to make anew. */
static bool begin_all(struct call *c, const struct findable *of)
{
    int64_t version = 0, last = 0;
    enum found found =
        db_find_locked(c, &version, "select version from search_rebuilds where name = ?", V(str_from(of->name)));
    if (found != FOUND || version >= SEARCH_VERSION)
        return found != FAILED;
    if (!last_of(c, of, &last))
        return false;
    struct value upto = last ? V(INT64_C(0)) : (struct value){ .type = VALUE_NOTHING };
    return db_execute(c, "update search_rebuilds set version = ?, done_id = ? where name = ?", V(SEARCH_VERSION), upto,
                      V(str_from(of->name)));
}

static bool begin(struct call *c, void *unused)
{
    int64_t left = 0;
    (void)unused;
    const struct findable *of;
    for (int i = 0; (of = findable_at(c, i)); i++)
        if (!begin_all(c, of))
            return false;
    return renewal_left(c, &left) && (!left || renewal_put(c));
}

bool renewal_begin(struct call *c)
{
    return db_transact(c, begin, NULL);
}

bool renewal_left(struct call *c, int64_t *records)
{
    int64_t left = 0, done = 0, last = 0;
    if (db_find_integer(c, &left, "select count(*) from study_renewals") == FAILED)
        return false;
    const struct findable *of;
    for (int i = 0; (of = findable_at(c, i)); i++) {
        enum found due =
            db_find_integer(c, &done, "select done_id from search_rebuilds where name = ? and done_id is not null",
                            V(str_from(of->name)));
        if (due == FAILED || (due == FOUND && !last_of(c, of, &last)))
            return false;
        left += due == FOUND ? last - done + 1 : 0;
    }
    *records = left;
    return true;
}
