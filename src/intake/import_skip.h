/* import_skip.h - what lies on a CD beside the pictures and never is one.
 *
 *     if (import_never_a_picture(name))     // by its name alone: not even opened
 *     if (import_beside_pictures(name))     // its content is no picture, and by its name it was never meant to be
 *
 * Whatever is neither counts as a picture that was lost when it cannot be taken: rather one question too many than a
 * film too few.
 */
#ifndef ROENTGEN_IMPORT_SKIP_H
#define ROENTGEN_IMPORT_SKIP_H

#include <stdbool.h>

/* Bookkeeping of operating systems and burning programs: a file, or a folder with all that is below it. */
bool import_never_a_picture(const char *name);
/* Programs, pages and texts: viewers on a CD bring hundreds. To be asked about files that content shows to be no
 * picture. */
bool import_beside_pictures(const char *name);

#endif
