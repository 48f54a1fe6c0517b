/* image_file_move.h - the bytes of a file into the archive store (ARCHIVE_URL), and back.
 *
 *     image_file_archive(c, id, &file)     // UPLOADED, PROCESSED -> ARCHIVED; file: as its record says now
 *     image_file_unarchive(c, id, &file)   // ARCHIVED -> UPLOADED
 *
 *     files     bytes ----copied, compared----> bytes     archive
 *                 |           rows commit         |
 *               removed                         named
 *
 * The copy is durable before a row names it, and the other is removed after the commit only: a crash between leaves
 * bytes twice, never none, and fsck finds those that no row names. All rows that share the bytes (keeping.h) move
 * together, whatever their status: one that is FAILED stays so.
 *
 * One move of a file after the other (turns.h); what was asked before waiting is asked again then. Who moves a file
 * may change it (its uploader, or image.update); that they may archive at all is for the caller to ask.
 *
 * When it fails, the file is where it was: E_CONFLICT without an archive or for a file of another status, E_UNREADABLE
 * for bytes that are not those of its row, E_UNAVAILABLE while somebody else takes long with it. After a commit in
 * doubt (db.h) both copies stay, one of which its row names.
 */
#ifndef ROENTGEN_IMAGE_FILE_MOVE_H
#define ROENTGEN_IMAGE_FILE_MOVE_H

#include "records/image_file.h"

/* Both outside a transaction, on a worker. */
bool image_file_archive(struct call *c, int64_t id, struct image_file *out);
bool image_file_unarchive(struct call *c, int64_t id, struct image_file *out);

#endif
