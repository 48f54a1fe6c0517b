/* sample.c - records made from field rows, and their round trip through JSON. Limits are in sample_limits.c. */
#include "sample.h"

#include "base/call.h"
#include "schema/json.h"
#include "schema/kinds.h"

/* A small generator of its own, so that a seed means the same everywhere (splitmix64). */
static uint64_t mix(uint64_t n)
{
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9u;
    n = (n ^ (n >> 27)) * 0x94d049bb133111ebu;
    return n ^ (n >> 31);
}

static bool is_writable(const struct field *field)
{
    return !(field->flags & (READ_ONLY | IN_QUERY));
}

/* `count` code points, none of them a space at the ends. */
static struct str sample_text(int64_t count, uint64_t random, bool ascii, struct arena *arena)
{
    static const char *const pieces[] = { "a", "张", "Z", "é", "7", "🩻", "\"", "\\", "伟", "/" };
    char *at = arena_alloc(arena, (ptrdiff_t)count * 4 + 1);
    ptrdiff_t len = 0;
    for (int64_t i = 0; i < count; i++) {
        const char *piece = ascii ? "x" : pieces[(random + (uint64_t)i) % (sizeof(pieces) / sizeof(pieces[0]))];
        memcpy(at + len, piece, strlen(piece));
        len += (ptrdiff_t)strlen(piece);
    }
    return (struct str){ at, len };
}

static unsigned count_choices(const struct field *field)
{
    unsigned count = 0;
    while (field->choices[count])
        count++;
    return count;
}

/* A number between the limits, the limits themselves for those two seeds. */
static int64_t between(int64_t min, int64_t max, unsigned seed, uint64_t random)
{
    if (seed == SAMPLE_SMALLEST || seed == SAMPLE_LARGEST)
        return seed == SAMPLE_SMALLEST ? min : max;
    uint64_t span = (uint64_t)max - (uint64_t)min;
    return (int64_t)((uint64_t)min + (span == UINT64_MAX ? random : random % (span + 1)));
}

static ptrdiff_t list_size(const struct field *field, unsigned seed, uint64_t random)
{
    struct limits limits = field_limits(field);
    int64_t most = limits.max < 5 ? limits.max : limits.min > 5 ? limits.min : 5;
    return (ptrdiff_t)between(limits.min, most, seed, random);
}

static void fill_text(const struct field *field, struct str *member, unsigned seed, uint64_t random,
                      struct arena *arena)
{
    if (field->rule) { /* what it takes is the rule's own test */
        *member = str_from(field->example);
        return;
    }
    if (field->choices) {
        *member = choice_text(field->choices, 1 + (unsigned)(random % count_choices(field)));
        return;
    }
    bool ascii = field->flags & READ_ONLY;
    struct limits limits = field_limits(field);
    if (limits.min < 1 && !(field->flags & KEEP_EMPTY))
        limits.min = 1;
    if (ascii && limits.max > 32 && limits.min <= 32)
        limits.max = 32;
    *member = sample_text(between(limits.min, limits.max, seed, random), random, ascii, arena);
}

static void fill_texts(const struct field *field, struct texts *member, unsigned seed, uint64_t random,
                       struct arena *arena)
{
    member->count = list_size(field, seed, random);
    member->items = arena_array(arena, struct str, member->count + 1);
    for (ptrdiff_t i = 0; i < member->count; i++) {
        if (field->choices)
            member->items[i] = choice_text(field->choices, 1 + (unsigned)(i % count_choices(field)));
        else
            member->items[i] = sample_text(1 + (int64_t)(random % 20), random + (uint64_t)i, false, arena);
    }
}

static void fill_integers(const struct field *field, struct integers *member, unsigned seed, uint64_t random,
                          struct arena *arena)
{
    member->count = list_size(field, seed, random);
    member->items = arena_array(arena, int64_t, member->count + 1);
    for (ptrdiff_t i = 0; i < member->count; i++)
        member->items[i] = i ? (int64_t)(mix(random + (uint64_t)i) >> 1) : -INT64_MAX;
}

static void fill_counts(const struct field *field, struct counts *member, unsigned seed, uint64_t random,
                        struct arena *arena)
{
    member->count = list_size(field, seed, random);
    member->items = arena_array(arena, struct count, member->count + 1);
    for (ptrdiff_t i = 0; i < member->count; i++)
        member->items[i] = (struct count){ field->choices ? choice_text(field->choices, 1 + (unsigned)i)
                                                          : arena_format(arena, "名%td", i),
                                           (int64_t)(random >> 1) };
}

static void fill_list(const struct field *field, struct list *member, unsigned seed, struct arena *arena)
{
    member->count = list_size(field, seed, seed);
    char *items = arena_alloc_array(arena, member->count + 1, (ptrdiff_t)field->of->size);
    member->items = items;
    for (ptrdiff_t i = 0; i < member->count; i++)
        sample_fill(field->of, items + i * (ptrdiff_t)field->of->size, seed, arena);
}

static void fill_number(const struct field *field, void *member, unsigned seed, uint64_t random)
{
    if (field->kind == &kind_integer) {
        struct limits limits = field_limits(field);
        *(int64_t *)member = between(limits.min, limits.max, seed, random);
    } else if (field->kind == &kind_boolean) {
        *(bool *)member = seed == SAMPLE_LARGEST || (seed > SAMPLE_NULLS && random % 2);
    } else if (field->kind == &kind_choice) {
        *(unsigned *)member = (unsigned)between(1, count_choices(field), seed, random);
    } else if (field->kind == &kind_instant) {
        int64_t last = date_midnight(date_from_ymd(9999, 12, 31)).us + INT64_C(86399999999);
        *(int64_t *)member = between(date_midnight(date_from_ymd(1, 1, 1)).us, last, seed, random);
    } else if (field->kind == &kind_date) {
        int64_t days = between(date_from_ymd(1, 1, 1).days, date_from_ymd(9999, 12, 31).days, seed, random);
        *(struct date *)member = (struct date){ (int32_t)days };
    } else if (field->kind == &kind_real) {
        double min = 0, max = 0;
        field_real_limits(field, &min, &max);
        double part = (double)(random >> 11) * 0x1p-53;
        *(double *)member = seed == SAMPLE_SMALLEST  ? min
                            : seed == SAMPLE_LARGEST ? max
                                                     : min + (max / 2 - min / 2) * part;
    }
}

static void fill_member(const struct field *field, void *member, unsigned seed, uint64_t random, struct arena *arena)
{
    const struct kind *kind = field->kind;
    kind->clear(field, member);
    bool may_be_null = !(field->flags & REQUIRED) && !field->fallback && !(field->flags & KEEP_EMPTY);
    if (may_be_null && kind != &kind_object && (seed == SAMPLE_NULLS || (seed > SAMPLE_NULLS && random % 7 == 0)))
        return;
    if (kind == &kind_text)
        fill_text(field, member, seed, random, arena);
    else if (kind == &kind_texts)
        fill_texts(field, member, seed, random, arena);
    else if (kind == &kind_integers)
        fill_integers(field, member, seed, random, arena);
    else if (kind == &kind_counts)
        fill_counts(field, member, seed, random, arena);
    else if (kind == &kind_json)
        ((struct json *)member)->text = S("{\"点\":[1,2.5,null,true],\"t\":\"x\\\"y\"}");
    else if (kind == &kind_object)
        sample_fill(field->of, member, seed, arena);
    else if (kind == &kind_list)
        fill_list(field, member, seed, arena);
    else
        fill_number(field, member, seed, random);
}

void sample_fill(const struct schema *schema, void *record, unsigned seed, struct arena *arena)
{
    schema_clear(schema, record);
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        uint64_t random = mix((uint64_t)seed * 0x9e3779b97f4a7c15u + (uint64_t)i + 1);
        fill_member(field, (char *)record + field->offset, seed, random, arena);
    }
}

/* ---- bodies ---- */

static void put_body(struct text *out, const struct schema *schema, const void *record, const struct field *replace,
                     struct str json, struct arena *arena);

static void put_value(struct text *out, const struct field *field, const void *member, struct arena *arena)
{
    const struct list *list = member;
    if (field->kind == &kind_object) {
        put_body(out, field->of, member, NULL, STR_NULL, arena);
    } else if (field->kind == &kind_list && list->items) {
        text_put_char(out, '[');
        for (ptrdiff_t i = 0; i < list->count; i++) {
            text_put(out, i ? S(",") : S(""));
            put_body(out, field->of, (const char *)list->items + i * (ptrdiff_t)field->of->size, NULL, STR_NULL, arena);
        }
        text_put_char(out, ']');
    } else {
        json_put_member(out, field, member, arena);
    }
}

static void put_body(struct text *out, const struct schema *schema, const void *record, const struct field *replace,
                     struct str json, struct arena *arena)
{
    bool first = true;
    text_put_char(out, '{');
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        const void *member = (const char *)record + field->offset;
        bool is_null = field->kind != &kind_object && field->kind->get(field, member, arena).type == VALUE_NOTHING;
        /* Without NULLABLE a null list is shown as an empty one, which is not the same. */
        if (!is_writable(field) || (is_null && field != replace))
            continue;
        text_format(out, "%s\"%s\":", first ? "" : ",", field->name);
        first = false;
        if (field == replace)
            text_put(out, json);
        else
            put_value(out, field, member, arena);
    }
    text_put_char(out, '}');
}

struct str sample_body(const struct schema *schema, const void *record, const struct field *replace, struct str json,
                       struct arena *arena)
{
    struct text out;
    text_init(&out, 64 << 20);
    put_body(&out, schema, record, replace, json, arena);
    struct str body = arena_copy(arena, text_str(&out));
    text_release(&out);
    return body;
}

/* A READ_ONLY member never travels in a body, so nested records are compared as bodies. */
static struct str shown(const struct field *field, const void *record, struct arena *arena)
{
    const void *member = (const char *)record + field->offset;
    struct text out;
    text_init(&out, 64 << 20);
    if (field->kind->get(field, member, arena).type == VALUE_NOTHING)
        text_put(&out, S("nothing"));
    else
        put_value(&out, field, member, arena);
    struct str copy = arena_copy(arena, text_str(&out));
    text_release(&out);
    return copy;
}

const char *sample_difference(const struct schema *schema, const void *a, const void *b, uint64_t mask,
                              struct arena *arena)
{
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if ((mask & GIVEN(i)) && !str_equal(shown(field, a, arena), shown(field, b, arena)))
            return field->name;
    }
    return NULL;
}

/* ---- the whole check ---- */

static int check_round_trip(const struct schema *schema, unsigned seed, struct text *complaints)
{
    struct call c;
    call_init(&c, NULL, NULL);
    void *before = schema_new(schema, &c.arena), *after = schema_new(schema, &c.arena);
    sample_fill(schema, before, seed, &c.arena);
    uint64_t given = 0, writable = 0;
    for (int i = 0; i < schema->count; i++)
        writable |= is_writable(&schema->fields[i]) ? GIVEN(i) : 0;
    struct str body = sample_body(schema, before, NULL, STR_NULL, &c.arena);
    int wrong = 0;
    const char *difference = NULL;
    if (!json_decode(&c, body, schema, after, false, &given)) {
        const struct problem *p = c.error.problems;
        text_format(complaints, "%s: seed %u is refused: %.*s %s\n", schema->name, seed,
                    STR_FMT(p ? p->member : str_from(c.error.message)), p ? p->type : "");
        wrong++;
    } else if ((difference = sample_difference(schema, before, after, writable, &c.arena))) {
        text_format(complaints, "%s.%s: seed %u comes back changed\n", schema->name, difference, seed);
        wrong++;
    }
    call_release(&c);
    return wrong;
}

/* Is the outcome what the limit says: nothing, or this one problem at this one member? */
static bool is_expected(const struct call *c, const struct field *field, const struct sample_limit *limit)
{
    const struct problem *p = c->error.problems;
    if (!limit->trouble)
        return c->error.code == E_NONE;
    if (c->error.code != E_INVALID || c->error.problem_count != 1 || strcmp(p->type, limit->trouble) != 0)
        return false;
    struct str name = str_from(field->name);
    return limit->in_item ? str_starts(p->member, name) && p->member.len > name.len : str_equal(p->member, name);
}

static int check_limits(const struct schema *schema, const struct field *field, struct text *complaints)
{
    struct sample_limit limits[SAMPLE_LIMITS_MAX];
    struct arena arena;
    arena_init(&arena);
    int count = sample_limits(field, &arena, limits), wrong = 0;
    for (int i = 0; i < count; i++) {
        struct call c;
        call_init(&c, NULL, NULL);
        void *record = schema_new(schema, &c.arena), *after = schema_new(schema, &c.arena);
        sample_fill(schema, record, SAMPLE_SMALLEST, &c.arena);
        uint64_t given = 0;
        struct str body = sample_body(schema, record, field, limits[i].json, &c.arena);
        json_decode(&c, body, schema, after, false, &given);
        if (!is_expected(&c, field, &limits[i])) {
            const struct problem *p = c.error.problems;
            text_format(complaints, "%s.%s: %.*s should be %s, is %s\n", schema->name, field->name,
                        STR_FMT(str_slice(limits[i].json, 0, 60)), limits[i].trouble ? limits[i].trouble : "taken",
                        p              ? p->type
                        : c.error.code ? c.error.message
                                       : "taken");
            wrong++;
        }
        call_release(&c);
    }
    arena_release(&arena);
    return wrong;
}

int sample_check(const struct schema *schema, struct text *complaints)
{
    int wrong = 0;
    for (unsigned seed = 0; seed < SAMPLE_SEEDS; seed++)
        wrong += check_round_trip(schema, seed, complaints);
    for (int i = 0; i < schema->count; i++) {
        if (is_writable(&schema->fields[i]))
            wrong += check_limits(schema, &schema->fields[i], complaints);
    }
    return wrong;
}
