/* audit_detail.c - what changed from what to what, for the audit row: a walk over the rows of the record's members.
 *
 *     {"name":{"from":"Wang","to":"王"},"phone":{"changed":true}}
 *
 * Secret and sealed members say only that they changed. A row of the log stays small: long values are cut or left
 * out, and when much has changed the last members say only that they have, too. */
#include "site/actor.h"

#include "schema/json.h"

#include <string.h>

enum { VALUE_MAX_BYTES = 600, TEXT_MAX_POINTS = 150, QUOTED_MAX_BYTES = 12000, COMPARED_MAX_BYTES = 8 << 20 };

/* A record that is about to change. */
struct watched {
    const char *entity; /* as the log calls it */
    const struct schema *schema;
    int64_t id;
    const void *before; /* NULL: there is none */
    struct watched *next;
};

/* ---- one member ---- */

static struct str member_json(struct call *c, const struct field *field, const void *record)
{
    struct text text;
    text_init(&text, COMPARED_MAX_BYTES);
    json_put_member(&text, field, (const char *)record + field->offset, &c->arena);
    struct str value = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return value;
}

/* The beginning of a long text, as JSON. */
static struct str cut_json(struct call *c, struct str whole)
{
    struct str rest = whole;
    struct text text;
    for (int i = 0; i < TEXT_MAX_POINTS && rest.len; i++)
        str_next_code_point(&rest);
    text_init(&text, VALUE_MAX_BYTES * 8);
    struct str begin = arena_format(&c->arena, "%.*s…", STR_FMT(str_slice(whole, 0, rest.at - whole.at)));
    text_put_json_string(&text, begin);
    struct str value = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return value;
}

/* `json`, if it is short; else what there is room for. Null: too much. */
static struct str quoted(struct call *c, const struct field *field, const void *record, struct str json)
{
    if (json.len <= VALUE_MAX_BYTES)
        return json;
    if (field->kind != &kind_text)
        return STR_NULL;
    struct str whole;
    memcpy(&whole, (const char *)record + field->offset, sizeof(whole));
    return cut_json(c, whole);
}

static struct str put_change(struct call *c, struct str detail, const struct field *field, struct str from,
                             struct str to)
{
    bool tells = from.at && to.at && detail.len + from.len + to.len <= QUOTED_MAX_BYTES;
    if (!tells)
        return arena_format(&c->arena, "%.*s%s\"%s\":{\"changed\":true}", STR_FMT(detail), detail.len ? "," : "{",
                            field->name);
    return arena_format(&c->arena, "%.*s%s\"%s\":{\"from\":%.*s,\"to\":%.*s}", STR_FMT(detail), detail.len ? "," : "{",
                        field->name, STR_FMT(from), STR_FMT(to));
}

/* ---- records ---- */

/* Null: nothing that is told has changed. */
static struct str difference(struct call *c, const struct schema *schema, const void *before, const void *after,
                             uint64_t mask)
{
    struct str detail = S("");
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (!(mask & GIVEN(i)) || (field->flags & WRITE_ONLY))
            continue;
        struct str from = member_json(c, field, before), to = member_json(c, field, after);
        if (str_equal(from, to))
            continue;
        if (field->flags & (SECRET | ENCRYPTED | NOT_QUOTED))
            from = to = STR_NULL;
        else
            from = quoted(c, field, before, from), to = quoted(c, field, after, to);
        detail = put_change(c, detail, field, from, to);
    }
    return detail.len ? arena_format(&c->arena, "%.*s}", STR_FMT(detail)) : STR_NULL;
}

void audit_changed(struct call *c, const struct schema *schema, const void *before, const void *after, uint64_t mask)
{
    struct str detail = difference(c, schema, before, after, mask);
    if (detail.at)
        audit_detail(c, detail);
}

/* ---- what is about to change ---- */

static enum found load(struct call *c, const struct schema *schema, int64_t id, const void **out)
{
    void *record = schema_new(schema, &c->arena);
    struct str tail = arena_format(&c->arena, "where %s.id = ?", schema->alias);
    enum found found = db_find(c, schema, record, arena_cstring(&c->arena, tail), V(id));
    *out = found == FOUND ? record : NULL;
    return found;
}

bool audit_watch(struct call *c, const char *entity, const struct schema *schema, int64_t id)
{
    if (!c->request || !c->actor->audit.action || id <= 0)
        return true;
    struct watched **at = &c->actor->audit.watched;
    while (*at && ((*at)->schema != schema || (*at)->id != id))
        at = &(*at)->next;
    if (!*at) {
        *at = arena_new(&c->arena, struct watched);
        **at = (struct watched){ .entity = entity, .schema = schema, .id = id };
    }
    return load(c, schema, id, &(*at)->before) != FAILED; /* again, when the transaction begins anew */
}

/* Columns of the record itself that say something of it. */
static uint64_t told_of(const struct schema *schema)
{
    uint64_t mask = 0;
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        bool is_derived = field->sql && strchr(field->sql, '(');
        if (!is_derived && !(field->flags & (NOT_STORED | SET_ON_UPDATE)))
            mask |= GIVEN(i);
    }
    return mask;
}

/* Into the row in progress, when that is about this record, or into one more. */
static bool tell(struct call *c, const struct watched *w)
{
    struct audit_draft *draft = &c->actor->audit;
    const void *after = NULL;
    if (w->before && load(c, w->schema, w->id, &after) == FAILED)
        return false;
    struct str detail = after ? difference(c, w->schema, w->before, after, told_of(w->schema)) : STR_NULL;
    if (!detail.at)
        return true;
    if (w->id == (draft->entity_id ? draft->entity_id : draft->named_id) && draft->entity &&
        !strcmp(w->entity, draft->entity)) {
        draft->detail = detail;
        return true;
    }
    struct audit_entry other;
    audit_entry_of(c, &other);
    other.entity = w->entity;
    other.entity_id = w->id;
    other.detail = detail;
    if (!strcmp(w->entity, "patient"))
        other.patient_id = w->id;
    return audit_insert(c, &other);
}

bool audit_watched(struct call *c)
{
    struct audit_draft *draft = &c->actor->audit;
    for (const struct watched *w = draft->watched; w; w = w->next)
        if (!tell(c, w))
            return false;
    draft->watched = NULL; /* of a batch each has a row of its own */
    return true;
}
