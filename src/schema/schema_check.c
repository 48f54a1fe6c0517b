/* schema_check.c - what is wrong with a table of rows, found at start rather than at the first request. */
#include "base/text.h"
#include "schema/json_read.h"
#include "schema/kinds.h"

enum { NESTED_MAX = 8, FIELDS_MAX = 64 };

static int complain(struct text *complaints, const struct schema *schema, const char *member, const char *what)
{
    text_format(complaints, "%s.%s: %s\n", schema->name ? schema->name : "(unnamed)", member, what);
    return 1;
}

/* Names are written into JSON, SQL and help without escaping. */
static bool is_identifier(const char *name)
{
    if (!name || !((name[0] >= 'a' && name[0] <= 'z') || (name[0] >= 'A' && name[0] <= 'Z') || name[0] == '_'))
        return false;
    for (; *name; name++) {
        bool letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');
        if (!letter && !(*name >= '0' && *name <= '9') && *name != '_')
            return false;
    }
    return true;
}

static bool is_nested(const struct field *field)
{
    return field->kind == &kind_object || field->kind == &kind_list;
}

/* Would the input take this default or example? */
static const char *refuses(const struct field *field, const char *text)
{
    bool is_json = is_nested(field) || field->kind == &kind_texts || field->kind == &kind_integers;
    struct arena arena;
    arena_init(&arena);
    struct str message = STR_NULL;
    size_t size = is_nested(field) && field->of ? field->of->size : field->kind->size;
    void *member = arena_alloc(&arena, (ptrdiff_t)(size > sizeof(struct list) ? size : sizeof(struct list)));
    const char *trouble;
    if (is_json && (text[0] == '[' || text[0] == '{'))
        trouble = json_take_text(field, member, str_from(text), &arena, &message);
    else
        trouble = field->kind->set(field, member, value_text(str_from(text)), &arena, &message);
    arena_release(&arena);
    return trouble;
}

static int check_flags(const struct schema *schema, const struct field *field, struct text *complaints)
{
    int wrong = 0;
    if ((field->flags & (ENCRYPTED | HASHED)) && field->kind != &kind_text)
        wrong += complain(complaints, schema, field->name, "only text can be ENCRYPTED or HASHED");
    if ((field->flags & (SET_ON_INSERT | SET_ON_UPDATE)) && field->kind != &kind_instant)
        wrong += complain(complaints, schema, field->name, "only an instant can be SET_ON_INSERT or SET_ON_UPDATE");
    if (schema->table && is_nested(field) && !(field->flags & NOT_STORED))
        wrong += complain(complaints, schema, field->name, "objects and lists have no column: NOT_STORED is missing");
    return wrong;
}

static int check_kind(const struct schema *schema, const struct field *field, struct text *complaints)
{
    int wrong = 0;
    size_t size = field->kind == &kind_object && field->of ? field->of->size : field->kind->size;
    if (field->offset + size > schema->size)
        wrong += complain(complaints, schema, field->name, "lies outside its record");
    if (is_nested(field) && !field->of)
        wrong += complain(complaints, schema, field->name, "needs `of`, the schema inside");
    if (field->kind == &kind_choice && (!field->choices || !field->choices[0]))
        wrong += complain(complaints, schema, field->name, "needs `choices`");
    if (wrong)
        return wrong;
    if (field->fallback && refuses(field, field->fallback))
        wrong += complain(complaints, schema, field->name, "its own limits refuse its default");
    if (field->example && refuses(field, field->example))
        wrong += complain(complaints, schema, field->name, "its own limits refuse its example");
    return wrong;
}

static int check_field(const struct schema *schema, int index, struct text *complaints)
{
    const struct field *field = &schema->fields[index];
    if (!is_identifier(field->name))
        return complain(complaints, schema, field->name ? field->name : "(unnamed)", "is not a plain identifier");
    if (!field->kind)
        return complain(complaints, schema, field->name, "has no kind");
    int wrong = 0;
    if (!field->doc || !field->doc[0])
        wrong += complain(complaints, schema, field->name, "has no doc");
    for (int i = 0; i < index; i++) {
        const char *other = schema->fields[i].name;
        if (other && strcmp(other, field->name) == 0)
            wrong += complain(complaints, schema, field->name, "is there twice");
    }
    return wrong + check_flags(schema, field, complaints) + check_kind(schema, field, complaints);
}

static int check(const struct schema *schema, struct text *complaints, int depth)
{
    int wrong = 0;
    if (!schema->name)
        wrong += complain(complaints, schema, "", "the schema has no name");
    if (schema->count > FIELDS_MAX)
        wrong += complain(complaints, schema, "", "has more than 64 fields");
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        wrong += check_field(schema, i, complaints);
        if (field->of && field->of != schema && depth < NESTED_MAX)
            wrong += check(field->of, complaints, depth + 1);
    }
    return wrong;
}

int schema_check(const struct schema *schema, struct text *complaints)
{
    return check(schema, complaints, 0);
}
