#include "pdf/signature.h"

#include "pdf/update.h"

/* ---- what came after ---- */

static bool is_one_of(struct str name, const char *names)
{
    struct str rest = str_from(names), one;
    while (str_next(&rest, ' ', &one))
        if (str_equal(one, str_slice(name, 1, name.len)))
            return true;
    return false;
}

/* Has `after` the entries of `before`, and no others, but for those named? */
static bool is_same_but(struct str before, struct str after, const char *but)
{
    enum { ENTRIES_MAX = 64 }; /* those made here have fewer; each is looked for among the others */
    struct str rest, key, value, other;
    for (int turn = 0; turn < 2; turn++) {
        int count = 0;
        struct str one = turn ? after : before, two = turn ? before : after;
        if (!pdf_inside_dictionary(one, &rest))
            return false;
        while (pdf_next_entry(&rest, &key, &value)) {
            char name[64] = { 0 };
            if (++count > ENTRIES_MAX)
                return false;
            if (is_one_of(key, but))
                continue;
            if (key.len > (ptrdiff_t)sizeof name)
                return false;
            memcpy(name, key.at + 1, (size_t)key.len - 1);
            if (!pdf_raw_entry(two, name, &other) || !str_equal(value, other))
                return false;
        }
        if (str_trim(rest).len > 0)
            return false; /* something that is no entry */
    }
    return true;
}

static bool has_only(struct str dictionary, const char *names)
{
    return is_same_but(S("<<>>"), dictionary, names);
}

/* Does the list go on with nothing but fields of signatures that nobody sees? */
static bool adds_fields_only(const struct pdf_file *before, const struct pdf_file *after, struct str old,
                             struct str list)
{
    struct str one, field, value;
    int added = 0;
    if (!str_starts(list, old))
        return false;
    list = str_slice(list, old.len, list.len);
    while (pdf_next_value(&list, &one)) {
        if (++added > PDF_SIGNATURES_MAX || pdf_reference(one) < before->size || !pdf_resolve(after, one, &field) ||
            !has_only(field, "Type Subtype FT F Rect T TU P V") || !pdf_raw_entry(field, "FT", &value) ||
            !str_equal(value, S("/Sig")) || !pdf_raw_entry(field, "Rect", &value) ||
            !str_equal(value, S("[-1 -1 -1 -1]")))
            return false;
    }
    return str_trim(list).len == 0;
}

static struct str list_of(struct str dictionary, const char *key)
{
    struct str value, inside = STR_NULL;
    if (pdf_raw_entry(dictionary, key, &value))
        pdf_inside_array(value, &inside);
    return inside;
}

/* The form as updates here write it: in the catalog, with these two entries. */
static bool keeps_form(const struct pdf_file *before, const struct pdf_file *after, struct str old_root,
                       struct str root)
{
    struct str old_form, form;
    bool had = pdf_raw_entry(old_root, "AcroForm", &old_form);
    if (!pdf_raw_entry(root, "AcroForm", &form))
        return false; /* the signature's own field is gone */
    return has_only(form, "SigFlags Fields") &&
           adds_fields_only(before, after, had ? list_of(old_form, "Fields") : STR_NULL, list_of(form, "Fields"));
}

/* Are all objects of the revision the same ones, but for the two that updates write anew? */
static bool keeps_objects(const struct pdf_file *before, const struct pdf_file *after, int root, int page)
{
    if (after->size < before->size)
        return false;
    for (int i = 1; i < before->size; i++)
        if (i != root && i != page && before->offsets[i] != after->offsets[i])
            return false;
    return true;
}

static bool is_kept(const struct pdf_file *before, const struct pdf_file *after)
{
    struct str old_root, root, value, other, old_page, page, list;
    int old_number, number;
    if (!pdf_raw_entry(before->trailer, "Root", &other) || !pdf_raw_entry(after->trailer, "Root", &value) ||
        !str_equal(value, other) || !has_only(after->trailer, "Size Prev Root Info ID") ||
        !is_same_but(before->trailer, after->trailer, "Size Prev"))
        return false;
    if (!pdf_resolve(before, other, &old_root) || !pdf_resolve(after, value, &root) ||
        !pdf_first_page(before, old_root, &old_number, &old_page) || !pdf_first_page(after, root, &number, &page) ||
        number != old_number || !keeps_objects(before, after, pdf_reference(value), number))
        return false;
    if (pdf_raw_entry(page, "Annots", &list) && !pdf_inside_array(list, &list))
        return false;
    return is_same_but(old_root, root, "AcroForm DSS") && is_same_but(old_page, page, "Annots") &&
           keeps_form(before, after, old_root, root) &&
           adds_fields_only(before, after, list_of(old_page, "Annots"), list_of(page, "Annots"));
}

/* ---- one signature ---- */

/* The DER without the zeros behind it (X.690 8.1.3; definite lengths only). */
static bool trim_der(struct str bytes, struct str *der)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    if (bytes.len < 2 || at[0] != 0x30)
        return false;
    int more = at[1] & 0x80 ? at[1] & 0x7F : 0;
    ptrdiff_t len = more ? 0 : at[1];
    if (more > 4 || bytes.len < 2 + more || at[1] == 0x80)
        return false;
    for (int i = 0; i < more; i++)
        len = len << 8 | at[2 + i];
    if (len > bytes.len - 2 - more)
        return false;
    *der = str_slice(bytes, 0, 2 + more + len);
    for (ptrdiff_t i = der->len; i < bytes.len; i++)
        if (at[i] != 0)
            return false;
    return true;
}

static bool read_range(struct str signature, int64_t range[4])
{
    struct str array, inside, one;
    if (!pdf_raw_entry(signature, "ByteRange", &array) || !pdf_inside_array(array, &inside))
        return false;
    for (int i = 0; i < 4; i++)
        if (!pdf_next_value(&inside, &one) || !pdf_integer(one, &range[i]) || range[i] < 0)
            return false;
    return !pdf_next_value(&inside, &one);
}

static void look_around(struct call *c, const struct pdf_file *file, int number, struct str signature,
                        const int64_t range[4], struct str contents, struct pdf_found_signature *found)
{
    struct pdf_file revision;
    struct str same;
    ptrdiff_t at = contents.at - file->bytes.at;
    found->is_last = found->end == file->bytes.len;
    if (range[0] != 0 || range[1] != at || range[2] != at + contents.len ||
        !pdf_file_parse(&c->arena, str_slice(file->bytes, 0, found->end), &revision) ||
        !pdf_object(&revision, number, &same) || same.at != signature.at || same.len != signature.len)
        return;
    found->is_whole = true;
    found->is_kept = is_kept(&revision, file);
}

static struct str optional_text(struct call *c, struct str signature, const char *key)
{
    struct str value, text;
    if (!pdf_raw_entry(signature, key, &value) || value.len > 65536 || !pdf_text(value, &c->arena, &text))
        return STR_NULL;
    return text;
}

/* "D:20260105143022Z", as pdf_date writes it. */
static struct instant instant_of(struct str moment)
{
    char text[sizeof("2026-01-05T14:30:22Z")];
    struct instant at;
    if (moment.len != 17 || !str_starts(moment, S("D:")) || moment.at[16] != 'Z')
        return INSTANT_NULL;
    const char *d = moment.at + 2;
    snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", d, d + 4, d + 6, d + 8, d + 10, d + 12);
    return instant_parse(str_from(text), &at) ? at : INSTANT_NULL;
}

static bool read_signature(struct call *c, const struct pdf_file *file, int number, struct pdf_found_signature *found)
{
    struct str signature, kind, contents, bytes;
    int64_t range[4];
    if (!pdf_object(file, number, &signature) || !pdf_raw_entry(signature, "SubFilter", &kind) ||
        !pdf_raw_entry(signature, "Contents", &contents) || contents.at[0] != '<' ||
        contents.len > 2 * PDF_CONTENTS_MAX + 2 || !read_range(signature, range) ||
        !pdf_string(contents, &c->arena, &bytes) || !trim_der(bytes, &found->der))
        return false;
    if (!str_equal(kind, S("/ETSI.CAdES.detached")) && !str_equal(kind, S("/ETSI.RFC3161")))
        return false;
    int64_t len = file->bytes.len;
    if (range[0] > len || range[1] > len - range[0] || range[2] > len || range[3] > len - range[2])
        return false;
    found->kind = str_equal(kind, S("/ETSI.RFC3161")) ? PDF_STAMPED : PDF_SIGNED;
    for (int i = 0; i < 2; i++)
        found->parts[i] = str_slice(file->bytes, (ptrdiff_t)range[2 * i], (ptrdiff_t)(range[2 * i] + range[2 * i + 1]));
    found->end = (ptrdiff_t)(range[2] + range[3]);
    found->name = optional_text(c, signature, "Name");
    found->reason = optional_text(c, signature, "Reason");
    found->moment = optional_text(c, signature, "M");
    found->at = instant_of(found->moment);
    look_around(c, file, number, signature, range, contents, found);
    return true;
}

static int by_end(const void *a, const void *b)
{
    const struct pdf_found_signature *first = a, *second = b;
    return first->end < second->end ? -1 : first->end > second->end;
}

bool pdf_signatures(struct call *c, struct str pdf, struct pdf_found_signatures *out)
{
    struct pdf_file file;
    struct str root, fields, one, field, type, value;
    if (!pdf_file_read(c, pdf, &file))
        return false;
    if (!pdf_entry(&file, file.trailer, "Root", &root) || !pdf_form_fields(&file, root, &fields))
        return fail(c, E_INVALID, "this is not a PDF as this server makes them, or it is damaged");
    struct pdf_found_signatures found = { arena_array(&c->arena, struct pdf_found_signature, PDF_SIGNATURES_MAX), 0 };
    while (pdf_next_value(&fields, &one)) {
        if (found.count == PDF_SIGNATURES_MAX)
            return fail(c, E_INVALID, "the PDF has more than %d signatures", PDF_SIGNATURES_MAX);
        if (pdf_reference(one) == 0 || !pdf_resolve(&file, one, &field) || !pdf_raw_entry(field, "FT", &type) ||
            !str_equal(type, S("/Sig")) || !pdf_raw_entry(field, "V", &value) || pdf_reference(value) == 0 ||
            !read_signature(c, &file, pdf_reference(value), &found.items[found.count]))
            return fail(c, E_INVALID, "the PDF has a field or a signature that is not as this server writes them");
        found.count++;
    }
    if (found.count > 0)
        qsort(found.items, (size_t)found.count, sizeof *found.items, by_end);
    *out = found;
    return true;
}
