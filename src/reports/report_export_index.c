/* report_export_index.c - what an export holds, for programs and for people: index.json and index.csv, line by line. */
#include "reports/report_export_parts.h"

#include "site/app.h"
#include "base/text.h"
#include "schema/json.h"

enum { LINE_BYTES_MAX = 64 << 10 };

#define TOLD(member, ...) FIELD(struct export_line, member, .flags = NULLABLE, __VA_ARGS__)
static const struct field line_fields[] = {
    TOLD(report_id, .doc = "The report."),
    TOLD(report_uuid, .doc = "The same everywhere."),
    TOLD(version, .doc = "Its version."),
    TOLD(status, .choices = report_statuses, .type = "ReportStatus", .doc = "How it stood."),
    TOLD(patient_number, .doc = "The patient's number."),
    TOLD(patient_name, .doc = "The patient's name."),
    TOLD(accession_number, .doc = "Accession number of the study."),
    TOLD(study_date, .doc = "Date of the study."),
    TOLD(modality, .doc = "What made the study's pictures."),
    TOLD(body_part, .doc = "The part of the body that was examined."),
    TOLD(title, .doc = "What the report is called."),
    TOLD(author_name, .doc = "Who wrote it."),
    TOLD(signer_name, .doc = "Who signed it."),
    TOLD(signed_at, .doc = "When."),
    TOLD(form, .choices = export_forms, .type = "ExportForm", .doc = "Which form of it; null: none could be given."),
    TOLD(name, .doc = "The file in the ZIP; null: it could not be given."),
    TOLD(size_bytes, .doc = "Its size."),
    TOLD(sha256, .doc = "Its SHA-256."),
    TOLD(reason, .doc = "Why it could not be given."),
};
const struct schema export_line_schema =
    SCHEMA("ReportExportLine", struct export_line, line_fields, .doc = "One form of one report in an export.");

/* ---- CSV ---- */

/* The first characters that make a formula, in half and full width. */
static bool begins_formula(struct str text)
{
    static const char *const signs[] = { "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", NULL };
    struct str seen = str_trim(text);
    for (int i = 0; signs[i]; i++)
        if (str_starts(text, str_from(signs[i])) || str_starts(seen, str_from(signs[i])))
            return true;
    return false;
}

void export_put_cell(struct text *out, struct str text)
{
    text_put_char(out, '"');
    if (begins_formula(text))
        text_put_char(out, '\'');
    for (ptrdiff_t i = 0; i < text.len; i++) {
        unsigned char one = (unsigned char)text.at[i];
        if (one == '"')
            text_put_char(out, '"');
        text_put_char(out, one < ' ' || one == 0x7F ? ' ' : text.at[i]); /* no line within a cell */
    }
    text_put_char(out, '"');
}

static void put_row(struct text *out, const struct export_line *line, struct arena *arena)
{
    for (int i = 0; i < export_line_schema.count; i++) {
        const struct field *field = &export_line_schema.fields[i];
        struct value value = field->kind->get(field, (const char *)line + field->offset, arena);
        if (i)
            text_put_char(out, ',');
        if (value.type == VALUE_TEXT)
            export_put_cell(out, value.text);
        else if (value.type == VALUE_INTEGER)
            text_put_integer(out, value.integer);
    }
    text_put(out, S("\r\n"));
}

static void put_names(struct text *out)
{
    text_put(out, S("\xEF\xBB\xBF")); /* or spreadsheets take UTF-8 for something else */
    for (int i = 0; i < export_line_schema.count; i++)
        text_format(out, "%s%s", i ? "," : "", export_line_schema.fields[i].name);
    text_put(out, S("\r\n"));
}

/* ---- both ---- */

static bool write_out(struct call *c, struct blob_writer *writer, struct text *text, int64_t *bytes)
{
    if (text->overflowed)
        return fail(c, E_INTERNAL, "a line of the index is too long");
    *bytes += text->len;
    bool ok = blob_write(writer, text_str(text), &c->error);
    text_clear(text);
    return ok;
}

static void put_head(struct text *out, const struct report_export *row, struct arena *arena)
{
    text_format(out,
                "{\"export_id\":%" PRId64 ",\"asked_by\":%" PRId64 ",\"reports\":%" PRId64 ",\"made_at\":", row->id,
                row->asked_by, row->report_count);
    text_put_json_string(out, instant_format(clock_now(), arena));
    text_put(out, S(",\"files\":["));
}

bool export_index_begin(struct call *c, const struct report_export *row, struct export_index *out)
{
    struct text text;
    text_init(&text, LINE_BYTES_MAX);
    bool ok = blob_create(c->app->files, &out->json, &c->error) && blob_create(c->app->files, &out->csv, &c->error);
    if (ok) {
        put_head(&text, row, &c->arena);
        ok = write_out(c, out->json, &text, &out->json_bytes);
    }
    if (ok) {
        put_names(&text);
        ok = write_out(c, out->csv, &text, &out->csv_bytes);
    }
    text_release(&text);
    return ok;
}

bool export_index_put(struct call *c, struct export_index *index, const struct export_line *line)
{
    struct text text;
    text_init(&text, LINE_BYTES_MAX);
    text_put(&text, index->lines++ ? S(",\n") : S("\n"));
    json_encode(&text, &export_line_schema, line, JSON_ALL_FIELDS, &c->arena);
    bool ok = write_out(c, index->json, &text, &index->json_bytes);
    if (ok) {
        put_row(&text, line, &c->arena);
        ok = write_out(c, index->csv, &text, &index->csv_bytes);
    }
    text_release(&text);
    return ok;
}

bool export_index_end(struct call *c, struct export_index *index)
{
    static const struct str end = { "\n]}\n", 4 };
    index->json_bytes += end.len;
    return blob_write(index->json, end, &c->error);
}

void export_index_drop(struct export_index *index)
{
    blob_cancel(index->json);
    blob_cancel(index->csv);
    index->json = index->csv = NULL;
}
