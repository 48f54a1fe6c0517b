/* study_archive.h - a study as a file-set (PS3.10 8): what one may see of it in a ZIP, with the DICOMDIR that says
 * what is where.
 *
 * The ZIP reads the files while it is sent (zip_stream.h); all that could keep it from ending well is looked at before.
 */
#ifndef ROENTGEN_STUDY_ARCHIVE_H
#define ROENTGEN_STUDY_ARCHIVE_H

#include "records/study.h"

/* To be given back with zip_stream_free. NULL: E_NOT_FOUND, E_CONFLICT (no files, or too many), E_UNREADABLE,
 * E_UNAVAILABLE. On a worker. */
struct zip_stream *study_archive_pack(struct call *c, int64_t study_id);

#endif
