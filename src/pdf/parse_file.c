/* The tables of a file, from the last back to the first (ISO 32000-1 7.5.4 to 7.5.6). */
#include "pdf/parse.h"

/* A decimal number of at most `most` digits, and the spaces behind it. */
static bool take_number(struct str *rest, int most, int64_t *out)
{
    ptrdiff_t i = 0, digits;
    while (i < rest->len && i < most && rest->at[i] >= '0' && rest->at[i] <= '9')
        i++;
    if (i == 0 || !str_to_integer(str_slice(*rest, 0, i), out))
        return false;
    digits = i;
    while (i < rest->len && (rest->at[i] == ' ' || rest->at[i] == '\n' || rest->at[i] == '\r'))
        i++;
    *rest = str_slice(*rest, i, rest->len);
    return i > digits;
}

/* Lines of "0000000017 00000 n " for objects from `first` on. What is known already is newer, and stays. */
static bool take_places(struct pdf_file *file, struct str *rest, int64_t first, int64_t count)
{
    for (int64_t i = first; i < first + count; i++) {
        int64_t offset, generation;
        if (!take_number(rest, 10, &offset) || !take_number(rest, 5, &generation) || rest->len < 2)
            return false;
        char kind = rest->at[0];
        if (kind != 'n' && kind != 'f')
            return false;
        *rest = str_slice(*rest, 1, rest->len);
        while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\r' || rest->at[0] == '\n'))
            *rest = str_slice(*rest, 1, rest->len);
        if (file->offsets[i] == 0)
            file->offsets[i] = kind == 'n' && generation == 0 && offset > 0 && offset < file->bytes.len ? offset : -1;
    }
    return true;
}

/* One table and its trailer. */
static bool take_table(struct pdf_file *file, int64_t at, struct str *trailer)
{
    struct str rest = str_slice(file->bytes, (ptrdiff_t)at, file->bytes.len);
    if (!str_starts(rest, S("xref\n")) && !str_starts(rest, S("xref\r\n")))
        return false;
    rest = str_slice(rest, rest.at[4] == '\r' ? 6 : 5, rest.len);
    while (!str_starts(rest, S("trailer"))) {
        int64_t first, count;
        if (!take_number(&rest, 9, &first) || !take_number(&rest, 9, &count) || first + count > file->size ||
            !take_places(file, &rest, first, count))
            return false;
    }
    rest = str_slice(rest, 7, rest.len);
    return pdf_next_value(&rest, trailer) && str_starts(*trailer, S("<<"));
}

/* Where the last table is, which the last line but one says. */
static bool find_table(struct str bytes, int64_t *at)
{
    ptrdiff_t from = bytes.len > 64 ? bytes.len - 64 : 0;
    struct str end = str_slice(bytes, from, bytes.len);
    ptrdiff_t word = str_find(end, S("startxref\n"));
    if (!str_starts(bytes, S("%PDF-")) || word < 0)
        return false;
    end = str_slice(end, word + 10, end.len);
    return take_number(&end, 10, at) && str_equal(str_trim(end), S("%%EOF"));
}

static bool trailer_size(struct pdf_file *file, int64_t table)
{
    struct str rest = str_slice(file->bytes, (ptrdiff_t)table, file->bytes.len), trailer, size;
    ptrdiff_t at = str_find(rest, S("trailer"));
    int64_t n;
    rest = str_slice(rest, at + 7, rest.len);
    if (at < 0 || !pdf_next_value(&rest, &trailer) || !pdf_raw_entry(trailer, "Size", &size) ||
        !pdf_integer(size, &n) || n < 1 || n > PDF_OBJECTS_MAX ||
        n > file->bytes.len / 20) /* which is what a place in the table takes */
        return false;
    file->size = (int)n;
    return true;
}

/* Only what is written here, each once: what a trailer says besides (XRefStm, Encrypt, under whatever spelling), other
 * readers follow. */
static bool is_plain_trailer(struct str trailer)
{
    static const char *const keys[] = { "/Size", "/Root", "/Info", "/ID", "/Prev" };
    enum { KEYS = sizeof(keys) / sizeof(keys[0]) };
    bool seen[KEYS] = { false };
    struct str rest, key, value;
    if (!pdf_inside_dictionary(trailer, &rest))
        return false;
    while (pdf_next_entry(&rest, &key, &value)) {
        int i = 0;
        while (i < KEYS && !str_equal(key, str_from(keys[i])))
            i++;
        if (i == KEYS || seen[i])
            return false;
        seen[i] = true;
    }
    return str_trim(rest).len == 0;
}

bool pdf_file_parse(struct arena *arena, struct str bytes, struct pdf_file *out)
{
    struct pdf_file file = { .bytes = bytes };
    int64_t at;
    if (!find_table(bytes, &at) || !trailer_size(&file, at))
        return false;
    file.offsets = arena_array(arena, int64_t, file.size);
    file.table = at;
    for (int revisions = 0;; revisions++) {
        struct str trailer, previous;
        int64_t before;
        if (revisions == PDF_REVISIONS_MAX || !take_table(&file, at, &trailer) || !is_plain_trailer(trailer))
            return false;
        if (revisions == 0)
            file.trailer = trailer;
        if (!pdf_raw_entry(trailer, "Prev", &previous))
            break;
        if (!pdf_integer(previous, &before) || before < 0 || before >= at)
            return false; /* older ones lie before it: so there is an end */
        at = before;
    }
    *out = file;
    return true;
}

bool pdf_file_read(struct call *c, struct str bytes, struct pdf_file *out)
{
    return pdf_file_parse(&c->arena, bytes, out) ||
           fail(c, E_INVALID, "this is not a PDF as this server makes them, or it is damaged");
}
