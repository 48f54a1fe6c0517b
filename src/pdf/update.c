#include "pdf/update.h"

bool pdf_first_page(const struct pdf_file *file, struct str root, int *number, struct str *value)
{
    struct str pages, kids, inside, first;
    if (!pdf_entry(file, root, "Pages", &pages) || !pdf_entry(file, pages, "Kids", &kids) ||
        !pdf_inside_array(kids, &inside) || !pdf_next_value(&inside, &first) || pdf_reference(first) == 0 ||
        !pdf_object(file, pdf_reference(first), value))
        return false;
    *number = pdf_reference(first);
    return true;
}

bool pdf_form_fields(const struct pdf_file *file, struct str root, struct str *fields)
{
    struct str form, array;
    *fields = STR_NULL;
    if (!pdf_raw_entry(root, "AcroForm", &form))
        return true;
    return pdf_resolve(file, form, &form) && pdf_entry(file, form, "Fields", &array) && pdf_inside_array(array, fields);
}

static bool find_parts(struct pdf_update *update)
{
    struct str root, fields, one;
    const struct pdf_file *file = &update->file;
    if (!pdf_raw_entry(file->trailer, "Root", &root) || (update->root = pdf_reference(root)) == 0 ||
        !pdf_object(file, update->root, &update->root_value) ||
        !pdf_first_page(file, update->root_value, &update->page, &update->page_value) ||
        !pdf_form_fields(file, update->root_value, &fields))
        return false;
    while (pdf_next_value(&fields, &one))
        update->field_count++;
    return true;
}

bool pdf_update_begin(struct call *c, struct str pdf, struct pdf_update *out)
{
    struct pdf_update update = { .c = c };
    if (!pdf_file_read(c, pdf, &update.file))
        return false;
    if (!find_parts(&update) || !str_ends(pdf, S("%%EOF\n")))
        return fail(c, E_INVALID, "this is not a PDF as this server makes them, and is not signed here");
    pdf_writer_init(&update.writer, c, pdf.len, update.file.size);
    *out = update;
    return true;
}

/* The dictionary as it is, but for the entries named (space between), up to its end. */
static void put_others(struct text *out, struct str dictionary, const char *but)
{
    struct str rest, key, value;
    text_put(out, S("<<"));
    if (!pdf_inside_dictionary(dictionary, &rest))
        return;
    while (pdf_next_entry(&rest, &key, &value)) {
        struct str names = str_from(but), name;
        bool replaced = false;
        while (str_next(&names, ' ', &name))
            replaced |= str_equal(name, str_slice(key, 1, key.len));
        if (replaced)
            continue;
        text_put_char(out, ' ');
        text_put(out, key);
        text_put_char(out, ' ');
        text_put(out, value);
    }
}

/* [ those there are, and the field ] */
static void put_with_field(struct text *out, struct str there, int field)
{
    text_put_char(out, '[');
    if (there.len > 0) {
        text_put(out, there);
        text_put_char(out, ' ');
    }
    pdf_put_reference(out, field);
    text_put_char(out, ']');
}

static void write_root(struct pdf_update *update, int field, struct str dss)
{
    struct str fields = STR_NULL;
    pdf_form_fields(&update->file, update->root_value, &fields);
    struct text *out = pdf_writer_begin(&update->writer, update->root);
    put_others(out, update->root_value, dss.at && field ? "AcroForm DSS" : dss.at ? "DSS" : "AcroForm");
    if (field) {
        text_put(out, S(" /AcroForm << /SigFlags 3 /Fields "));
        put_with_field(out, fields, field);
        text_put(out, S(" >>"));
    }
    if (dss.at) {
        text_put(out, S(" /DSS "));
        text_put(out, dss);
    }
    text_put(out, S(" >>"));
    pdf_writer_end(&update->writer);
}

static bool write_page(struct pdf_update *update, int field)
{
    struct str list, inside = STR_NULL;
    if (pdf_raw_entry(update->page_value, "Annots", &list) && !pdf_inside_array(list, &inside))
        return fail(update->c, E_INVALID, "this is not a PDF as this server makes them, and is not signed here");
    struct text *out = pdf_writer_begin(&update->writer, update->page);
    put_others(out, update->page_value, "Annots");
    text_put(out, S(" /Annots "));
    put_with_field(out, inside, field);
    text_put(out, S(" >>"));
    pdf_writer_end(&update->writer);
    return true;
}

bool pdf_update_finish(struct pdf_update *update, int field, struct str dss, struct str *out)
{
    struct pdf_file *file = &update->file;
    struct text trailer;
    if (field && !write_page(update, field))
        return false;
    write_root(update, field, dss);
    text_init(&trailer, 65536);
    text_format(&trailer, "/Prev %" PRId64, file->table);
    static const char *const kept[] = { "Root", "Info", "ID" };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        struct str value;
        if (!pdf_raw_entry(file->trailer, kept[i], &value))
            continue;
        text_format(&trailer, " /%s ", kept[i]);
        text_put(&trailer, value);
    }
    pdf_writer_finish(&update->writer, text_str(&trailer));
    bool whole = !trailer.overflowed && !update->writer.out.overflowed;
    text_release(&trailer);
    if (!whole)
        return fail(update->c, E_TOO_LARGE, "the PDF grows too large");
    ptrdiff_t added = update->writer.out.len;
    char *bytes = arena_try_alloc(&update->c->arena, file->bytes.len + added);
    if (!bytes)
        return fail(update->c, E_UNAVAILABLE, "there is no memory for the PDF");
    memcpy(bytes, file->bytes.at, (size_t)file->bytes.len);
    memcpy(bytes + file->bytes.len, update->writer.out.at, (size_t)added);
    *out = (struct str){ bytes, file->bytes.len + added };
    return true;
}

void pdf_update_release(struct pdf_update *update)
{
    pdf_writer_release(&update->writer);
}
