/* stored.h - which rows name files of the store: said once, for all who have to know every file.
 *
 *     const struct stored_kind *kind = stored_kind_of(S("reports/3f/3f0c...pdf"));      // NULL: nothing that rows name
 *
 *   completed/xx/UUID.ext     image files (records/keeping.h)
 *   models/UUID.onnx          models (diagnosis/model.h)
 *   reports/xx/UUID.pdf       pages of reports as they were signed (reports/report_pdf.h)
 *   exports/xx/UUID.zip       reports that somebody asked for together (reports/report_export.h)
 *
 * A start sets aside what no row names (upkeep/recover.h), fsck compares rows with files both ways, a backup takes
 * along what rows name, restoring looks whether all of it has come, and a store is known for the database's by having
 * some of it (installation.h). Whoever keeps files of another kind adds a row here, and all of these know them.
 *
 * What is kept for a time only, and can be asked for again (exports), is no part of a backup, and a restored database
 * forgets it; of such bytes what a crash left without a row is removed at a start, not set aside.
 *
 * Bytes come before their row: under a claim (blob.h), which keeping_settle ends.
 */
#ifndef ROENTGEN_STORED_H
#define ROENTGEN_STORED_H

#include "base/str.h"

#include <stdbool.h>

struct stored_kind {
    const char *what;   /* "model" */
    const char *prefix; /* of its keys */
    bool is_spread;     /* by the first two characters of the name: reports/3f/3f0c...pdf */
    int since;          /* the schema from which on there is its table */
    /* Id, key, size, SHA-256, is it in the archive: of a thousand, the newest first, before an id. */
    const char *rows;
    const char *still; /* has this id this key? */
    const char *count;
    const char *all;    /* key, is it in the archive: of all rows */
    const char *names;  /* does a row name this key? */
    const char *lock;   /* what an insert of that row under way is waited for with */
    const char *forget; /* NULL: kept for good. Else it is kept for a time: what a restored database forgets it by */
};
enum { STORED_IMAGE_FILES, STORED_MODELS, STORED_REPORT_PDFS, STORED_REPORT_EXPORTS, STORED_KINDS };
extern const struct stored_kind stored_kinds[STORED_KINDS];

const struct stored_kind *stored_kind_of(struct str key);

#endif
