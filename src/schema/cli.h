/* cli.h - records from command lines: `--page-size 20 --verbose NAME`. */
#ifndef ROENTGEN_CLI_H
#define ROENTGEN_CLI_H

#include "base/call.h"
#include "base/text.h"
#include "schema/field.h"

/* `--name value`, `--name=value`, `--flag` for booleans (`--flag=false` too); dashes stand for underscores; after
 * `--` all words are bare. A value that begins with `--` needs the `=` form. `positional` names (comma-separated, may
 * be NULL) the fields filled by bare words, in order; the last may be of kind texts and takes the rest. Unknown
 * options, bad values and missing REQUIRED ones become problems, at place "command line". `argv` begins after the
 * command's name. READ_ONLY members are no options. Defaults are applied; *given holds what was there. False when the
 * call holds any error. */
bool cli_decode(struct call *c, int argc, char **argv, const char *positional, const struct schema *schema,
                void *record, uint64_t *given);
void cli_print_help(struct text *out, const char *command, const char *positional, const struct schema *schema);

#endif
