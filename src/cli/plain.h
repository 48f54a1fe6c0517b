/* plain.h - what strangers have written, on a terminal: names of files, words of other programs.
 *
 *     put_plain(stdout, path);          // "esc\x1b[2J.dcm", not a cleared screen
 *     put_plain_json(stdout, json);     // "esc\u009b2J": a JSON text that says the same
 *
 * Controls, line ends, and characters that turn the direction of writing go out as \xNN or \u{NNNN}, bytes that are not
 * UTF-8 as \xNN; all else as it is. So one name is one line, and does nothing but show.
 */
#ifndef ROENTGEN_CLI_PLAIN_H
#define ROENTGEN_CLI_PLAIN_H

#include "base/str.h"

#include <stdio.h>

void put_plain(FILE *to, struct str text);
/* A JSON text, whose strings alone can hold such characters: they go out as JSON escapes. */
void put_plain_json(FILE *to, struct str json);

#endif
