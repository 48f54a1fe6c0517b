/* fuzz_query.c - query strings: every pair is taken or refused with a reason, and decoded text is UTF-8 without NUL. */
#include "../unit/schema/demo.h"

#include "base/call.h"
#include "schema/json.h"
#include "schema/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pairs(struct call *c, struct str query)
{
    struct str name, value;
    bool ok = true;
    while (query_next(&query, &c->arena, &name, &value, &ok)) {
        if (str_is_null(value) && ok)
            abort();
        if (!str_is_utf8(name) || !str_is_utf8(value) || (value.len && memchr(value.at, 0, (size_t)value.len)))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct call c;
    call_init(&c, NULL, NULL);
    struct str query = { (const char *)data, (ptrdiff_t)size };
    struct demo *demo = schema_new(&demo_schema, &c.arena);
    uint64_t given = 0, seen = 0;
    check_pairs(&c, query);
    bool ok = query_decode(&c, query, &demo_schema, demo, "query", NULL, &given, &seen);
    if (ok != (c.error.code == E_NONE) || (given & ~seen))
        abort();
    for (const struct problem *p = c.error.problems; p; p = p->next) {
        if (!p->type || !p->message.len || !str_is_utf8(p->member))
            abort();
    }
    schema_finish(&c, &demo_schema, demo, given, seen, false, "query", STR_NULL);
    struct text answer;
    text_init(&answer, 64 << 20);
    json_encode(&answer, &demo_schema, demo, JSON_ALL_FIELDS, &c.arena);
    if (answer.overflowed || !str_is_utf8(text_str(&answer)))
        abort();
    text_release(&answer);
    call_release(&c);
    return 0;
}
