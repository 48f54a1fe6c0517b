/* one_of.h - for fuzz targets with several independent checks: a run makes one of them, which the last byte of the
 * input says, so that there are more runs. A replayed corpus, which is a test, makes all.
 *
 *   int which = ONE_OF(3, data, size);
 *   if (which & 1) ... if (which & 2) ... if (which & 4) ...
 */
#ifndef ROENTGEN_FUZZ_ONE_OF_H
#define ROENTGEN_FUZZ_ONE_OF_H

#ifdef REPLAY
#define ONE_OF(count, data, size) ((void)(data), (void)(size), (1 << (count)) - 1)
#else
#define ONE_OF(count, data, size) (1 << ((size) ? (data)[(size)-1] % (count) : 0))
#endif

#endif
