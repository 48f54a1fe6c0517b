/* dotenv.h - the `.env` file: NAME=value lines.
 *
 *     # a comment
 *     export PORT=8000            # "export " is allowed, so that a shell can read the file too
 *     MAIL_FROM="Roentgen <a@b>"  # double quotes: \n \r \t \" \\ \$ are escapes
 *     SECRET_KEY='as # is'        # single quotes: as it is
 *
 * No variables are replaced, and a value ends with its line. A name given twice: the last counts. Private to base.
 */
#ifndef ROENTGEN_DOTENV_H
#define ROENTGEN_DOTENV_H

#include "base/arena.h"
#include "base/text.h"

struct dotenv_line {
    struct str name, value;
    int number; /* from 1 */
    struct dotenv_line *next;
};

/* Lines in their order, in the arena; lines that cannot be read are told in *problems, after `file`. */
struct dotenv_line *dotenv_parse(struct str content, const char *file, struct arena *arena, struct text *problems);

#endif
