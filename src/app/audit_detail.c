/* audit_detail.c - what changed from what to what, for the audit row. */
#include "app/actor.h"

#include "schema/json.h"

enum { DETAIL_MAX = 16384 };

/* The member's value as JSON: what stands behind the name in an object of it alone. */
static struct str value_json(struct call *c, const struct schema *schema, const void *record, int index)
{
    struct text text;
    text_init(&text, DETAIL_MAX);
    json_encode(&text, schema, record, GIVEN(index), &c->arena);
    struct str object = text_str(&text);
    ptrdiff_t colon = str_find(object, S(":"));
    struct str value =
        colon < 0 || text.overflowed ? S("null") : arena_copy(&c->arena, str_slice(object, colon + 1, object.len - 1));
    text_release(&text);
    return value;
}

void audit_changed(struct call *c, const struct schema *schema, const void *before, const void *after, uint64_t mask)
{
    struct str detail = S("");
    for (int i = 0; i < schema->count; i++) {
        if (!(mask & GIVEN(i)) || (schema->fields[i].flags & (SECRET | WRITE_ONLY | ENCRYPTED)))
            continue;
        struct str from = value_json(c, schema, before, i), to = value_json(c, schema, after, i);
        if (!str_equal(from, to))
            detail = arena_format(&c->arena, "%.*s%s\"%s\":{\"from\":%.*s,\"to\":%.*s}", STR_FMT(detail),
                                  detail.len ? "," : "{", schema->fields[i].name, STR_FMT(from), STR_FMT(to));
    }
    if (detail.len)
        audit_detail(c, arena_format(&c->arena, "%.*s}", STR_FMT(detail)));
}
