/* image_file.h - uploaded files: the record, and how its bytes are reached.
 *
 *     struct image_file file;
 *     if (!image_file_load(c, id, &file) || !image_file_open(c, &file, &fd, &size_bytes))
 *         return false;
 *     ... fd is the caller's to close ...
 *
 *     UPLOADING --> UPLOADED <--> ARCHIVED    its bytes are in the archive store (image_file_move.h)
 *         |            |
 *         |            `--> FAILED            kept, but cannot be filed or shown: status_reason says why;
 *         |                                   and back, when it can be after all (filing_again.h)
 *         `-- chunks of it, and no name in the store yet (intake/upload_chunks.h)
 *
 * Rows may share bytes: then they have the same storage_path and SHA-256 (keeping.h). A row with is_instance is the one
 * instance of its series with its SOP Instance UID (filing.h); all others are files and no more.
 *
 * A file that is deleted, or may not be shown to the caller (visibility.h), does not exist: E_NOT_FOUND. E_UNREADABLE:
 * the bytes are not those that were stored (keeping.h), which is the store's damage and never the caller's fault.
 */
#ifndef ROENTGEN_IMAGE_FILE_H
#define ROENTGEN_IMAGE_FILE_H

#include "site/app.h"
#include "raster/raster.h"

struct search_text; /* db/db.h */

enum file_status {
    FILE_STATUS_NONE,
    FILE_UPLOADING,
    FILE_UPLOADED,
    FILE_PROCESSING,
    FILE_PROCESSED,
    FILE_FAILED,
    FILE_ARCHIVED,
    FILE_DELETED,
};
extern const char *const file_statuses[];

/* What is known to be wrong with the stored bytes (keeping.h). */
enum file_damage { DAMAGE_NONE, DAMAGE_MISSING, DAMAGE_SIZE, DAMAGE_CONTENT };
extern const char *const file_damages[];

struct image_file {
    int64_t id;
    struct str file_uuid, original_filename;
    unsigned file_type;
    struct str mime_type, storage_path;
    int64_t file_size;
    struct str file_hash, sha256, thumbnail_path, thumbnail_url;
    int64_t uploaded_by;
    struct str uploader_name;
    int64_t patient_id, study_id, series_id;
    struct str modality, body_part;
    struct date study_date;
    struct str description;
    struct texts tags;
    unsigned status;
    struct str status_reason;
    int64_t upload_progress;
    bool is_chunked;
    int64_t total_chunks;
    struct integers uploaded_chunks;
    bool is_archived; /* not sent: the store that has its bytes is the archive */
    unsigned damage;
    int64_t duplicate_of;
    bool already_stored; /* of the answer to an upload: the instance was here before */
    bool is_instance;    /* not sent: the instance of its series, not a copy nor another version of it */
    bool is_apart;       /* not sent: not that, but to its uploader, who does not see the one that is */
    bool is_report;      /* not sent: a document that the server made of a signed report (report_files.h) */
    struct str sop_class_uid, sop_instance_uid, transfer_syntax_uid;
    int64_t instance_number, pixel_rows, pixel_columns, number_of_frames;
    struct str conflict, character_set;
    struct str stated_patient_number; /* by who is not told of patients (stated_patient.h) */
    int64_t stated_patient_id;
    struct texts remarks;
    struct instant created_at, updated_at, uploaded_at;
    bool is_deleted;
    struct instant deleted_at;
    int64_t deleted_by;
    int64_t chunk_size;       /* not sent */
    struct str expected_hash; /* not sent */
};
extern const struct schema image_file_schema;
/* status_reason of a file beside the instance it says to be. */
#define OTHER_VERSION "another file of this instance is filed already, with other bytes: this one is kept beside it"
/* Its veil: what of the record tells of files and patients that the caller does not see. */
bool image_file_veil(struct call *c, void *record);

/* What an uploader may say about a file; members of upload forms and of PATCH. */
#define FILE_DETAIL_FIELDS(T) \
    FIELD(T, patient_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX, .doc = "The patient it belongs to."), \
        FIELD(T, description, .flags = NULLABLE, .max = 2000, .doc = "What it shows, in words."), \
        FIELD(T, modality, .flags = NULLABLE, .max = 16, .tag = 0x00080060, .example = "XR", \
              .doc = "What made it: CT, MR, XR ..."), \
        FIELD(T, body_part, .flags = NULLABLE, .max = 64, .tag = 0x00180015, .example = "CHEST", \
              .doc = "The part of the body that it shows.")

struct image_file_key {
    int64_t file_id;
};
extern const struct schema image_file_key;

/* A file that the caller may see and that is not deleted; E_NOT_FOUND otherwise. */
bool image_file_load(struct call *c, int64_t id, struct image_file *out);
/* The same, and the caller may change it (owner, or image.update); E_FORBIDDEN for one that is only to be seen. */
bool image_file_load_to_change(struct call *c, int64_t id, bool deleted, struct image_file *out);
/* What a file is found by, at most SEARCH_TEXTS_MAX; returns how many. */
int image_file_texts(struct str filename, struct str description, struct search_text *out);
/* Inside a transaction: that goes into the search index. */
bool image_file_index(struct call *c, int64_t id, struct str filename, struct str description);
/* The store that holds the file's bytes. */
struct blob_store *image_file_store(const struct call *c, const struct image_file *file);
/* Opens the bytes (keeping.h); E_CONFLICT for files still uploading. */
bool image_file_open(struct call *c, const struct image_file *file, int *fd, int64_t *size_bytes);

#endif
