/* setting_value.h - one setting's value: from text, to text. Private to base. */
#ifndef ROENTGEN_SETTING_VALUE_H
#define ROENTGEN_SETTING_VALUE_H

#include "base/settings.h"

/* Reads `value` into the row's member of *config. Returns what is wrong (in the arena; never quotes the value), or
 * NULL. A default (`given` false) may lie outside the limits: "" or 0 for "none". */
const char *setting_read(const struct setting *row, struct str value, bool given, struct arena *arena, void *config);

void setting_put_type(const struct setting *row, struct text *out); /* "whole number from 1 to 65535" */

#endif
