/* filing_again.c - the request that files a stored file again (records/filing_again.h). */
#include "web/exchange.h"
#include "imaging/thumbnails.h"
#include "records/filing_again.h"

static bool file_again(struct call *c)
{
    const struct image_file_key *key = c->in;
    return filing_again(c, key->file_id, thumbnails_make, c->out);
}

static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/image-files/{file_id}/file", file_again, &image_file_key, &image_file_schema,
      MAY_UPLOAD_IMAGES, WORKS, .lane = LANE_PICTURES, .tag = "image-files", .entity = "image_file",
      .audit = "image_file.file", .summary = "Files a stored DICOM file under its patient, study and series",
      .doc = "As an upload does: for files that could not be filed then. One that is filed keeps its place; but when "
             "its text is read in another character set now (DICOM_CHARSET), what patient, study and series say "
             "because of it is mended, unless somebody has changed it. If its picture could not be decoded, that is "
             "tried again, as for a JPEG, PNG or TIFF file." },
};
ENDPOINT_TABLE(filing_endpoints, rows);
