/* envelope_words.h - words that an envelope is written with, and read by. For this layer only. */
#ifndef ROENTGEN_ENVELOPE_WORDS_H
#define ROENTGEN_ENVELOPE_WORDS_H

#define ENVELOPE_FORMAT "roentgen-envelope-1"
extern const char *const envelope_algorithms[];   /* by enum envelope_algorithm */
extern const char *const envelope_time_sources[]; /* by enum time_source */

#endif
