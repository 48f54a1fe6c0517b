/* filing_text.c - which character set a file's text is in by the settings, and how records are mended that were
 * filled in another. */
#include "records/filing.h"

#include "site/app.h"
#include "records/renewal.h"
#include "records/study_view.h"
#include "dicom/encoding.h"

enum { TAG_SOURCE_TITLE = 0x00020016 };

/* ---- the settings ---- */

static bool is_known(struct str charset)
{
    struct dicom_charset parsed;
    dicom_charset_init(&parsed, charset);
    return parsed.known;
}

/* The next NAME=SET of the list; false: there is none. */
static bool next_source(struct str *list, struct str *name, struct str *charset)
{
    for (struct str entry; str_next(list, ',', &entry);) {
        if (!str_trim(entry).len)
            continue;
        str_cut(entry, '=', name, charset);
        *name = str_trim(*name);
        *charset = str_trim(*charset);
        return true;
    }
    return false;
}

bool filing_check_charsets(const struct config *config, struct error *error)
{
    struct str list = config->dicom_charsets, name, charset;
    if (config->dicom_charset.len && !is_known(config->dicom_charset))
        return error_set(error, E_INVALID, "DICOM_CHARSET: %.*s is no character set that is known",
                         STR_FMT(config->dicom_charset));
    while (next_source(&list, &name, &charset))
        if (!name.len || !charset.len || !is_known(charset))
            return error_set(error, E_INVALID,
                             "DICOM_CHARSETS: %.*s=%.*s is not NAME=SET with a character set that is known",
                             STR_FMT(name), STR_FMT(charset));
    return true;
}

static struct str charset_of(struct str list, struct str source)
{
    struct str name, charset;
    while (source.len && next_source(&list, &name, &charset))
        if (str_equal_fold(name, source))
            return charset;
    return STR_NULL;
}

static struct str username(struct call *c, int64_t id)
{
    struct cursor rows;
    struct str name = STR_NULL;
    db_rows(c, &rows, "select username from users where id = ?", V(id));
    if (cursor_next(&rows))
        name = arena_copy(&c->arena, cursor_text(&rows, 0));
    cursor_close(&rows);
    return name;
}

void filing_settle_text(struct call *c, int64_t sender, struct dicom_object *object, struct str *used)
{
    const struct config *config = &c->app->config;
    struct str charset = STR_NULL;
    *used = STR_NULL;
    if (!dicom_has_foreign_text(object))
        return;
    if (config->dicom_charsets.len) {
        charset = charset_of(config->dicom_charsets, username(c, sender));
        if (!charset.len)
            charset = charset_of(config->dicom_charsets, dicom_text_first(object->meta, TAG_SOURCE_TITLE, &c->arena));
    }
    if (!charset.len)
        charset = config->dicom_charset;
    dicom_settle_encoding(object, charset, &c->arena, used);
}

/* ---- mending ---- */

/* Of the named text members, those that say what the file said before, and not what it says now. */
static uint64_t mend(const struct schema *schema, const char *const *names, const void *before, const void *now,
                     void *record)
{
    uint64_t mask = 0;
    for (; *names; names++) {
        int index = schema_find(schema, str_from(*names));
        size_t offset = schema->fields[index].offset;
        struct str was = *(const struct str *)((const char *)before + offset),
                   is = *(const struct str *)((const char *)now + offset), *member = (void *)((char *)record + offset);
        if (!is.len || str_equal(was, is) || !str_equal(was, *member))
            continue;
        *member = is;
        mask |= GIVEN(index);
    }
    return mask;
}

/* A record from before readings were kept has none; the same person's file tells it. */
static uint64_t add_reading(const struct patient *said, struct patient *known)
{
    if (known->name_phonetic.len || !said->name_phonetic.len || !str_equal(said->name, known->name))
        return 0;
    known->name_phonetic = said->name_phonetic;
    return GIVEN(schema_find(&patient_schema, S("name_phonetic")));
}

static bool mend_patient(struct call *c, const struct filing *before, const struct filing *now, int64_t id)
{
    static const char *const names[] = { "name", "name_en", "name_phonetic", NULL };
    struct patient patient;
    if (!filing_load_patient(c, id, &patient))
        return false;
    uint64_t mask = patient.id ? mend(&patient_schema, names, &before->patient, &now->patient, &patient) : 0;
    if (patient.id)
        mask |= add_reading(&now->patient, &patient);
    return !mask || (db_update(c, &patient_schema, &patient, mask, "where id = ?", V(id)) &&
                     patient_index(c, &patient) && renewal_of_patient(c, id));
}

/* The words of a study and of a series are those of the account whose file made them; what others' files said is in
 * their views. */
static bool mend_view(struct call *c, const struct schema *schema, const char *const *names, const void *before,
                      const void *now, void *view, int64_t id, int64_t by)
{
    enum found found = db_find(c, schema, view, "where v.id = ? and v.created_by = ?", V(id), V(by));
    if (found != FOUND)
        return found == NONE;
    uint64_t mask = mend(schema, names, before, now, view);
    return !mask || db_update(c, schema, view, mask, "where id = ? and created_by = ?", V(id), V(by));
}

static bool mend_study(struct call *c, const struct filing *before, const struct filing *now,
                       const struct image_file *row)
{
    static const char *const names[] = { "accession_number", "study_number", "description", "referring_physician",
                                         NULL };
    struct study study;
    int64_t id = row->study_id, by = row->uploaded_by;
    if (id <= 0)
        return true;
    enum found found = db_find(c, &study_schema, &study, "where s.id = ? and s.is_deleted = 0", V(id));
    if (found != FOUND)
        return found == NONE;
    if (study.created_by != by)
        return mend_view(c, &study_view_schema, names, &before->study, &now->study, &study, id, by);
    uint64_t mask = mend(&study_schema, names, &before->study, &now->study, &study);
    return !mask || (db_update(c, &study_schema, &study, mask, "where id = ?", V(id)) && study_index(c, &study, NULL));
}

static bool mend_series(struct call *c, const struct filing *before, const struct filing *now,
                        const struct image_file *row)
{
    static const char *const names[] = { "description", "protocol_name", "manufacturer", "institution_name", NULL };
    struct series series;
    int64_t id = row->series_id, by = row->uploaded_by;
    if (id <= 0)
        return true;
    enum found found = db_find(c, &series_schema, &series, "where id = ? and deleted_at is null", V(id));
    if (found != FOUND)
        return found == NONE;
    if (series.created_by != by)
        return mend_view(c, &series_view_schema, names, &before->series, &now->series, &series, id, by);
    uint64_t mask = mend(&series_schema, names, &before->series, &now->series, &series);
    return !mask || db_update(c, &series_schema, &series, mask, "where id = ?", V(id));
}

bool filing_mend_text(struct call *c, const struct filing *before, const struct filing *now, struct image_file *row)
{
    const struct filing *said[] = { before, now };
    struct str descriptions[2];
    for (int i = 0; i < 2; i++)
        descriptions[i] = said[i]->series.description.len ? said[i]->series.description : said[i]->study.description;
    if (descriptions[1].len && str_equal(row->description, descriptions[0]))
        row->description = descriptions[1];
    return mend_patient(c, before, now, row->patient_id) && mend_study(c, before, now, row) &&
           mend_series(c, before, now, row);
}
