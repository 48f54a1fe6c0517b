/* form.c - the parts of a form as they come: files into temporary files, text into memory. */
#include "api/form.h"

#include "http/multipart.h"

enum { TEXT_PARTS_MAX = 32, TEXT_PART_BYTES_MAX = 65536 };

static bool begin_text(struct form *form, struct str name, struct error *error)
{
    int count = 0;
    for (struct form_text *t = form->texts; t; t = t->next)
        count++;
    if (count >= TEXT_PARTS_MAX)
        return error_set(error, E_BAD_REQUEST, "the form has too many parts");
    struct form_text *text = arena_new(&form->call->arena, struct form_text);
    text->name = arena_copy(&form->call->arena, name);
    text_init(&text->value, TEXT_PART_BYTES_MAX);
    text->next = form->texts;
    form->texts = form->current_text = text;
    return true;
}

static bool begin_file(struct form *form, struct str filename, struct error *error)
{
    struct call *c = form->call;
    if (form->file_count >= form->max_files)
        return error_set(error, E_TOO_LARGE, "at most %d file%s in one request", form->max_files,
                         form->max_files == 1 ? "" : "s");
    struct spooled *file = spool_begin(c, c->app->files, filename, c->app->config.max_upload_bytes, error);
    if (!file)
        return false;
    if (form->last)
        form->last->next = file;
    else
        form->files = file;
    form->last = form->current_file = file;
    form->file_count++;
    return true;
}

static bool on_part(void *self, const struct multipart_part *part, struct error *error)
{
    struct form *form = self;
    form->current_text = NULL;
    form->current_file = NULL;
    if (str_is_null(part->name))
        return error_set(error, E_BAD_REQUEST, "a part of the form has no name");
    bool is_file = part->filename.at || str_equal(part->name, S("file")) || str_equal(part->name, S("files"));
    if (!is_file)
        return begin_text(form, part->name, error);
    if (!str_equal(part->name, S("file")) && !str_equal(part->name, S("files")))
        return error_set(error, E_BAD_REQUEST, "send files in parts named \"file\"");
    return begin_file(form, part->filename, error);
}

/* A part of multipart/related: a DICOM file without a name. Only the representation that the body's `type` announces
 * is taken. */
static bool on_related_part(void *self, const struct multipart_part *part, struct error *error)
{
    struct form *form = self;
    form->current_text = NULL;
    form->current_file = NULL;
    if (part->content_type.at && !str_equal_fold(http_media_type(part->content_type), S("application/dicom")))
        return error_set(error, E_UNSUPPORTED_TYPE, "every part must be application/dicom");
    return begin_file(form, S("instance.dcm"), error);
}

static bool on_data(void *self, struct str bytes, struct error *error)
{
    struct form *form = self;
    if (form->current_file)
        return spool_write(form->current_file, bytes, error);
    text_put(&form->current_text->value, bytes);
    return !form->current_text->value.overflowed ||
           error_set(error, E_TOO_LARGE, "the form's part %.*s is longer than %d KiB",
                     STR_FMT(str_at_most(form->current_text->name, 64)), TEXT_PART_BYTES_MAX >> 10);
}

static bool on_end(void *self, struct error *error)
{
    (void)error;
    struct form *form = self;
    if (form->current_file)
        spool_finish(form->current_file);
    return true;
}

static bool form_write(void *self, struct str bytes, struct error *error)
{
    struct form *form = self;
    return multipart_push(form->parser, bytes, error);
}

static void release_form(void *self)
{
    struct form *form = self;
    for (struct spooled *file = form->files; file; file = file->next)
        spool_drop(file);
    for (struct form_text *text = form->texts; text; text = text->next)
        text_release(&text->value);
}

static bool receive(struct call *c, struct body_sink *sink, int max_files,
                    bool (*part)(void *self, const struct multipart_part *part, struct error *error))
{
    struct form *form = arena_new(&c->arena, struct form);
    struct multipart_events events = { form, part, on_data, on_end };
    struct str boundary = http_header_parameter(http_header(c->request, "Content-Type"), S("boundary"), &c->arena);
    form->call = c;
    form->max_files = max_files;
    form->parser = multipart_new(&c->arena, boundary, max_files + TEXT_PARTS_MAX, &events, &c->error);
    if (!form->parser)
        return false;
    exchange_of(c)->upload = form;
    exchange_of(c)->upload_release = release_form;
    *sink = (struct body_sink){ .write = form_write, .self = form, .late = true };
    return true;
}

bool form_receive_one(struct call *c, struct body_sink *sink)
{
    return receive(c, sink, 1, on_part);
}

bool form_receive_many(struct call *c, struct body_sink *sink)
{
    return receive(c, sink, (int)c->app->config.max_batch_files, on_part);
}

bool form_receive_related(struct call *c, struct body_sink *sink)
{
    struct str type = http_header_parameter(http_header(c->request, "Content-Type"), S("type"), &c->arena);
    if (!str_equal_fold(type, S("application/dicom")))
        return fail(c, E_UNSUPPORTED_TYPE, "send this as multipart/related; type=\"application/dicom\"");
    return receive(c, sink, (int)c->app->config.max_batch_files, on_related_part);
}

static bool take_text(struct call *c, const struct form_text *text, const struct schema *schema, void *record,
                      uint64_t *seen)
{
    int index = schema_find(schema, text->name);
    if (index < 0 || (schema->fields[index].flags & READ_ONLY))
        return error_add_problem(&c->error, &c->arena, "body", text->name, "unknown", "this form has no such member");
    if (*seen & GIVEN(index))
        return error_add_problem(&c->error, &c->arena, "body", text->name, "repeated", "given more than once");
    *seen |= GIVEN(index);
    struct str value = text_str(&text->value);
    if (!str_is_utf8(value))
        return error_add_problem(&c->error, &c->arena, "body", text->name, "not_utf8", "text must be UTF-8");
    if (field_take(c, &schema->fields[index], record, value_text(arena_copy(&c->arena, value)), "body", STR_NULL))
        c->given |= GIVEN(index);
    return true;
}

static bool take(struct call *c, struct form *form, const struct schema *schema, void *record, bool needs_file)
{
    uint64_t seen = 0;
    if (!multipart_finish(form->parser, &c->error))
        return false;
    c->given = 0;
    for (const struct form_text *text = form->texts; text; text = text->next)
        take_text(c, text, schema, record, &seen);
    if (needs_file && !form->files)
        error_add_problem(&c->error, &c->arena, "body", S("file"), "missing",
                          "a part named \"file\" with the file is needed");
    schema_finish(c, schema, record, c->given, seen, false, "body", STR_NULL);
    return c->error.code == E_NONE;
}

bool form_take(struct call *c, struct form *form, const struct schema *schema, void *record)
{
    return take(c, form, schema, record, true);
}

bool form_take_members(struct call *c, struct form *form, const struct schema *schema, void *record)
{
    return take(c, form, schema, record, false);
}
