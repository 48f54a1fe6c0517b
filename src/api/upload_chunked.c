/* upload_chunked.c - a file in pieces: the requests of upload_chunks.h, which has the rules and the picture. */
#include "api/chunk.h"
#include "intake/upload_chunks.h"

/* ---- begin ---- */

struct begin_request {
    struct str filename;
    int64_t file_size, total_chunks, chunk_size;
    struct str file_hash;
    int64_t patient_id;
    struct str description, modality, body_part, patient_number;
};
static const struct field begin_request_fields[] = {
    FIELD(struct begin_request, filename, .flags = REQUIRED, .min = 1, .max = 500, .doc = "The file's name.",
          .example = "ct.dcm"),
    FIELD(struct begin_request, file_size, .flags = REQUIRED, .min = 1, .max = (int64_t)1 << 50,
          .doc = "How many bytes the file has."),
    FIELD(struct begin_request, total_chunks, .min = 1, .max = 100000,
          .doc = "How many chunks there will be; or give chunk_size, or neither."),
    FIELD(struct begin_request, chunk_size, .min = 1, .max = CHUNK_BYTES_MAX,
          .doc = "How many bytes every chunk but the last has."),
    FIELD(struct begin_request, file_hash, .min = 32, .max = 64,
          .doc = "The MD5 or SHA-256 of the whole file, in hex; it is checked at the end."),
    FILE_DETAIL_FIELDS(struct begin_request),
    PATIENT_NUMBER_FIELD(struct begin_request),
};
static const struct schema begin_request = SCHEMA("ChunkedUploadRequest", struct begin_request, begin_request_fields);

struct chunked_started {
    struct str upload_id;
    int64_t image_file_id, chunk_size, total_chunks;
    struct instant expires_at;
};
static const struct field chunked_started_fields[] = {
    FIELD(struct chunked_started, upload_id, .doc = "The name of the upload."),
    FIELD(struct chunked_started, image_file_id, .doc = "The id of the file's record, whose status is UPLOADING."),
    FIELD(struct chunked_started, chunk_size, .doc = "How many bytes every chunk but the last has."),
    FIELD(struct chunked_started, total_chunks, .doc = "How many chunks there are; they are numbered from 0."),
    FIELD(struct chunked_started, expires_at, .doc = "The time when the upload is removed if it is not complete."),
};
static const struct schema chunked_started = SCHEMA("ChunkedUpload", struct chunked_started, chunked_started_fields);

static bool chunked_post(struct call *c)
{
    const struct begin_request *in = c->in;
    struct chunked_started *out = c->out;
    struct image_file row;
    const struct chunked_plan plan = { in->filename, in->file_size, in->total_chunks, in->chunk_size, in->file_hash };
    struct upload_details details = { in->patient_id, in->description, in->modality, in->body_part,
                                      in->patient_number };
    if (!chunked_begin(c, &plan, &details, &row))
        return false;
    *out = (struct chunked_started){ row.file_uuid, row.id, row.chunk_size, row.total_chunks,
                                     chunked_expires_at(c, &row) };
    answer_header(c, "Location", arena_format(&c->arena, "/api/v1/upload/chunked/%.*s", STR_FMT(row.file_uuid)));
    return true;
}

/* ---- state ---- */

struct chunked_state {
    struct str upload_id;
    int64_t image_file_id;
    struct str filename;
    int64_t file_size, chunk_size, total_chunks;
    struct integers uploaded_chunks, missing_chunks;
    int64_t upload_progress;
    unsigned status;
    struct instant expires_at;
};
static const struct field chunked_state_fields[] = {
    FIELD(struct chunked_state, upload_id, .doc = "The name of the upload."),
    FIELD(struct chunked_state, image_file_id, .doc = "The id of the file's record."),
    FIELD(struct chunked_state, filename, .doc = "The file's name."),
    FIELD(struct chunked_state, file_size, .doc = "How many bytes the file has."),
    FIELD(struct chunked_state, chunk_size, .doc = "How many bytes every chunk but the last has."),
    FIELD(struct chunked_state, total_chunks, .doc = "How many chunks there are; they are numbered from 0."),
    FIELD(struct chunked_state, uploaded_chunks, .doc = "The numbers of the chunks that are here."),
    FIELD(struct chunked_state, missing_chunks, .doc = "The numbers of the chunks that are not."),
    FIELD(struct chunked_state, upload_progress, .doc = "How much of it is here, in percent."),
    FIELD(struct chunked_state, status, .choices = file_statuses, .type = "ImageFileStatus",
          .doc = "The status of the file's record."),
    FIELD(struct chunked_state, expires_at, .doc = "The time when the upload is removed if it is not complete."),
};
static const struct schema chunked_state = SCHEMA("ChunkedUploadState", struct chunked_state, chunked_state_fields);

static bool chunked_get(struct call *c)
{
    const struct upload_key *key = c->in;
    struct chunked_state *out = c->out;
    struct image_file file;
    if (!chunked_load(c, key->upload_id, &file) ||
        !chunked_numbers(c, &file, &out->uploaded_chunks, &out->missing_chunks))
        return false;
    out->upload_id = file.file_uuid;
    out->image_file_id = file.id;
    out->filename = file.original_filename;
    out->file_size = file.file_size;
    out->chunk_size = file.chunk_size;
    out->total_chunks = file.total_chunks;
    out->upload_progress = file.upload_progress;
    out->status = file.status;
    out->expires_at = chunked_expires_at(c, &file);
    return true;
}

static const struct field chunks_missing_fields[] = {
    FIELD(struct chunked_state, missing_chunks, .doc = "The numbers of the chunks that are not here."),
};
static const struct schema chunks_missing = SCHEMA("ChunksMissing", struct chunked_state, chunks_missing_fields);

static bool complete_post(struct call *c)
{
    const struct upload_key *key = c->in;
    struct image_file file;
    struct integers missing;
    if (!chunked_complete(c, key->upload_id, &file, &missing)) {
        if (missing.count)
            exchange_of(c)->problem_extra =
                arena_format(&c->arena, "\"missing_chunks\":%.*s", STR_FMT(chunked_numbers_text(c, missing)));
        return false;
    }
    answer_location(c, "/api/v1/image-files/%" PRId64, file.id);
    return image_file_load(c, file.id, c->out);
}

static bool chunked_delete(struct call *c)
{
    const struct upload_key *key = c->in;
    return chunked_cancel(c, key->upload_id);
}

#define UPLOADS .permission = MAY_UPLOAD_IMAGES, .tag = "upload", .entity = "image_file"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/upload/chunked", chunked_post, &begin_request, &chunked_started, .runs = WRITES,
      .body = BODY_JSON, .status = 201, UPLOADS, .audit = "image_file.upload_begin",
      .summary = "Begins a chunked upload" },
    { HTTP_GET, "/api/v1/upload/chunked/{upload_id}", chunked_get, &upload_key_schema, &chunked_state, UPLOADS,
      .summary = "Tells which chunks are here" },
    { HTTP_PUT, "/api/v1/upload/chunked/{upload_id}/chunks/{number}", chunk_put, &chunk_key_schema,
      &chunk_stored_schema, .runs = WORKS, .body = BODY_RAW, UPLOADS, .receive = chunk_receive,
      .body_max = CHUNK_BYTES_MAX, .summary = "Sends one chunk",
      .doc = "Chunks are numbered from 0 and have exactly chunk_size bytes, but for the last. Content-MD5, Digest or "
             "Content-Digest are checked. A chunk may be sent again. Chunk 0 tells the type: 415 when it is none "
             "that is taken, and the upload is cancelled." },
    { HTTP_POST, "/api/v1/upload/chunked/{upload_id}/complete", complete_post, &upload_key_schema, &image_file_schema,
      .runs = WORKS, .status = 201, UPLOADS, .audit = "image_file.upload",
      .summary = "Puts the chunks together and checks size and hash",
      .refusal = { 409, "Chunks are missing.", &chunks_missing },
      .doc = "409 with missing_chunks while some are missing. May be repeated. Refused for its hash or its content "
             "(415, 422) the upload is cancelled: begin another." },
    { HTTP_DELETE, "/api/v1/upload/chunked/{upload_id}", chunked_delete, &upload_key_schema, NULL, .runs = WORKS,
      UPLOADS, .audit = "image_file.upload_cancel", .summary = "Cancels an upload and frees what it took" },
};
ENDPOINT_TABLE(upload_chunked_endpoints, rows);
