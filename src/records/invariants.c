/* invariants.c - the table, and the walk. Every join goes by an index; the whole costs about as much as reading each
 * row once. */
#include "records/invariants.h"

#include "jobs/jobs.h"
#include "records/image_file.h"
#include "records/study.h"
#include "base/text.h"

/* A search table's key is `rowid` on SQLite and `id` on MySQL. */
#define IN_SIGHT_WITHOUT_WORDS(TABLE, SEARCH, KEY, WORDS) \
    "select '" TABLE "', t.id from " TABLE " t where t.deleted_at is null and " WORDS \
    " and not exists (select 1 from " SEARCH " w where w." KEY " = t.id)"
#define WORDS_OF_NOTHING(TABLE, SEARCH, KEY) \
    "select '" SEARCH "', w." KEY " from " SEARCH " w where not exists (select 1 from " TABLE " t where t.id = w." KEY \
    ")"

/* What follows a patient or a study that is deleted is counted nowhere, and its own row may not say yet that it is
 * deleted (trash_work.h). */
#define FOLLOWS(F) \
    "exists (select 1 from trash_work w where w.patient_id = " F ".patient_id or w.study_id = " F ".study_id)"

const struct invariant invariants[] = {
    /* ---- everything is where its parent is ---- */
    { "patient_of_file", "a file whose patient is not its study's",
      "select 'image_files', f.id from image_files f join studies s on s.id = f.study_id "
      "where f.patient_id is null or f.patient_id <> s.patient_id" },
    { "series_of_file", "a file whose series is not of its study",
      "select 'image_files', f.id from image_files f join series x on x.id = f.series_id "
      "where f.study_id is null or f.study_id <> x.study_id" },
    { "place_of_instance", "an instance without patient, study or series",
      "select 'image_files', f.id from image_files f where f.is_instance = 1 "
      "and (f.patient_id is null or f.study_id is null or f.series_id is null or f.sop_instance_uid is null)" },
    { "merged_and_alive", "a merged patient that is not deleted",
      "select 'patients', p.id from patients p where p.merged_into is not null and p.deleted_at is null" },
    { "study_of_merged", "a study of a patient that was merged into another",
      "select 'studies', s.id from studies s join patients p on p.id = s.patient_id where p.merged_into is not null" },
    { "file_of_merged", "a file of a patient that was merged into another",
      "select 'image_files', f.id from image_files f join patients p on p.id = f.patient_id "
      "where p.merged_into is not null" },
    /* ---- nothing is alive in something deleted ---- */
    { "alive_of_deleted_patient", "a file that is not deleted, of a deleted patient",
      "select 'image_files', f.id from image_files f join patients p on p.id = f.patient_id "
      "where f.deleted_at is null and p.deleted_at is not null and not " FOLLOWS("f") },
    { "study_of_deleted_patient", "a study that is not deleted, of a deleted patient",
      "select 'studies', s.id from studies s join patients p on p.id = s.patient_id "
      "where s.deleted_at is null and p.deleted_at is not null" },
    { "alive_in_deleted_study", "a file that is not deleted, in a deleted study",
      "select 'image_files', f.id from image_files f join studies s on s.id = f.study_id "
      "where f.deleted_at is null and s.deleted_at is not null and not " FOLLOWS("f") },
    { "alive_in_deleted_series", "a file that is not deleted, in a deleted series",
      "select 'image_files', f.id from image_files f join series x on x.id = f.series_id "
      "where f.deleted_at is null and x.deleted_at is not null and not " FOLLOWS("f") },
    { "series_in_deleted_study", "a series that is not deleted, in a deleted study",
      "select 'series', x.id from series x join studies s on s.id = x.study_id "
      "where x.deleted_at is null and s.deleted_at is not null" },
    /* ---- each number once ---- */
    { "patient_number_once", "a patient whose number another one has",
      "select 'patients', max(p.id) from patients p where p.deleted_at is null "
      "group by p.patient_id, coalesce(p.issuer_of_patient_id, '') having count(*) > 1" },
    { "study_uid_once", "a study whose UID another one of the same claim has",
      "select 'studies', max(s.id) from studies s where s.deleted_at is null group by s.study_uid, s.claim having "
      "count(*) > 1" },
    { "series_uid_once", "a series whose UID another one of its study has",
      "select 'series', max(x.id) from series x where x.deleted_at is null group by x.study_id, x.series_uid "
      "having count(*) > 1" },
    { "instance_uid_once", "an instance whose UID another one of its series has",
      "select 'image_files', max(f.id) from image_files f where f.deleted_at is null and f.is_instance = 1 "
      "group by f.series_id, f.sop_instance_uid having count(*) > 1" },
    /* ---- rows and stored names ---- */
    { "name_of_file", "a file without a stored name that is not being uploaded",
      "select 'image_files', f.id from image_files f where f.storage_path is null and f.status <> 'UPLOADING'" },
    { "name_too_early", "a file with a stored name that is still being uploaded",
      "select 'image_files', f.id from image_files f where f.storage_path is not null and f.status = 'UPLOADING'" },
    { "bytes_of_name", "a stored name for which rows promise different bytes, or different stores",
      "select 'image_files', max(f.id) from image_files f where f.storage_path is not null group by f.storage_path "
      "having min(f.sha256) <> max(f.sha256) or min(f.file_size) <> max(f.file_size) "
      "or min(f.is_archived) <> max(f.is_archived)" },
    { "bytes_of_duplicate", "a duplicate with other bytes than the file it names",
      "select 'image_files', f.id from image_files f join image_files o on o.id = f.duplicate_of "
      "where f.sha256 <> o.sha256" },
    { "chunks_of_nothing", "a file with chunks that is not being uploaded",
      "select distinct 'image_files', f.id from upload_chunks k join image_files f on f.id = k.image_file_id "
      "where f.status <> 'UPLOADING'" },
    /* ---- counts kept by triggers ---- */
    { "count_of_patient", "a patient whose count of files is wrong",
      "select 'patients', p.id from patients p where p.image_count <> "
      "(select count(*) from image_files f where f.patient_id = p.id and f.deleted_at is null and not " FOLLOWS(
          "f") ")" },
    { "uploads_of_patient", "a patient whose count of files by an account is wrong",
      "select 'patients', p.id from patients p where p.image_count <> "
      "(select coalesce(sum(k.files), 0) from patient_uploads k where k.patient_id = p.id)" },
    { "files_of_view", "a view of a study whose count of files is wrong",
      "select 'study_views', v.id from study_views v where v.files <> (select count(*) from image_files f where "
      "f.study_id = v.id and f.uploaded_by = v.created_by and f.deleted_at is null)" },
    { "view_of_file", "a file in a study that its uploader neither registered nor has a view of",
      "select 'image_files', f.id from image_files f join studies s on s.id = f.study_id where f.deleted_at is null "
      "and f.uploaded_by <> s.created_by and not exists (select 1 from study_views v where v.id = s.id and "
      "v.created_by = f.uploaded_by)" },
    { "count_of_study", "a study whose count of instances or bytes is wrong",
      "select 'studies', s.id from studies s left join (select study_id, count(*) as n, sum(file_size) as b "
      "from image_files where is_instance = 1 and deleted_at is null group by study_id) f on f.study_id = s.id "
      "where s.number_of_instances <> coalesce(f.n, 0) or s.size_bytes <> coalesce(f.b, 0)" },
    { "count_of_series", "a series whose count of instances or bytes is wrong",
      "select 'series', x.id from series x left join (select series_id, count(*) as n, sum(file_size) as b "
      "from image_files where is_instance = 1 and deleted_at is null group by series_id) f on f.series_id = x.id "
      "where x.number_of_instances <> coalesce(f.n, 0) or x.size_bytes <> coalesce(f.b, 0)" },
    { "series_of_study", "a study whose count of series is wrong",
      "select 'studies', s.id from studies s where s.number_of_series <> "
      "(select count(*) from series x where x.study_id = s.id and x.number_of_instances > 0)" },
    { "count_of_owner", "an account whose count of files or bytes is wrong",
      "select 'users', t.uploaded_by from image_file_totals t where t.uploaded_by <> 0 and (t.files <> "
      "(select count(*) from image_files f where f.uploaded_by = t.uploaded_by and f.deleted_at is null and "
      "not " FOLLOWS(
          "f") ") "
               "or t.bytes <> (select coalesce(sum(f.file_size), 0) from image_files f where f.uploaded_by = "
               "t.uploaded_by and f.deleted_at is null and not " FOLLOWS("f") "))" },
    { "follows_what_is_there", "something that is on its way to the trash and is not deleted",
      "select 'trash_work', w.id from trash_work w left join patients p on p.id = w.patient_id "
      "left join studies s on s.id = w.study_id where p.deleted_at is null and s.deleted_at is null" },
    { "count_of_rows", "a total of patients, studies or series that is wrong",
      "select 'row_counts', r.n from row_counts r where (r.name = 'patients' and r.n <> "
      "(select count(*) from patients where deleted_at is null)) or (r.name = 'studies' and r.n <> "
      "(select count(*) from studies where deleted_at is null)) or (r.name = 'series' and r.n <> "
      "(select count(*) from series where deleted_at is null))" },
    /* ---- what is in sight can be found, and nothing else ---- */
    { "words_of_patient", "a patient who is not in the search index",
      IN_SIGHT_WITHOUT_WORDS("patients", "patient_search", "rowid", "true"),
      IN_SIGHT_WITHOUT_WORDS("patients", "patient_search", "id", "true") },
    { "words_of_study", "a study with an accession number that is not in the search index",
      IN_SIGHT_WITHOUT_WORDS("studies", "study_search", "rowid", "t.accession_number <> ''"),
      IN_SIGHT_WITHOUT_WORDS("studies", "study_search", "id", "t.accession_number <> ''") },
    { "words_of_file", "a file that is not in the search index",
      IN_SIGHT_WITHOUT_WORDS("image_files", "image_file_search", "rowid", "trim(t.original_filename) <> ''"),
      IN_SIGHT_WITHOUT_WORDS("image_files", "image_file_search", "id", "trim(t.original_filename) <> ''") },
    { "words_of_no_patient", "words of a patient who is not there",
      WORDS_OF_NOTHING("patients", "patient_search", "rowid"), WORDS_OF_NOTHING("patients", "patient_search", "id") },
    { "words_of_no_study", "words of a study that is not there", WORDS_OF_NOTHING("studies", "study_search", "rowid"),
      WORDS_OF_NOTHING("studies", "study_search", "id") },
    { "words_of_no_file", "words of a file that is not there",
      WORDS_OF_NOTHING("image_files", "image_file_search", "rowid"),
      WORDS_OF_NOTHING("image_files", "image_file_search", "id") },
};
const int invariant_count = (int)(sizeof(invariants) / sizeof(invariants[0]));

/* ---- what this program knows ---- */

/* Each has members with choices. */
static const struct schema *const chosen[] = { &patient_schema, &study_schema, &image_file_schema, &job_schema };

static const struct invariant unknown = {
    .name = "unknown_choice",
    .words = "a row with a value that this version of the program does not know",
};

/* `where` any of the members has a text that is none of its choices. */
static const char *unknown_choices(struct call *c, const struct schema *schema)
{
    struct text sql;
    const char *before = " where";
    text_init(&sql, 1 << 14);
    text_format(&sql, "select '%s', id from %s", schema->table, schema->table);
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (field->kind != &kind_choice || field->flags & NOT_STORED || field->sql)
            continue;
        text_format(&sql, "%s %s not in (", before, field->name); /* never true of null */
        for (int n = 0; field->choices[n]; n++)
            text_format(&sql, "%s'%s'", n ? ", " : "", field->choices[n]);
        text_put(&sql, S(")"));
        before = " or";
    }
    const char *out = arena_cstring(&c->arena, text_str(&sql));
    text_release(&sql);
    return out;
}

bool invariants_check(struct call *c,
                      void (*found)(const struct invariant *broken, struct str table, int64_t id, void *context),
                      void *context)
{
    for (int i = 0; i < invariant_count; i++) {
        const struct invariant *one = &invariants[i];
        struct cursor rows;
        for (db_rows(c, &rows, !db_is_local(c->db) && one->mysql ? one->mysql : one->sql); cursor_next(&rows);)
            found(one, cursor_text(&rows, 0), cursor_integer(&rows, 1), context);
        if (!cursor_close(&rows))
            return false;
    }
    for (size_t i = 0; i < sizeof(chosen) / sizeof(chosen[0]); i++) {
        struct cursor rows;
        for (db_rows(c, &rows, unknown_choices(c, chosen[i])); cursor_next(&rows);)
            found(&unknown, cursor_text(&rows, 0), cursor_integer(&rows, 1), context);
        if (!cursor_close(&rows))
            return false;
    }
    return true;
}
