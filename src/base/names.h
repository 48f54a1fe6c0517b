/* names.h - the proof that each value of an enum has a name, or whatever else stands in an array for each.
 *
 *     enum fruit { FRUIT_NONE, FRUIT_APPLE, FRUIT_PEAR };
 *     static const char *const fruits[] = { "apple", "pear", NULL };
 *     NAMES_REACH(fruits, FRUIT_PEAR);       // 0 is null, and name n - 1 is value n's (field.h, choices)
 *
 * Where the first value is 0 and has a name, too, they reach one further: NAMES_REACH(levels, LEVEL_HIGH + 1). An array
 * of anything that is looked up by the value itself, without NULL at its end, has so many as well:
 * NAMES_REACH(suffixes, FILE_OTHER).
 */
#ifndef ROENTGEN_NAMES_H
#define ROENTGEN_NAMES_H

#include <assert.h>

#define NAMES_REACH(names, last) \
    static_assert(sizeof(names) / sizeof((names)[0]) == (size_t)(last) + 1, #names ": one for each value up to " #last)

#endif
