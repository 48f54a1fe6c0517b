/* study_archive.c - a study as one ZIP with a DICOMDIR, to burn on a disc or to open in a viewer (PS3.10 file-set).
 *
 *   DICOMDIR
 *   DICOM/PAT00001/STU00001/SER00001/IM000001 ...
 *
 * The list of files is made first, so the length is known; the bytes of each file are read when its turn comes. */
#include "parcel/study_archive.h"

#include "parcel/dicomdir.h"
#include "parcel/dicomdir_keys.h"
#include "site/app.h"
#include "records/image_file.h"
#include "records/keeping.h"
#include "records/patient.h"
#include "records/study_view.h"
#include "records/visibility.h"
#include "parcel/zip_stream.h"
#include "base/file_view.h"
#include "dicom/encoding.h"
#include "dicom/uid.h"

#include <unistd.h>

enum { ARCHIVE_INSTANCES_MAX = 100000, SERIES_MAX = 10000, TAG_PATIENT_ID = 0x00100020 };

struct packing {
    struct call *c;
    struct study study;
    bool all;          /* files of others, too; else */
    int64_t opened_of; /* beside the caller's own those of this account; 0: of nobody */
    bool documents;    /* and those of reports */
    struct series *series;
    int64_t series_count, files, missing_store;
    int64_t packed;  /* series that have a file in the archive: others leave no gap in the names */
    int64_t damaged; /* a file that cannot be packed as its row says */
    int64_t doubted; /* a file of which something cannot be read that was when it was filed */
    struct zip_stream *zip;
    struct dicomdir dir;
};

/* Name and number as the files have them: our own record has lost the name's component groups. */
static void patient_in_file(struct call *c, const struct image_file *file, struct dicomdir_patient *out)
{
    struct dicom_limits limits = dicom_default_limits;
    struct dicom_object *object = NULL;
    struct error ignored = { 0 };
    struct file_view view;
    int fd;
    int64_t size;
    limits.stop_at = TAG_PATIENT_ID + 1;
    if (str_is_empty(file->storage_path) || !image_file_store(c, file) ||
        !blob_open_read(image_file_store(c, file), file->storage_path, &fd, &size, &ignored))
        return;
    bool ok = file_view_open(&view, fd, size, &ignored);
    close(fd);
    if (!ok)
        return;
    dicom_read(view.bytes, &limits, &c->arena, &object, &ignored);
    struct str name = arena_copy(&c->arena, dicom_text_first(object->root, DICOM_PatientName, &c->arena)),
               number = arena_copy(&c->arena, dicom_text_first(object->root, TAG_PATIENT_ID, &c->arena));
    dicom_object_release(object);
    if (!file_view_close(&view, &ignored))
        return;
    out->name = name;
    out->patient_id = number;
}

static bool begin_directory(struct packing *p)
{
    static const char sexes[] = { 0, 'M', 'F', 'O', 0 };
    struct call *c = p->c;
    struct patient patient;
    struct image_file first;
    struct dicomdir_patient who = { .birth_date = DATE_NULL };
    struct study *told = arena_new(&c->arena, struct study);
    *told = p->study;
    if (!study_veil(c, told) || !patient_load(c, p->study.patient_id, &patient) ||
        db_find(c, &image_file_schema, &first,
                "where f.study_id = ? and f.is_deleted = 0 and (f.is_instance = 1 or (? = 0 and f.is_apart = 1)) and "
                "(? = 1 or f.uploaded_by = ?) limit 1",
                V(p->study.id), V(p->all), V(p->all), V(call_user(c))) == FAILED)
        return false;
    patient_in_file(c, &first, &who);
    if (visibility_of_patients(c))
        who = (struct dicomdir_patient){ .name = who.name.len ? who.name : patient.name,
                                         .patient_id = patient.patient_id,
                                         .issuer = patient.issuer_of_patient_id,
                                         .birth_date = patient.birth_date,
                                         .sex = sexes[patient.gender] };
    dicomdir_begin(&p->dir, uid_make(&c->arena), &who, told);
    return true;
}

/* As lists have them: by number, those without one last. */
static int by_number(const void *a, const void *b)
{
    const struct series *x = a, *y = b;
    bool numbered[] = { x->series_number != INTEGER_NULL, y->series_number != INTEGER_NULL };
    if (numbered[0] != numbered[1])
        return numbered[0] ? -1 : 1;
    if (numbered[0] && x->series_number != y->series_number)
        return x->series_number < y->series_number ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool load_series(struct packing *p)
{
    struct call *c = p->c;
    struct cursor rows;
    p->series = arena_array(&c->arena, struct series, p->study.number_of_series + 1);
    for (db_rows(c, &rows,
                 "select x.id, x.series_uid, x.series_number, x.modality, x.description, x.series_number is null, "
                 "x.created_by from series x where x.study_id = ? and x.deleted_at is null and x.number_of_instances "
                 "> 0 order by x.sort_number, x.id limit 10000",
                 V(p->study.id));
         p->series_count <= p->study.number_of_series && cursor_next(&rows);) {
        struct series *s = &p->series[p->series_count++];
        schema_clear(&series_schema, s);
        s->id = cursor_integer(&rows, 0);
        s->series_uid = arena_copy(&c->arena, cursor_text(&rows, 1));
        s->series_number = cursor_integer(&rows, 5) ? INTEGER_NULL : cursor_integer(&rows, 2);
        s->modality = arena_copy(&c->arena, cursor_text(&rows, 3));
        s->description = arena_copy(&c->arena, cursor_text(&rows, 4));
        s->created_by = cursor_integer(&rows, 6);
    }
    if (!cursor_close(&rows))
        return false;
    for (int64_t i = 0; !p->all && i < p->series_count; i++)
        if (!series_take_view(c, &p->series[i]))
            return false;
    if (!p->all)
        qsort(p->series, (size_t)p->series_count, sizeof(*p->series), by_number);
    return true;
}

/* As far as a look tells: the ZIP states sizes before it has read the files. */
static bool is_whole(struct blob_store *store, struct cursor *rows)
{
    struct error ignored = { 0 };
    int fd;
    int64_t size;
    if (str_equal(cursor_text(rows, 8), str_from(file_damages[DAMAGE_CONTENT - 1])) ||
        !blob_open_read(store, cursor_text(rows, 0), &fd, &size, &ignored))
        return false;
    close(fd);
    return size == cursor_integer(rows, 2);
}

/* The record of one file. Images need no look into it; of others, what the keys of their records want is read, one
 * file at a time. */
static bool put_record(struct packing *p, struct dicomdir_file *entry, struct blob_store *store, struct str path,
                       int64_t id)
{
    struct error ignored = { 0 };
    struct dicom_limits limits = dicom_default_limits;
    struct dicom_object *object = NULL;
    struct file_view view;
    int fd;
    int64_t size;
    limits.stop_at = dicomdir_keys_end(dicomdir_record_of(entry->sop_class_uid));
    bool open = limits.stop_at && blob_open_read(store, path, &fd, &size, &ignored);
    if (open) {
        open = file_view_open(&view, fd, size, &ignored);
        close(fd);
    }
    if (!open) {
        dicomdir_file(&p->dir, entry);
        return !limits.stop_at;
    }
    struct arena arena;
    struct str used;
    arena_init(&arena);
    if (!dicom_read(view.bytes, &limits, &arena, &object, &ignored))
        p->doubted = id;
    dicom_settle_encoding(object, p->c->app->config.dicom_charset, &arena, &used);
    entry->content = object->root;
    entry->arena = &arena;
    dicomdir_file(&p->dir, entry);
    entry->content = NULL;
    entry->arena = NULL;
    dicom_object_release(object);
    arena_release(&arena);
    return file_view_close(&view, &ignored);
}

static void pack_file(struct packing *p, struct cursor *rows, int64_t number)
{
    char id[DICOMDIR_FILE_ID_MAX], path[DICOMDIR_FILE_ID_MAX];
    int len = snprintf(id, sizeof(id), "DICOM\\PAT00001\\STU00001\\SER%05d\\IM%06d", (int)p->packed, (int)number);
    for (int i = 0; i <= len; i++)
        path[i] = id[i] == '\\' ? '/' : id[i];
    struct image_file file;
    file.is_archived = cursor_integer(rows, 1) != 0;
    struct blob_store *store = image_file_store(p->c, &file);
    struct dicomdir_file entry = { { id, len },
                                   cursor_text(rows, 3),
                                   cursor_text(rows, 4),
                                   cursor_text(rows, 5),
                                   cursor_integer(rows, 7) ? INTEGER_NULL : cursor_integer(rows, 6),
                                   NULL,
                                   NULL };
    p->missing_store += !store;
    if (!store)
        return;
    if (!is_whole(store, rows) || !put_record(p, &entry, store, cursor_text(rows, 0), cursor_integer(rows, 9)))
        p->damaged = cursor_integer(rows, 9);
    zip_stream_add_file(p->zip, str_from(path), store, cursor_text(rows, 0), cursor_integer(rows, 2));
}

#define PACKED \
    "select f.storage_path, f.is_archived, f.file_size, f.sop_class_uid, f.sop_instance_uid, f.transfer_syntax_uid, " \
    "f.instance_number, f.instance_number is null, f.damage, f.id from image_files f where f.series_id = ? and " \
    "f.is_deleted = 0 and "
#define IN_ORDER " order by f.sort_number, f.id limit 100001"
static bool pack_series(struct packing *p, int64_t index)
{
    struct call *c = p->c;
    struct cursor rows;
    int64_t number = 0;
    if (p->all)
        db_rows(c, &rows, PACKED "f.is_instance = 1 and f.is_report <= ?" IN_ORDER, V(p->series[index].id),
                V(p->documents));
    else
        db_rows(c, &rows,
                PACKED VISIBLE_OWN_INSTANCE " and (f.uploaded_by in (?, ?) or (f.is_report = 1 and ? = 1))" IN_ORDER,
                V(p->series[index].id), V(call_user(c)), V(p->opened_of ? p->opened_of : call_user(c)),
                V(p->documents));
    while (p->files <= ARCHIVE_INSTANCES_MAX && cursor_next(&rows)) {
        if (!number) {
            dicomdir_series(&p->dir, &p->series[index]);
            p->packed++;
        }
        pack_file(p, &rows, ++number);
        p->files++;
    }
    return cursor_close(&rows);
}

/* As a download of it would. */
static bool say_damaged(struct packing *p)
{
    struct image_file file;
    int fd;
    int64_t size;
    if (!image_file_load(p->c, p->damaged, &file) || !image_file_open(p->c, &file, &fd, &size))
        return false;
    close(fd);
    return fail(p->c, E_UNAVAILABLE, "a file of the study was just being moved: ask again");
}

/* The doubtful file is what it was when it came: its record is made of what can be read. */
static bool is_beyond_doubt(struct packing *p)
{
    struct image_file file;
    int fd;
    int64_t size;
    if (!image_file_load(p->c, p->doubted, &file) || !image_file_open(p->c, &file, &fd, &size))
        return false;
    bool ok = keeping_is_as_stored(p->c, &file, fd);
    close(fd);
    return ok;
}

static bool pack(struct packing *p)
{
    struct call *c = p->c;
    bool ok = load_series(p);
    for (int64_t i = 0; ok && i < p->series_count; i++)
        ok = pack_series(p, i);
    if (!ok)
        return false;
    if (p->files > ARCHIVE_INSTANCES_MAX || p->series_count > SERIES_MAX)
        return fail(c, E_CONFLICT, "the study has more than %d instances: fetch its files one by one",
                    ARCHIVE_INSTANCES_MAX);
    if (p->missing_store)
        return fail(c, E_UNAVAILABLE, "the archive that holds some of its files is not configured now");
    if (p->damaged)
        return say_damaged(p);
    if (p->doubted && !is_beyond_doubt(p))
        return false;
    if (!p->files)
        return fail(c, E_CONFLICT, "the study has no files that you may see");
    struct str directory = dicomdir_end(&p->dir);
    if (!directory.at)
        return fail(c, E_CONFLICT, "the study's directory is too large");
    zip_stream_add_bytes(p->zip, S("DICOMDIR"), directory);
    return true;
}

struct zip_stream *study_archive_pack(struct call *c, int64_t study_id)
{
    struct packing p = { .c = c };
    if (!study_load(c, study_id, &p.study) || !visibility_of_study_files(c, study_id, &p.all) ||
        !visibility_opened_of(c, study_id, &p.opened_of) || !visibility_of_documents(c, study_id, &p.documents) ||
        !begin_directory(&p))
        return NULL;
    p.zip = zip_stream_new(clock_now());
    bool ok = pack(&p);
    dicomdir_release(&p.dir);
    if (ok)
        return p.zip;
    zip_stream_free(p.zip);
    return NULL;
}
