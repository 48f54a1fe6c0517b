/* content.c - what a report says, and how a change becomes the next version. */
#include "reports/content_form.h"

#include "db/db.h"
#include "site/actor.h"
#include "schema/json.h"
#include "schema/json_read.h"
#include "base/crypto.h"
#include "base/names.h"

const char *const source_kinds[] = { "MEASUREMENT", "DIAGNOSIS", "PRIOR_REPORT", NULL };
NAMES_REACH(source_kinds, FROM_PRIOR);

static const struct field key_image_fields[] = {
    FIELD(struct key_image, image_file_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX,
          .doc = "An image of the study."),
    FIELD(struct key_image, frame, .min = 1, .max = 1000000, .fallback = "1", .doc = "Which of its frames, from 1."),
    FIELD(struct key_image, caption, .flags = NULLABLE, .max = 500, .doc = "What it shows."),
};
const struct schema key_image_schema =
    SCHEMA("ReportKeyImage", struct key_image, key_image_fields, .doc = "An image that the report shows.");

static const struct field content_source_fields[] = {
    FIELD(struct content_source, section, .flags = NULLABLE, .max = 40, .doc = "The section that the sentence is in."),
    FIELD(struct content_source, field, .flags = NULLABLE, .max = 40, .doc = "Or the field that has the value."),
    FIELD(struct content_source, text, .flags = REQUIRED, .min = 1, .max = 2000,
          .doc = "The sentence or value, as it was put there."),
    FIELD(struct content_source, kind, .flags = REQUIRED, .choices = source_kinds, .type = "ReportSourceKind",
          .doc = "What it comes from."),
    FIELD(struct content_source, reference, .flags = REQUIRED, .min = 1, .max = 200, .example = "diagnosis/77",
          .doc = "Which one, of this study or patient: diagnosis/77 (confirmed by a reader), images/812/annotations/4 "
                 "(a version), reports/5 (signed)."),
    FIELD(struct content_source, detail, .flags = NULLABLE, .max = 500,
          .doc = "More of it; of a diagnosis the server says the model and its version."),
};
const struct schema content_source_schema = SCHEMA("ReportSource", struct content_source, content_source_fields,
                                                   .doc = "Where a sentence or a value of a report comes from.");

static const struct field content_addendum_fields[] = {
    FIELD(struct content_addendum, text, .flags = REQUIRED, .min = 1, .max = CONTENT_ADDENDUM_MAX,
          .doc = "What is added."),
    FIELD(struct content_addendum, author_id, .doc = "The account that added it."),
    FIELD(struct content_addendum, author_name, .flags = NULLABLE, .doc = "What that was called then."),
    FIELD(struct content_addendum, added_at, .doc = "When."),
};
const struct schema content_addendum_schema = SCHEMA("ReportAddendum", struct content_addendum, content_addendum_fields,
                                                     .doc = "What was added below a signed report.");

/* ---- lists, as records and as they are stored ---- */

struct lists {
    struct list key_images, sources, addenda;
};
static const struct field list_fields[] = {
    FIELD(struct lists, key_images, .of = &key_image_schema, .max = CONTENT_IMAGES_MAX, .doc = "Images."),
    FIELD(struct lists, sources, .of = &content_source_schema, .max = CONTENT_SOURCES_MAX, .doc = "Sources."),
    FIELD(struct lists, addenda, .of = &content_addendum_schema, .max = CONTENT_ADDENDA_MAX, .doc = "Addenda."),
};

static bool take(struct call *c, const struct field *field, struct str stored, struct list *out)
{
    struct str words;
    *out = (struct list){ 0 };
    return !stored.len || !json_take_text(field, out, stored, &c->arena, &words) ||
           fail(c, E_INTERNAL, "a report's %s cannot be read: %.*s", field->name, STR_FMT(words));
}

/* False: it is too long. An empty list is null. */
static bool store(struct call *c, const struct field *field, const struct list *list, struct json *out)
{
    struct text text;
    *out = (struct json){ STR_NULL };
    if (!list->count)
        return true;
    text_init(&text, CONTENT_BYTES_MAX);
    json_put_member(&text, field, list, &c->arena);
    bool fits = !text.overflowed;
    if (fits)
        out->text = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return fits || error_add_problem(&c->error, &c->arena, "body", str_from(field->name), "too_long",
                                     "they have more than 512 KiB");
}

bool content_images(struct call *c, const struct report_content *content, struct list *out)
{
    return take(c, &list_fields[0], content->key_images.text, out);
}

bool content_source_list(struct call *c, const struct report_content *content, struct list *out)
{
    return take(c, &list_fields[1], content->sources.text, out);
}

bool content_addenda(struct call *c, const struct report_content *content, struct list *out)
{
    return take(c, &list_fields[2], content->addenda.text, out);
}

/* ---- sections ---- */

static bool complain(struct call *c, const char *name, const char *type, const char *words)
{
    return error_add_problem(&c->error, &c->arena, "body", arena_format(&c->arena, "sections.%.60s", name), type, "%s",
                             words);
}

static bool has_controls(struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++)
        if (((unsigned char)s.at[i] < 0x20 && s.at[i] != '\n' && s.at[i] != '\t') || s.at[i] == 0x7F)
            return true;
    return false;
}

/* With one kind of line end, and none at its end. */
static struct str tidy(struct call *c, struct str s)
{
    char *at = arena_alloc(&c->arena, s.len + 1);
    ptrdiff_t len = 0;
    for (ptrdiff_t i = 0; i < s.len; i++)
        if (s.at[i] != '\r')
            at[len++] = s.at[i];
        else if (i + 1 >= s.len || s.at[i + 1] != '\n')
            at[len++] = '\n';
    while (len && (at[len - 1] == '\n' || at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    return (struct str){ at, len };
}

/* The section's text, fit to be kept; null, with a problem added, when it is not. */
static struct str section_text(struct call *c, const char *name, const json_t *value)
{
    if (!json_is_string(value)) {
        complain(c, name, "not_a_text", "give text, or null to take the section out");
        return STR_NULL;
    }
    struct str text = tidy(c, json_text(value));
    if (text.len > CONTENT_SECTION_MAX)
        complain(c, name, "too_long", "it has more than 100,000 bytes");
    else if (has_controls(text))
        complain(c, name, "control_character", "it has a control character other than tab and line end");
    else if (str_turns_direction(text))
        complain(c, name, "direction_control", "it has a character that turns the direction of what is shown");
    else
        return text;
    return STR_NULL;
}

static bool change_one(struct call *c, const struct content_form *form, json_t *sections, const char *name,
                       json_t *value)
{
    if (!content_form_has(form, str_from(name)))
        return complain(c, name, "unknown",
                        form->definition ? "the template has no such section"
                                         : "there is no such section: indication, technique, comparison, findings, "
                                           "impression, recommendation");
    if (json_is_null(value)) {
        json_object_del(sections, name);
        return true;
    }
    struct str text = section_text(c, name, value);
    return text.at && !json_object_set_new(sections, name, json_stringn(text.at, (size_t)text.len));
}

/* In the form's order. */
static struct str in_order(struct call *c, const struct content_form *form, json_t *sections)
{
    json_t *ordered = json_object();
    for (int i = 0; i < form->count; i++) {
        const char *name = arena_cstring(&c->arena, form->sections[i].name);
        json_t *value = json_object_get(sections, name);
        if (value)
            json_object_set(ordered, name, value);
    }
    struct str out = json_tree_text(ordered, CONTENT_BYTES_MAX, &c->arena);
    json_decref(ordered);
    return out;
}

static bool merge_sections(struct call *c, const struct content_form *form, struct str before, struct str change,
                           struct json *out)
{
    json_t *sections = content_tree(c, before), *wanted = content_tree(c, change), *value;
    const char *name;
    bool ok = json_is_object(sections) && wanted;
    if (ok && !json_is_object(wanted))
        ok = error_add_problem(&c->error, &c->arena, "body", S("sections"), "not_an_object",
                               "give an object: {\"findings\": \"...\"}");
    else if (!ok)
        fail(c, E_INTERNAL, "a report's sections cannot be read");
    if (ok)
        json_object_foreach(wanted, name, value) ok &= change_one(c, form, sections, name, value);
    if (ok) {
        out->text = in_order(c, form, sections);
        ok = out->text.at || error_add_problem(&c->error, &c->arena, "body", S("sections"), "too_long",
                                               "the report has more than 512 KiB of text");
    }
    json_decref(sections);
    json_decref(wanted);
    return ok && c->error.code == E_NONE;
}

struct str content_section(struct call *c, const struct report_content *content, struct str name)
{
    json_t *sections = content_tree(c, content->sections.text);
    json_t *value = json_object_get(sections, arena_cstring(&c->arena, name));
    struct str out = STR_NULL;
    if (json_is_string(value))
        out = arena_copy(&c->arena, json_text(value));
    json_decref(sections);
    return out;
}

bool content_is_complete(struct call *c, const struct report_content *content)
{
    struct content_form form;
    if (!content_form_of(c, content, &form) || (form.definition && !content_form_is_filled(c, &form, content)))
        return false;
    for (int i = 0; i < form.count; i++) {
        const char *name = arena_cstring(&c->arena, form.sections[i].name);
        struct str text = content_section(c, content, form.sections[i].name);
        if (!form.definition && form.sections[i].is_required && !text.len)
            complain(c, name, "missing", "it has to say something before the report is submitted");
        if (form.definition && str_find(text, S(CONTENT_BLANK)) >= 0)
            complain(c, name, "blank", "a value is left to be filled in (" CONTENT_BLANK ")");
    }
    return c->error.code == E_NONE;
}

/* ---- the whole ---- */

static bool name_of_caller(struct call *c, struct str *out)
{
    struct value name;
    enum found found = db_find_value(c, &name, "select full_name from users where id = ?", V(call_user(c)));
    *out = found == FOUND ? arena_copy(&c->arena, name.text) : STR_NULL;
    return found != FAILED;
}

static bool add_addendum(struct call *c, struct str text, struct report_content *out)
{
    struct list list;
    struct str name;
    if (!content_addenda(c, out, &list) || !name_of_caller(c, &name))
        return false;
    if (list.count >= CONTENT_ADDENDA_MAX)
        return fail(c, E_CONFLICT, "a report has at most %d addenda", CONTENT_ADDENDA_MAX);
    struct content_addendum *all = arena_alloc(&c->arena, (list.count + 1) * (ptrdiff_t)sizeof(*all));
    if (list.count)
        memcpy(all, list.items, (size_t)list.count * sizeof(*all));
    all[list.count] = (struct content_addendum){ tidy(c, text), call_user(c), name, clock_now() };
    return store(c, &list_fields[2], &(struct list){ all, list.count + 1 }, &out->addenda);
}

static bool refuse_turned(struct call *c, struct str text, struct str member)
{
    return !str_turns_direction(text) ||
           error_add_problem(&c->error, &c->arena, "body", member, "direction_control",
                             "it has a character that turns the direction of what is shown");
}

static void refuse_turned_sources(struct call *c, const struct list *sources, const char *member)
{
    for (ptrdiff_t i = 0; i < sources->count; i++) {
        const struct content_source *source = (const struct content_source *)sources->items + i;
        (void)refuse_turned(c, source->text, arena_format(&c->arena, "%s.%td.text", member, i));
        (void)refuse_turned(c, source->detail, arena_format(&c->arena, "%s.%td.detail", member, i));
    }
}

/* All else that is shown. */
static bool reads_as_written(struct call *c, const struct content_change *change)
{
    (void)refuse_turned(c, change->title, S("title"));
    (void)refuse_turned(c, change->addendum, S("addendum"));
    for (ptrdiff_t i = 0; change->has_key_images && i < change->key_images.count; i++)
        (void)refuse_turned(c, ((const struct key_image *)change->key_images.items)[i].caption,
                            arena_format(&c->arena, "key_images.%td.caption", i));
    if (change->has_sources)
        refuse_turned_sources(c, &change->sources, "sources");
    refuse_turned_sources(c, &change->added_sources, "add_sources");
    return c->error.code == E_NONE;
}

static bool is_among(const struct content_source *all, ptrdiff_t count, const struct content_source *one)
{
    for (ptrdiff_t i = 0; i < count; i++)
        if (all[i].kind == one->kind && str_equal(all[i].section, one->section) &&
            str_equal(all[i].field, one->field) && str_equal(all[i].text, one->text) &&
            str_equal(all[i].reference, one->reference) && str_equal(all[i].detail, one->detail))
            return true;
    return false;
}

static bool add_sources(struct call *c, const struct list *added, struct report_content *out)
{
    struct list known;
    if (!content_source_list(c, out, &known))
        return false;
    struct content_source *all = arena_array(&c->arena, struct content_source, known.count + added->count);
    ptrdiff_t count = known.count;
    if (count)
        memcpy(all, known.items, (size_t)count * sizeof(*all));
    for (ptrdiff_t i = 0; i < added->count; i++) {
        const struct content_source *one = (const struct content_source *)added->items + i;
        if (!is_among(all, count, one))
            all[count++] = *one;
    }
    if (count > CONTENT_SOURCES_MAX)
        return error_add_problem(&c->error, &c->arena, "body", S("add_sources"), "too_long",
                                 "a report has at most %d sources", CONTENT_SOURCES_MAX);
    return store(c, &list_fields[1], &(struct list){ all, count }, &out->sources);
}

bool content_merge(struct call *c, const struct report_content *before, const struct content_change *change,
                   struct report_content *out)
{
    struct report_content now = { .language = S("zh-CN") };
    if (before)
        now = *before;
    else
        now.template_id = change->template_id, now.template_version = INTEGER_NULL;
    struct str language = now.language; /* the one that the words so far are in */
    if (!reads_as_written(c, change))
        return false;
    if (change->has_title)
        now.title = change->title;
    if (change->language.at)
        now.language = change->language;
    struct content_form form;
    struct json fields = now.fields;
    if (!content_form_of(c, &now, &form) || !content_form_merge_fields(c, &form, change->fields.text, &fields) ||
        !content_form_follow(c, &form, language, &now, fields) ||
        !merge_sections(c, &form, now.sections.text, change->sections.text, &now.sections))
        return false;
    now.fields = fields;
    if (form.definition)
        now.template_version = form.version;
    if (change->has_key_images && !store(c, &list_fields[0], &change->key_images, &now.key_images))
        return false;
    if (change->has_sources && !store(c, &list_fields[1], &change->sources, &now.sources))
        return false;
    if (change->added_sources.count && !add_sources(c, &change->added_sources, &now))
        return false;
    if (change->addendum.len && !add_addendum(c, change->addendum, &now))
        return false;
    *out = now;
    return true;
}

static bool same(struct str one, struct str other)
{
    return str_equal(one, other);
}

bool content_is_same(const struct report_content *a, const struct report_content *b)
{
    return same(a->title, b->title) && same(a->language, b->language) && a->template_id == b->template_id &&
           a->template_version == b->template_version && same(a->sections.text, b->sections.text) &&
           same(a->fields.text, b->fields.text) && same(a->key_images.text, b->key_images.text) &&
           same(a->sources.text, b->sources.text) && same(a->addenda.text, b->addenda.text);
}

struct str content_digest(struct call *c, const struct report_content *content)
{
    const struct str parts[] = { content->title,       content->language,        content->sections.text,
                                 content->fields.text, content->key_images.text, content->sources.text,
                                 content->addenda.text };
    struct text text;
    text_init(&text, 8 * CONTENT_BYTES_MAX);
    text_format(&text, "%" PRId64 "/%" PRId64, content->template_id, content->template_version);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        text_format(&text, "\n%td:", parts[i].len);
        text_put(&text, parts[i]);
    }
    struct str digest = crypto_sha256_hex(text_str(&text), &c->arena);
    text_release(&text);
    return digest;
}
