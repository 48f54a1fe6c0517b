/* plain.h - what strangers have written, on a terminal: names of files, words of other programs.
 *
 *     put_plain(stdout, path);          // "esc\x1b[2J.dcm", not a cleared screen
 *
 * Controls, line ends, and characters that turn the direction of writing go out as \xNN or \u{NNNN}, bytes that are not
 * UTF-8 as \xNN; all else as it is. So one name is one line, and does nothing but show.
 */
#ifndef ROENTGEN_CLI_PLAIN_H
#define ROENTGEN_CLI_PLAIN_H

#include "base/str.h"

#include <stdio.h>

void put_plain(FILE *to, struct str text);

#endif
