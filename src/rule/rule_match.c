/* rule_match.c - does a rule mean this image, and does what it names admit it? */
#include "rule/rule.h"

#include "base/folding.h"
#include "base/zone.h"
#include "imaging/image.h"
#include "records/modality.h"
#include "records/visibility.h"

#include <stdlib.h>

/* ---- images as rules look at them ---- */

/* Documents of a study (PS3.4 B.5: SR, key objects, encapsulated ones) are no images. */
#define IS_NO_DOCUMENT \
    "(f.sop_class_uid is null or (f.sop_class_uid not like '1.2.840.10008.5.1.4.1.1.88.%' and " \
    "f.sop_class_uid not like '1.2.840.10008.5.1.4.1.1.104.%')) "
#define CANDIDATE \
    "select f.id, f.study_id, f.uploaded_by, f.modality, f.body_part, f.description, s.description, p.birth_date, " \
    "f.file_type, f.original_filename, " \
    "coalesce(f.study_date, s.study_date) from image_files f left join studies s on s.id = f.study_id " \
    "left join patients p on p.id = f.patient_id where " IN_SIGHT( \
        "f") " and f.status in ('UPLOADED', 'PROCESSED', 'ARCHIVED') and " \
             "(f.sop_instance_uid is null or f.is_instance = 1) and " IS_NO_DOCUMENT "and "

static int64_t age_of(struct str birth, struct str day)
{
    struct date born, then = zone_today();
    if (!birth.len || !date_parse(birth, &born) || (day.len && !date_parse(day, &then)))
        return INTEGER_NULL;
    int years = date_age_years(born, then);
    return years < 0 ? INTEGER_NULL : years;
}

static struct str text_of(struct call *c, struct cursor *rows, int column)
{
    return arena_copy(&c->arena, cursor_text(rows, column));
}

static void read_candidate(struct call *c, struct cursor *rows, struct candidate *out)
{
    *out = (struct candidate){ .id = cursor_integer(rows, 0),
                               .study_id = cursor_integer(rows, 1),
                               .uploaded_by = cursor_integer(rows, 2),
                               .modality = text_of(c, rows, 3),
                               .body_part = text_of(c, rows, 4),
                               .description = text_of(c, rows, 5),
                               .study_description = text_of(c, rows, 6),
                               .age_years = age_of(cursor_text(rows, 7), cursor_text(rows, 10)) };
    out->is_for_programs =
        out->study_id > 0 && str_equal(cursor_text(rows, 8), S("DICOM")) && !program_left(cursor_text(rows, 9));
}

bool candidates_of(struct call *c, int64_t study_id, int64_t image_file_id, struct list *out)
{
    struct cursor rows;
    struct candidate *items = arena_array(&c->arena, struct candidate, CANDIDATES_MAX);
    *out = (struct list){ items, 0 };
    bool of_study = study_id > 0;
    for (db_rows(c, &rows, of_study ? CANDIDATE "f.study_id = ? order by f.id limit 4001" : CANDIDATE "f.id = ?",
                 V(of_study ? study_id : image_file_id));
         out->count < CANDIDATES_MAX && cursor_next(&rows);)
        read_candidate(c, &rows, &items[out->count++]);
    return cursor_close(&rows);
}

/* A file that cannot be read says nothing of itself. */
static bool read_header(struct call *c, struct candidate *candidate)
{
    struct image_file file;
    struct image image;
    if (candidate->header_read)
        return true;
    candidate->header_read = true;
    enum found found = db_find(c, &image_file_schema, &file, "where f.id = ? and " IN_SIGHT("f"), V(candidate->id));
    db_release(c);
    if (found != FOUND)
        return found == NONE;
    if (!image_open(c, &file, &image)) {
        bool is_its_own = c->error.code == E_INVALID || c->error.code == E_UNSUPPORTED_TYPE;
        if (is_its_own)
            error_clear(&c->error);
        return is_its_own;
    }
    if (image.dicom) {
        candidate->view =
            arena_copy(&c->arena, dicom_text_first(image.dicom->root, 0x00185101 /* View Position */, &c->arena));
        candidate->station =
            arena_copy(&c->arena, dicom_text_first(image.dicom->root, 0x00081010 /* Station Name */, &c->arena));
    }
    return image_close(c, &image);
}

/* ---- matching ---- */

static bool one_of(const struct texts *names, struct str text)
{
    for (ptrdiff_t i = 0; i < names->count; i++)
        if (str_equal_fold(names->items[i], text))
            return true;
    return names->count == 0;
}

static bool is_made_by(const struct texts *modalities, struct str modality)
{
    for (ptrdiff_t i = 0; i < modalities->count; i++)
        if (modality_suits(modality, modalities->items[i]))
            return true;
    return modalities->count == 0;
}

static bool by_one_of(const struct integers *accounts, int64_t account)
{
    for (ptrdiff_t i = 0; i < accounts->count; i++)
        if (accounts->items[i] == account)
            return true;
    return accounts->count == 0;
}

static bool contains(struct call *c, struct str text, struct str part)
{
    struct str where = folding_search(text, &c->arena), what = folding_search(part, &c->arena);
    for (ptrdiff_t i = 0; i + what.len <= where.len; i++)
        if (str_equal_fold(str_slice(where, i, i + what.len), what)) /* capitals of ASCII are left by the folding */
            return true;
    return false;
}

static bool is_of_age(const struct rule *rule, int64_t years)
{
    if (rule->age_min == INTEGER_NULL && rule->age_max == INTEGER_NULL)
        return true;
    return years != INTEGER_NULL && (rule->age_min == INTEGER_NULL || years >= rule->age_min) &&
           (rule->age_max == INTEGER_NULL || years <= rule->age_max);
}

static bool rule_matches(struct call *c, const struct rule *rule, struct candidate *candidate, bool *matches)
{
    *matches = is_made_by(&rule->modality, candidate->modality) && one_of(&rule->body_part, candidate->body_part) &&
               by_one_of(&rule->uploaded_by, candidate->uploaded_by) && is_of_age(rule, candidate->age_years) &&
               (!rule->description_contains.len || contains(c, candidate->description, rule->description_contains) ||
                contains(c, candidate->study_description, rule->description_contains));
    if (!*matches || (!rule->view.count && !rule->station.count))
        return true;
    if (!read_header(c, candidate))
        return false;
    *matches = one_of(&rule->view, candidate->view) && one_of(&rule->station, candidate->station);
    return true;
}

enum found rule_ready(struct call *c, const struct rule *rule, struct ready *out)
{
    *out = (struct ready){ .rule = *rule };
    if (rule->program.len) {
        out->program = program_named(c->app, rule->program);
        return out->program ? FOUND : NONE;
    }
    if (!model_load(c, rule->model_id, &out->model) || !card_read(c, out->model.card.text, &out->card))
        return FAILED;
    return out->model.state == MODEL_ACTIVE || out->model.state == MODEL_SHADOW ? FOUND : NONE;
}

bool rule_takes(struct call *c, const struct ready *ready, struct candidate *candidate, bool *takes)
{
    struct gate_subject subject = { candidate->modality, candidate->body_part, STR_NULL, INTEGER_NULL };
    struct gate_reason reason;
    bool matches;
    if (!rule_matches(c, &ready->rule, candidate, &matches))
        return false;
    *takes = matches && (ready->program ? candidate->is_for_programs &&
                                              program_takes(ready->program, candidate->modality, candidate->body_part)
                                        : gate_header(c, &ready->card, &subject, &reason));
    return true;
}

/* ---- what it would have asked ---- */

static bool is_first_of_study(const struct candidate *at, ptrdiff_t index)
{
    return at[index].study_id <= 0 || index == 0 || at[index - 1].study_id != at[index].study_id;
}

static bool lately(struct call *c, int64_t days, struct list *out, bool *cut)
{
    struct cursor rows;
    struct instant since = { clock_now().us - days * 86400 * 1000000 };
    struct candidate *items = arena_array(&c->arena, struct candidate, TRIAL_IMAGES_MAX);
    *out = (struct list){ items, 0 };
    *cut = false;
    for (db_rows(c, &rows, CANDIDATE "f.created_at >= ? and " VISIBLE_FILE " order by f.created_at desc limit 20001",
                 V(since), VISIBLE_FILE_TO(c));
         cursor_next(&rows);) {
        *cut = out->count == TRIAL_IMAGES_MAX;
        if (!*cut)
            read_candidate(c, &rows, &items[out->count++]);
    }
    return cursor_close(&rows);
}

static int by_study(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->study_id != y->study_id ? (x->study_id > y->study_id) - (x->study_id < y->study_id)
                                      : (x->id > y->id) - (x->id < y->id);
}

bool rule_try(struct call *c, const struct rule *rule, int64_t days, struct rule_trial *out)
{
    struct list images;
    struct ready ready;
    int64_t headers = 0;
    *out = (struct rule_trial){ 0 };
    if (!rule_will_do(c, rule, true) || rule_ready(c, rule, &ready) == FAILED ||
        !lately(c, days, &images, &out->is_cut))
        return false;
    struct candidate *at = images.items;
    if (images.count)
        qsort(at, (size_t)images.count, sizeof(*at), by_study);
    bool is_asked = false; /* has the study that is looked at been counted? */
    for (ptrdiff_t i = 0; i < images.count; i++) {
        bool takes;
        if (is_first_of_study(at, i)) {
            out->studies++;
            is_asked = false;
        }
        out->images++;
        if (headers == TRIAL_HEADERS_MAX) {
            out->is_cut = true;
            break;
        }
        if (!rule_takes(c, &ready, &at[i], &takes))
            return false;
        headers += at[i].header_read;
        if (!takes)
            continue;
        out->images_asked++;
        out->studies_asked += !is_asked;
        is_asked = true;
    }
    return true;
}
