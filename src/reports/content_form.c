/* content_form.c - the sections a report may have, and how a template's words follow its fields. */
#include "reports/content_form.h"

#include "reports/template.h"
#include "schema/json_read.h"

#define COMMON(NAME, EN, ZH, IS_REQUIRED) \
    { \
        { NAME, sizeof(NAME) - 1 }, { EN, sizeof(EN) - 1 }, { ZH, sizeof(ZH) - 1 }, IS_REQUIRED \
    }
static const struct section_row common[] = {
    COMMON("indication", "Indication", "检查目的", false), COMMON("technique", "Technique", "检查技术", false),
    COMMON("comparison", "Comparison", "对比", false),     COMMON("findings", "Findings", "影像所见", true),
    COMMON("impression", "Impression", "诊断意见", true),  COMMON("recommendation", "Recommendation", "建议", false),
};

/* A new report takes the newest version that the caller sees; one that is there stays with its own. */
static bool load(struct call *c, const struct report_content *content, struct template *out)
{
    if (content->template_version != INTEGER_NULL)
        return template_load_of_report(c, content->template_id, content->template_version, out);
    if (template_load(c, content->template_id, 0, out))
        return true;
    if (c->error.code != E_NOT_FOUND)
        return false;
    error_clear(&c->error);
    return error_add_problem(&c->error, &c->arena, "body", S("template_id"), "not_found",
                             "there is no template %" PRId64, content->template_id);
}

bool content_form_of(struct call *c, const struct report_content *content, struct content_form *out)
{
    if (content->template_id == INTEGER_NULL) {
        *out = (struct content_form){ common, (int)(sizeof(common) / sizeof(common[0])), NULL, INTEGER_NULL };
        return true;
    }
    struct template *t = arena_new(&c->arena, struct template);
    if (!load(c, content, t))
        return false;
    const struct list *sections = &t->definition.sections;
    struct section_row *rows = arena_alloc(&c->arena, (sections->count + 1) * (ptrdiff_t)sizeof(*rows));
    for (ptrdiff_t i = 0; i < sections->count; i++) {
        const struct template_section *s = (const struct template_section *)sections->items + i;
        rows[i] = (struct section_row){ s->name, s->title_en, s->title_zh, s->is_required };
    }
    *out = (struct content_form){ rows, (int)sections->count, &t->definition, t->version };
    return true;
}

bool content_form_has(const struct content_form *form, struct str section)
{
    for (int i = 0; i < form->count; i++)
        if (str_equal(form->sections[i].name, section))
            return true;
    return false;
}

/* ---- fields ---- */

static bool refuse_fields(struct call *c, const char *type, const char *words)
{
    return error_add_problem(&c->error, &c->arena, "body", S("fields"), type, "%s", words);
}

json_t *content_tree(struct call *c, struct str stored)
{
    struct json_flaw flaw;
    return stored.len ? json_read(stored, &c->arena, &flaw) : json_object();
}

bool content_form_merge_fields(struct call *c, const struct content_form *form, struct str change, struct json *fields)
{
    if (!change.len)
        return true;
    json_t *now = content_tree(c, fields->text), *wanted = content_tree(c, change), *value;
    const char *name;
    bool ok = json_is_object(now);
    if (ok && !json_is_object(wanted))
        ok = refuse_fields(c, "not_an_object", "give an object: {\"nodule_size\": 6.2}");
    else if (ok && json_object_size(wanted) && !form->definition)
        ok = refuse_fields(c, "no_template", "fields are those of a template: the report has none");
    if (ok)
        json_object_foreach(wanted, name, value) json_is_null(value) ? json_object_del(now, name)
                                                                     : json_object_set(now, name, value);
    struct json merged = { ok ? json_tree_text(now, CONTENT_BYTES_MAX, &c->arena) : STR_NULL };
    json_decref(now);
    json_decref(wanted);
    if (!ok || c->error.code)
        return false;
    if (!merged.text.at)
        return refuse_fields(c, "too_long", "they have more than 512 KiB");
    *fields = merged;
    return !form->definition || template_check_values(c, form->definition, merged);
}

bool content_form_is_filled(struct call *c, const struct content_form *form, const struct report_content *content)
{
    return template_is_complete(c, form->definition, content->sections, content->fields);
}

/* ---- words ---- */

static bool is_of_source(const struct list *sources, struct str section, struct str line)
{
    const struct content_source *all = sources->items;
    for (ptrdiff_t i = 0; i < sources->count; i++)
        if (str_equal(all[i].section, section) && str_equal(all[i].text, line))
            return true;
    return false;
}

/* Where the lines at a section's end begin that come from somewhere (draft.h): they are not the template's. */
static ptrdiff_t own_words(struct str text, const struct list *sources, struct str section)
{
    ptrdiff_t end = text.len;
    while (end > 0) {
        ptrdiff_t from = end;
        while (from > 0 && text.at[from - 1] != '\n')
            from--;
        if (!is_of_source(sources, section, str_slice(text, from, end)))
            break;
        end = from ? from - 1 : 0;
    }
    return end;
}

static bool follow_one(struct call *c, const struct content_form *form, struct str language,
                       const struct report_content *content, const struct list *sources,
                       const struct template_section *section, struct json fields, json_t *sections)
{
    struct texts blank;
    const char *name = arena_cstring(&c->arena, section->name);
    const json_t *now = json_object_get(sections, name);
    struct str before = template_text(c, form->definition, section, language, content->fields, &blank);
    struct str after = template_text(c, form->definition, section, content->language, fields, &blank);
    struct str text = json_text(now);
    ptrdiff_t own = own_words(text, sources, section->name);
    struct str lines = str_trim(str_slice(text, own, text.len));
    bool is_new = !content->sections.text.at;
    struct str words = str_trim(str_slice(text, 0, own)), made = str_trim(before);
    bool is_untouched = (!words.len && !made.len) || str_equal(words, made);
    if (after.at && lines.len)
        after = arena_format(&c->arena, "%.*s%s%.*s", STR_FMT(after), after.len ? "\n" : "", STR_FMT(lines));
    if (!before.at || !after.at || after.len > CONTENT_SECTION_MAX)
        return refuse_fields(c, "too_long", "with these values a section has more than 100,000 bytes");
    if ((is_new || is_untouched) && after.len)
        json_object_set_new(sections, name, json_of_text(after));
    else if (is_untouched)
        json_object_del(sections, name);
    return c->error.code == E_NONE;
}

bool content_form_follow(struct call *c, const struct content_form *form, struct str language,
                         struct report_content *content, struct json fields)
{
    if (!form->definition)
        return true;
    struct list sources;
    if (!content_source_list(c, content, &sources))
        return false;
    json_t *sections = content_tree(c, content->sections.text);
    const struct list *rows = &form->definition->sections;
    bool ok = json_is_object(sections) || fail(c, E_INTERNAL, "a report's sections cannot be read");
    for (ptrdiff_t i = 0; ok && i < rows->count; i++)
        ok = follow_one(c, form, language, content, &sources, (const struct template_section *)rows->items + i, fields,
                        sections);
    struct str all = ok ? json_tree_text(sections, CONTENT_BYTES_MAX, &c->arena) : STR_NULL;
    json_decref(sections);
    if (ok && !all.at)
        return error_add_problem(&c->error, &c->arena, "body", S("sections"), "too_long",
                                 "the report has more than 512 KiB of text");
    if (ok)
        content->sections.text = all;
    return ok;
}
