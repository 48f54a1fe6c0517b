/* study_archive.c - sends a study as a ZIP. */
#include "web/exchange.h"
#include "parcel/study_archive.h"
#include "parcel/zip_stream.h"

static bool study_archive_get(struct call *c)
{
    const struct study_key *key = c->in;
    struct zip_stream *zip = study_archive_pack(c, key->id);
    if (!zip)
        return false;
    struct str name = arena_format(&c->arena, "study-%" PRId64 ".zip", key->id);
    answer_header(c, "Content-Disposition", http_content_disposition(&c->arena, name));
    answer_header(c, "Cache-Control", S("private, no-store"));
    answer_stream(c, "application/zip", zip_stream_length(zip), zip_stream_read, zip_stream_free, zip);
    return true;
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/studies/{id}/archive", study_archive_get, &study_key, NULL, MAY_READ_IMAGES, WORKS,
      .flags = NOT_JSON, .tag = "studies", .entity = "study", .audit = "study.archive", .answers = "application/zip",
      .summary = "Sends a study as a ZIP with a DICOMDIR",
      .doc = "The files that one may see, as they were uploaded, under names that a file-set may have." },
};
ENDPOINT_TABLE(study_archive_endpoints, rows);
