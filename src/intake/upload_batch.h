/* upload_batch.h - many files at once, and ZIPs of them: each is taken as if it had come alone.
 *
 *     static void tell(void *context, struct str name, struct image_file *stored)
 *         stored ? printf("%s: file %d", name, stored->id) : printf("%s: %s", name, c->error.message);
 *
 *     upload_batch_store(c, files, &details, tell, context);     // files: spooled, one linked to the next
 *
 * A ZIP stands for the files in it, which are named with their folders; it is known by its first bytes. One file that
 * is refused does not keep the others out: whoever asked is told how each went, in order, and a batch as a whole does
 * not fail. Only where all together, with those in ZIPs, are more than MAX_BATCH_FILES nothing is stored, so that
 * nobody has to find out what was.
 *
 * What a ZIP says of its entries are claims. What counts is what comes out: past MAX_UNPACKED in all ZIPs together, or
 * far more than the ZIP itself has, nothing more of it is read, and it gets a word of its own that says so. Links,
 * encrypted entries and what is no file are refused by name; folders are passed over. Names that are not UTF-8 are
 * read as GB18030.
 *
 * The spooled files are taken. Each file that is stored is a commit of its own (upload.h).
 */
#ifndef ROENTGEN_UPLOAD_BATCH_H
#define ROENTGEN_UPLOAD_BATCH_H

#include "intake/upload.h"

/* How one file went. `name`: without directories as it was sent; of a ZIP's entry with those inside the ZIP. `stored`:
 * its record (or that of the instance that was there); NULL: the call's error says why not. The error is cleared
 * afterwards. */
typedef void upload_batch_tell(void *context, struct str name, struct image_file *stored);

/* How often `say` may be called for these. */
int upload_batch_most(const struct call *c, const struct spooled *files);
/* As the caller's own uploads; `details` are settled (upload.h). On a worker. */
void upload_batch_store(struct call *c, struct spooled *files, const struct upload_details *details,
                        upload_batch_tell *say, void *context);

#endif
