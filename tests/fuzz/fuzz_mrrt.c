/* fuzz_mrrt.c - any HTML as a template: refused, or words, names and codes without mark-up, which can be written and
 * read again. The same bytes are filled in as the words of a section.
 */
#include "reports/mrrt.h"
#include "reports/template_parts.h"

#include "base/call.h"
#include "base/text.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_texts(const struct texts *texts, ptrdiff_t max)
{
    assert(texts->count <= max);
    for (ptrdiff_t i = 0; i < texts->count; i++)
        assert(str_is_utf8(texts->items[i]));
}

static void check_definition(const struct template_definition *made)
{
    const struct template_section *sections = made->sections.items;
    const struct template_field *fields = made->fields.items;
    assert(made->sections.count >= 1 && made->sections.count <= TEMPLATE_SECTIONS_MAX);
    assert(made->fields.count <= TEMPLATE_FIELDS_MAX);
    for (ptrdiff_t i = 0; i < made->sections.count; i++) {
        assert(template_is_word(sections[i].name) && template_section(made, sections[i].name) == &sections[i]);
        assert(str_is_utf8(sections[i].text_en) && str_is_utf8(sections[i].text_zh));
    }
    for (ptrdiff_t i = 0; i < made->fields.count; i++) {
        assert(template_is_word(fields[i].name) && template_field(made, fields[i].name) == &fields[i]);
        assert(template_section(made, fields[i].section) && fields[i].choices.count <= TEMPLATE_CHOICES_MAX);
    }
}

static bool put(void *context, struct str name, struct text *out)
{
    (void)context;
    if (out && name.len % 2)
        text_put(out, name);
    return name.len % 2;
}

static void lacks(void *context, struct str name, struct text *out)
{
    (void)context, (void)name;
    text_put_char(out, '_');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct call call;
    struct str html = { (const char *)data, (ptrdiff_t)size };
    struct template_definition made, again;
    struct texts remarks;
    call_init(&call, NULL, NULL);
    if (mrrt_read(&call, html, &made, &remarks)) {
        check_definition(&made);
        check_texts(&remarks, MRRT_REMARKS_MAX);
        bool holds = template_check(&call, &made, "");
        assert(holds);
        struct str written = mrrt_write(&call, &made, made.languages.items[0]);
        assert(written.at);
        if (mrrt_read(&call, written, &again, &remarks)) {
            assert(again.fields.count == made.fields.count && again.sections.count == made.sections.count);
        } else {
            assert(call.error.code == E_INVALID);
        }
    } else {
        assert(call.error.code == E_INVALID);
    }
    struct filling filling = { NULL, put, NULL, lacks };
    template_fill(&call.arena, html, &filling);
    call_release(&call);
    return 0;
}
