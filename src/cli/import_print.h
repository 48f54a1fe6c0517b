/* import_print.h - what an import tells a person: on a terminal one line on standard error that says how far it has
 * got; elsewhere a line on standard output every ten seconds. Files that could not be taken are named at once
 * (standard error), others that need a word on standard output; plain successes only with `verbose`. */
#ifndef ROENTGEN_IMPORT_PRINT_H
#define ROENTGEN_IMPORT_PRINT_H

#include "intake/import_tally.h"

#include <pthread.h>
#include <stdbool.h>

struct import_print {
    struct tally *tally;
    bool verbose, terminal, line_is_shown;
    int64_t shown_us;
    pthread_mutex_t mutex;
};
void import_print_init(struct import_print *print, struct tally *tally, bool verbose);
/* From any thread. */
void import_print_file(struct import_print *print, const char *path, enum outcome outcome, struct str why);
void import_print_end(struct import_print *print); /* counts, then each reason with its count */

#endif
