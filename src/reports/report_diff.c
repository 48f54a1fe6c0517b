/* report_diff.c - two versions of a report beside each other. */
#include "reports/report_diff.h"

#include "reports/content_form.h"
#include "schema/json.h"
#include "schema/json_read.h"
#include "base/names.h"

const char *const part_changes[] = { "ADDED", "REMOVED", "CHANGED", NULL };
NAMES_REACH(part_changes, PART_CHANGED);

static const struct field part_fields[] = {
    FIELD(struct part_diff, name, .doc = "Of the section or field, or what else differs.", .example = "findings"),
    FIELD(struct part_diff, change, .choices = part_changes, .type = "ReportPartChange", .doc = "What became of it."),
    FIELD(struct part_diff, from, .flags = NULLABLE, .doc = "As it was."),
    FIELD(struct part_diff, to, .flags = NULLABLE, .doc = "As it is then."),
};
static const struct schema part_schema = SCHEMA("ReportPartDiff", struct part_diff, part_fields);

static const struct field diff_fields[] = {
    FIELD(struct report_diff, report_id, .doc = "The report."),
    FIELD(struct report_diff, from, .doc = "The earlier version."),
    FIELD(struct report_diff, to, .doc = "The later one."),
    FIELD(struct report_diff, sections, .of = &part_schema, .doc = "Sections that differ."),
    FIELD(struct report_diff, fields, .of = &part_schema, .doc = "Values that differ."),
    FIELD(struct report_diff, others, .of = &part_schema, .doc = "What else does."),
};
const struct schema report_diff_schema =
    SCHEMA("ReportDiff", struct report_diff, diff_fields, .doc = "What differs between two versions of a report.");

static struct json written(struct call *c, const json_t *value)
{
    return (struct json){ value ? json_tree_text(value, CONTENT_BYTES_MAX, &c->arena) : STR_NULL };
}

static void add(struct call *c, struct list *list, struct str name, const json_t *from, const json_t *to)
{
    if (from && to && json_equal(from, to))
        return;
    ((struct part_diff *)list->items)[list->count++] = (struct part_diff){
        .name = arena_copy(&c->arena, name),
        .change = !from ? PART_ADDED
                  : !to ? PART_REMOVED
                        : PART_CHANGED,
        .from = written(c, from),
        .to = written(c, to),
    };
}

static bool compare(struct call *c, struct str before, struct str after, struct list *out)
{
    json_t *from = content_tree(c, before), *to = content_tree(c, after), *value;
    const char *name;
    bool ok = json_is_object(from) && json_is_object(to);
    if (ok) {
        size_t most = json_object_size(from) + json_object_size(to);
        out->items = arena_alloc(&c->arena, (ptrdiff_t)((most + 1) * sizeof(struct part_diff)));
        out->count = 0;
        json_object_foreach(from, name, value) add(c, out, str_from(name), value, json_object_get(to, name));
        json_object_foreach(to, name, value) if (!json_object_get(from, name)) add(c, out, str_from(name), NULL, value);
    } else {
        fail(c, E_INTERNAL, "a version's sections cannot be read");
    }
    json_decref(from);
    json_decref(to);
    return ok;
}

static struct json quoted(struct call *c, struct str s)
{
    struct text text;
    if (!s.at)
        return (struct json){ STR_NULL };
    text_init(&text, 4096);
    text_put_json_string(&text, s);
    struct str out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return (struct json){ out };
}

static void add_other(struct list *list, const char *name, struct json from, struct json to)
{
    if (str_equal(from.text, to.text))
        return;
    ((struct part_diff *)list->items)[list->count++] = (struct part_diff){ str_from(name),
                                                                           !from.text.at ? PART_ADDED
                                                                           : !to.text.at ? PART_REMOVED
                                                                                         : PART_CHANGED,
                                                                           from, to };
}

bool report_diff_make(struct call *c, const struct report_version *from, const struct report_version *to,
                      struct report_diff *out)
{
    enum { OTHERS = 5 };
    const struct report_content *a = &from->content, *b = &to->content;
    *out = (struct report_diff){ .report_id = from->report_id, .from = from->version, .to = to->version };
    if (!compare(c, a->sections.text, b->sections.text, &out->sections) ||
        !compare(c, a->fields.text, b->fields.text, &out->fields))
        return false;
    out->others.items = arena_alloc(&c->arena, OTHERS * (ptrdiff_t)sizeof(struct part_diff));
    add_other(&out->others, "title", quoted(c, a->title), quoted(c, b->title));
    add_other(&out->others, "language", quoted(c, a->language), quoted(c, b->language));
    add_other(&out->others, "key_images", a->key_images, b->key_images);
    add_other(&out->others, "sources", a->sources, b->sources);
    add_other(&out->others, "addenda", a->addenda, b->addenda);
    return true;
}
