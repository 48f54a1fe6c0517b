/* study_archive.h - a study as a file-set (PS3.10 8): what one may see of it in a ZIP, with the DICOMDIR that says
 * what is where.
 *
 *     struct zip_stream *zip = study_archive_pack(c, study_id);
 *     if (!zip) return false;
 *     answer_stream(c, "application/zip", zip_stream_length(zip), zip_stream_read, zip_stream_free, zip);
 *
 *   DICOMDIR                                            made here (dicomdir.h)
 *   DICOM/PAT00001/STU00001/SER00001/IM000001 ...       the files as they were uploaded
 *
 * The ZIP reads the files while it is sent (zip_stream.h), so all that could keep it from ending well is looked at
 * before: every file is there, as long as its row says, and what the directory needs of it can be read. It belongs to
 * the caller and borrows nothing of the call but the stores.
 *
 * On failure there is no ZIP, rather than one that lacks a file: E_NOT_FOUND (no such study, or none that one may see),
 * E_CONFLICT (no files, or too many), E_UNREADABLE (a file is not what was stored), E_UNAVAILABLE (the archive with
 * some of the files is not configured, or a file was just being moved).
 */
#ifndef ROENTGEN_STUDY_ARCHIVE_H
#define ROENTGEN_STUDY_ARCHIVE_H

#include "records/study.h"

/* To be given back with zip_stream_free; NULL: c->error says why. On a worker. */
struct zip_stream *study_archive_pack(struct call *c, int64_t study_id);

#endif
