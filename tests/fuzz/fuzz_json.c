/* fuzz_json.c - JSON bodies: what is taken, encoded and taken again is the same; what is refused says why. */
#include "one_of.h"

#include "../unit/schema/demo.h"
#include "../unit/schema/sample.h"

#include "base/call.h"
#include "schema/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void refused(const struct call *c)
{
    if (c->error.code != E_INVALID && c->error.code != E_BAD_REQUEST)
        abort();
    if ((c->error.code == E_INVALID) != (c->error.problem_count > 0))
        abort();
    for (const struct problem *p = c->error.problems; p; p = p->next) {
        if (!p->type || !p->place || !p->message.len || !str_is_utf8(p->member))
            abort();
    }
}

static void check(struct str body, bool partial)
{
    struct call c;
    call_init(&c, NULL, NULL);
    struct demo *first = schema_new(&demo_schema, &c.arena), *second = schema_new(&demo_schema, &c.arena);
    uint64_t given = 0, again = 0;
    if (!json_decode(&c, body, &demo_schema, first, partial, &given)) {
        refused(&c);
        call_release(&c);
        return;
    }
    struct text answer;
    text_init(&answer, 64 << 20);
    json_encode(&answer, &demo_schema, first, JSON_ALL_FIELDS, &c.arena);
    if (answer.overflowed || !str_is_utf8(text_str(&answer)))
        abort();
    text_release(&answer);
    /* A partial one may lack what a whole one needs, so only whole ones make the round trip. */
    struct str sent = sample_body(&demo_schema, first, NULL, STR_NULL, &c.arena);
    if (!partial && (!json_decode(&c, sent, &demo_schema, second, false, &again) ||
                     sample_difference(&demo_schema, first, second, UINT64_MAX, &c.arena)))
        abort();
    call_release(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = { (const char *)data, (ptrdiff_t)size };
    int which = ONE_OF(2, data, size);
    if (which & 1)
        check(body, true);
    if (which & 2)
        check(body, false);
    return 0;
}
