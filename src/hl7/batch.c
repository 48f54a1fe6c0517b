/* batch.c - see batch.h. Lines end in bytes that are no part of any character in the sets of charset.h. */
#include "hl7/batch.h"

static bool is_end(char c)
{
    return c == '\r' || c == '\n';
}

/* The next line that has something in it; *rest begins with what ends it. */
static bool next_line(struct str *rest, struct str *line)
{
    ptrdiff_t from = 0, to;
    while (from < rest->len && is_end(rest->at[from]))
        from++;
    for (to = from; to < rest->len && !is_end(rest->at[to]);)
        to++;
    *line = str_slice(*rest, from, to);
    *rest = str_slice(*rest, to, rest->len);
    return line->len > 0;
}

/* False: it is a segment of a message, and begins none. */
static bool begins_part(struct str line, enum hl7_part *part)
{
    static const char *const names[] = { "FHS", "BHS", "MSH", "BTS", "FTS" }; /* as enum hl7_part */
    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
        if (str_starts(line, str_from(names[i]))) {
            *part = (enum hl7_part)i;
            return true;
        }
    return false;
}

bool hl7_is_batch(struct str bytes)
{
    struct str line;
    enum hl7_part part;
    return next_line(&bytes, &line) && begins_part(line, &part) && (part == HL7_PART_FILE || part == HL7_PART_BATCH);
}

bool hl7_next_part(struct str *bytes, enum hl7_part *part, struct str *piece)
{
    struct str line, rest;
    enum hl7_part next;
    if (!next_line(bytes, piece))
        return false;
    if (!begins_part(*piece, part))
        *part = HL7_PART_MESSAGE;
    for (rest = *bytes; *part == HL7_PART_MESSAGE && next_line(&rest, &line) && !begins_part(line, &next);) {
        *piece = (struct str){ piece->at, line.at + line.len - piece->at };
        *bytes = rest;
    }
    return true;
}

void hl7_put_envelope(struct text *out, const char *name, const struct hl7_envelope *envelope)
{
    hl7_begin(out, name);
    text_put(out, S("|^~\\&"));
    hl7_put(out, envelope->application);
    hl7_put(out, envelope->facility);
    hl7_put(out, envelope->to_application);
    hl7_put(out, envelope->to_facility);
    hl7_put_time(out, envelope->at);
    hl7_skip(out, 3);
    hl7_put(out, envelope->control_id);
    hl7_put(out, envelope->answers);
    hl7_end(out);
}
