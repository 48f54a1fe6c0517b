/* dump.c - lines of text from the parser's events. */
#include "dicom/dump.h"

#include "dicom/dictionary.h"
#include "dicom/head.h"
#include "dicom/object.h"
#include "dicom/vr.h"

#include <inttypes.h>

enum { TEXT_SHOWN = 64, NUMBERS_SHOWN = 16, BYTES_SHOWN = 16 };

struct dicom_dump_level {
    int64_t items; /* of the sequence that is open in it */
    struct dicom_charset charset;
};

static struct dicom_dump_level *current(struct dicom_dump *dump)
{
    return &dump->levels[dump->level];
}

void dicom_dump_begin(struct dicom_dump *dump, const struct dicom_dump_options *options, struct text *out)
{
    *dump = (struct dicom_dump){ .options = *options, .out = out };
    arena_init(&dump->arena);
    dump->levels = calloc(PARSER_DEPTH_MAX + 1, sizeof(*dump->levels));
    if (!dump->levels)
        abort();
    dicom_charset_init(&dump->levels[0].charset, STR_NULL);
}

void dicom_dump_end(struct dicom_dump *dump)
{
    free(dump->levels);
    arena_release(&dump->arena);
    *dump = (struct dicom_dump){ 0 };
}

/* ---- values ---- */

/* Without what a terminal takes as a command: C0, DEL and C1 (ISO 6429). */
static void put_visible(struct dicom_dump *dump, struct str s)
{
    int64_t shown = 0;
    while (s.len && (dump->options.all_values || shown++ < TEXT_SHOWN) && !dump->out->overflowed) {
        struct str before = s;
        uint32_t point = str_next_code_point(&s);
        if (point < 0x20 || (point >= 0x7F && point < 0xA0))
            text_put_char(dump->out, '.');
        else
            text_put(dump->out, (struct str){ before.at, before.len - s.len });
    }
    text_put(dump->out, s.len ? S(" ...") : S(""));
}

static void put_text(struct dicom_dump *dump, const struct dicom_element *e)
{
    enum { BYTES_PER_CHARACTER = 16 }; /* more than any: an escape sequence for each, and the way back */
    struct str raw = e->value;
    if (!dump->options.all_values)
        raw = str_slice(raw, 0, (TEXT_SHOWN + 1) * BYTES_PER_CHARACTER);
    put_visible(dump, dicom_charset_utf8(&current(dump)->charset, e->vr, raw, &dump->arena));
}

static void put_bytes(struct dicom_dump *dump, struct str bytes)
{
    ptrdiff_t shown = dump->options.all_values || bytes.len < BYTES_SHOWN ? bytes.len : BYTES_SHOWN;
    for (ptrdiff_t i = 0; i < shown && !dump->out->overflowed; i++)
        text_format(dump->out, i ? " %02X" : "%02X", (unsigned)(unsigned char)bytes.at[i]);
    text_put(dump->out, shown < bytes.len ? S(" ...") : S(""));
}

static void put_number(struct dicom_dump *dump, const struct dicom_node *node, enum vr_kind kind, int64_t index)
{
    int64_t integer;
    double real;
    if (kind == VR_REALS && dicom_node_real(node, index, &real))
        text_put_real(dump->out, real);
    else if (kind == VR_TAGS && dicom_node_integer(node, index, &integer))
        text_format(dump->out, "(%04X,%04X)", (unsigned)(integer >> 16), (unsigned)(integer & 0xFFFF));
    else if (kind == VR_INTEGERS && dicom_node_integer(node, index, &integer))
        text_put_integer(dump->out, integer);
    else
        text_put(dump->out, S("?")); /* not finite, or past 63 bits */
}

static void put_numbers(struct dicom_dump *dump, const struct dicom_element *e, const struct vr_row *row)
{
    struct dicom_node node = { .element = *e };
    int64_t count = e->value.len / row->width;
    int64_t shown = dump->options.all_values || count < NUMBERS_SHOWN ? count : NUMBERS_SHOWN;
    for (int64_t i = 0; i < shown && !dump->out->overflowed; i++) {
        text_put(dump->out, i ? S("\\") : S(""));
        put_number(dump, &node, row->kind, i);
    }
    text_put(dump->out, shown < count ? S(" ...") : S(""));
}

static void put_value(struct dicom_dump *dump, const struct dicom_element *e)
{
    const struct vr_row *row = vr_row(e->vr);
    if (!e->value.at && e->length) {
        text_put(dump->out, S(" = (passed over)"));
        return;
    }
    if (!e->value.len)
        return;
    text_put(dump->out, S(" = "));
    if (row->kind == VR_BYTES || (row->width > 1 && e->value.len % row->width))
        put_bytes(dump, e->value);
    else if (row->kind == VR_INTEGERS || row->kind == VR_REALS || row->kind == VR_TAGS)
        put_numbers(dump, e, row);
    else
        put_text(dump, e);
}

/* ---- lines ---- */

static void begin_line(struct dicom_dump *dump, int64_t offset, int indent)
{
    if (dump->options.offsets)
        text_format(dump->out, "%10" PRId64 "  ", offset);
    for (int i = 0; i < indent; i++)
        text_put(dump->out, S("  "));
}

static void put_head(struct dicom_dump *dump, const struct dicom_element *e)
{
    const struct dicom_entry *entry = dicom_dictionary_find(e->tag);
    begin_line(dump, e->offset, 2 * dump->level);
    text_format(dump->out, "(%04X,%04X) %c%c ", (unsigned)(e->tag >> 16), (unsigned)(e->tag & 0xFFFF), e->vr >> 8,
                e->vr & 0xFF);
    if (e->length == DICOM_UNDEFINED_LENGTH)
        text_put(dump->out, S("     -  "));
    else
        text_format(dump->out, "%6" PRIu32 "  ", e->length);
    text_put(dump->out, entry ? str_from(entry->keyword) : S("?"));
}

static bool end_line(struct dicom_dump *dump)
{
    text_put_char(dump->out, '\n');
    return !dump->out->overflowed;
}

static bool on_element(void *context, const struct dicom_element *e)
{
    struct dicom_dump *dump = context;
    if (e->tag == DICOM_SpecificCharacterSet)
        dicom_charset_init(&current(dump)->charset, e->value);
    put_head(dump, e);
    if (e->value.len > dump->out->max - dump->out->len && dump->options.all_values)
        dump->out->overflowed = true; /* before memory is taken to decode it */
    else
        put_value(dump, e);
    arena_reset(&dump->arena);
    return end_line(dump);
}

static bool on_sequence(void *context, const struct dicom_element *e)
{
    struct dicom_dump *dump = context;
    current(dump)->items = 0;
    put_head(dump, e);
    return end_line(dump);
}

static bool on_item(void *context, int64_t offset)
{
    struct dicom_dump *dump = context;
    struct dicom_dump_level *outer = current(dump);
    begin_line(dump, offset, 2 * dump->level + 1);
    text_format(dump->out, "item %" PRId64, ++outer->items);
    dump->level++;
    *current(dump) = (struct dicom_dump_level){ .charset = outer->charset };
    return end_line(dump);
}

static bool on_item_end(void *context)
{
    struct dicom_dump *dump = context;
    dump->level--;
    return true;
}

static bool on_fragments(void *context, const struct dicom_element *e)
{
    struct dicom_dump *dump = context;
    put_head(dump, e);
    text_put(dump->out, S(", in fragments"));
    dump->fragments = 0;
    return end_line(dump);
}

static bool on_fragment(void *context, int64_t offset, struct str bytes)
{
    struct dicom_dump *dump = context;
    begin_line(dump, offset, 2 * dump->level + 1);
    if (dump->fragments++ == 0)
        text_format(dump->out, "offset table, %td bytes", bytes.len);
    else
        text_format(dump->out, "fragment %" PRId64 ", %td bytes", dump->fragments - 1, bytes.len);
    text_put(dump->out, bytes.len ? S(" = ") : S(""));
    put_bytes(dump, bytes);
    return end_line(dump);
}

static void on_remark(void *context, const char *text)
{
    struct dicom_dump *dump = context;
    text_format(dump->out, "! %s\n", text);
}

const struct dicom_events dicom_dump_events = { on_element, on_sequence,  on_item,     on_item_end,
                                                NULL,       on_fragments, on_fragment, on_remark };
