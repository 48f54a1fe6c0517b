/* image_file_counts.h - how many files there are, of which kinds, and how many bytes.
 *
 *     image_file_count(c, call_user(c), &(struct counted_files){ .file_type = FILE_DICOM }, &files)    // one's own
 *     image_file_sums(c, false, &sums)                                                  // the same, by every kind
 *     image_file_overview(c, &overview)                                                 // of the house
 *
 * Triggers of the database keep the numbers, and the deletion of many (trash_work.h):
 *
 *     image_file_totals   of each account, and of all together: files, bytes
 *     image_file_counts   the same by type, status and modality
 *
 * so that asking costs the same however many files there are; uploads of a day alone are counted when asked. What is
 * deleted is in none of them. Text lives in the call's arena. False: the database failed, or E_FORBIDDEN.
 */
#ifndef ROENTGEN_IMAGE_FILE_COUNTS_H
#define ROENTGEN_IMAGE_FILE_COUNTS_H

#include "records/image_file.h"
#include "records/modality.h"

enum { EVERYBODY = 0 }; /* as an owner: all accounts together */

/* Of which files; what is 0 or empty is not asked for. */
struct counted_files {
    unsigned file_type, status;
    struct modalities modalities;
};
/* Those of `owner`. That the caller sees everything is asked before EVERYBODY is. */
bool image_file_count(struct call *c, int64_t owner, const struct counted_files *which, int64_t *files);

struct image_file_sums {
    int64_t total_files, total_size;
    struct counts by_type, by_status;
    /* Files without a modality are in neither: X-rays as one (modality_group), and as each is called. */
    struct counts by_modality, by_modality_exact;
};
/* Of the caller's own, or of all: E_FORBIDDEN without image.read_all. */
bool image_file_sums(struct call *c, bool all, struct image_file_sums *out);

struct image_file_overview {
    int64_t files, bytes;
    struct counts by_type, by_status;
    struct counts uploads_by_day; /* of the last 14 days (TIME_ZONE), the oldest first */
};
/* Of everybody's, for who has system.read: that is for the caller to ask. */
bool image_file_overview(struct call *c, struct image_file_overview *out);

#endif
