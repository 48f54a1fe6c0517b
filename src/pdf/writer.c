#include "pdf/writer.h"

#include "pdf/pdf.h"

#include <assert.h>
#include <math.h>
#include <zlib.h>

void pdf_writer_init(struct pdf_writer *writer, struct call *c, int64_t base, int first_number)
{
    *writer = (struct pdf_writer){ .base = base, .count = first_number };
    text_init(&writer->out, PDF_BYTES_MAX);
    writer->out.hold = &c->hold;
}

void pdf_writer_release(struct pdf_writer *writer)
{
    text_release(&writer->out);
    free(writer->offsets);
    writer->offsets = NULL;
}

int pdf_writer_number(struct pdf_writer *writer)
{
    return writer->count++;
}

struct text *pdf_writer_begin(struct pdf_writer *writer, int number)
{
    assert(number > 0 && number < writer->count);
    if (number >= writer->capacity) {
        int capacity = (number + 1) * 2;
        int64_t *offsets = realloc(writer->offsets, (size_t)capacity * sizeof *offsets);
        if (!offsets)
            abort();
        memset(offsets + writer->capacity, 0, (size_t)(capacity - writer->capacity) * sizeof *offsets);
        writer->offsets = offsets;
        writer->capacity = capacity;
    }
    assert(writer->offsets[number] == 0);
    writer->offsets[number] = writer->base + writer->out.len;
    text_format(&writer->out, "%d 0 obj\n", number);
    return &writer->out;
}

void pdf_writer_end(struct pdf_writer *writer)
{
    text_put(&writer->out, S("\nendobj\n"));
}

/* False: it does not get smaller, or there is no memory for it. */
static bool pack_bytes(struct str bytes, struct text *out)
{
    uLongf len = compressBound((uLong)bytes.len);
    char *room = text_room(out, (ptrdiff_t)len);
    if (!room || compress2((Bytef *)room, &len, (const Bytef *)bytes.at, (uLong)bytes.len, 6) != Z_OK)
        return false;
    text_grown(out, (ptrdiff_t)len);
    return true;
}

void pdf_writer_stream(struct pdf_writer *writer, int number, struct str entries, struct str bytes, bool pack)
{
    struct text packed;
    text_init(&packed, PDF_BYTES_MAX);
    packed.hold = writer->out.hold;
    bool is_packed = pack && bytes.len > 0 && pack_bytes(bytes, &packed);
    if (is_packed)
        bytes = text_str(&packed);
    struct text *out = pdf_writer_begin(writer, number);
    text_put(out, S("<< "));
    text_put(out, entries);
    text_format(out, "%s /Length %td >>\nstream\n", is_packed ? " /Filter /FlateDecode" : "", bytes.len);
    text_put(out, bytes);
    text_put(out, S("\nendstream"));
    pdf_writer_end(writer);
    text_release(&packed);
}

static bool is_written(const struct pdf_writer *writer, int number)
{
    return number < writer->capacity && writer->offsets[number] > 0;
}

static void put_place(struct pdf_writer *writer, int number)
{
    if (is_written(writer, number))
        text_format(&writer->out, "%010" PRId64 " 00000 n \n", writer->offsets[number]);
    else
        text_put(&writer->out, S("0000000000 65535 f \n"));
}

void pdf_writer_finish(struct pdf_writer *writer, struct str entries)
{
    struct text *out = &writer->out;
    int64_t table = writer->base + out->len;
    text_put(out, S("xref\n"));
    if (writer->base == 0) { /* 7.5.4: one run from 0 */
        text_format(out, "0 %d\n0000000000 65535 f \n", writer->count);
        for (int i = 1; i < writer->count; i++)
            put_place(writer, i);
    }
    for (int first = 1; first < writer->count && writer->base > 0;) {
        int end = first;
        while (end < writer->count && is_written(writer, end))
            end++;
        if (end > first)
            text_format(out, "%d %d\n", first, end - first);
        for (; first < end; first++)
            put_place(writer, first);
        first++;
    }
    text_format(out, "trailer\n<< /Size %d ", writer->count);
    text_put(out, entries);
    text_format(out, " >>\nstartxref\n%" PRId64 "\n%%%%EOF\n", table);
}

void pdf_put_real(struct text *out, double value)
{
    int64_t n = llround(value * 1000);
    if (n < 0)
        text_put_char(out, '-');
    n = n < 0 ? -n : n;
    text_put_integer(out, n / 1000);
    char digits[4] = { '.', (char)('0' + n / 100 % 10), (char)('0' + n / 10 % 10), (char)('0' + n % 10) };
    int len = 4;
    while (len > 0 && (digits[len - 1] == '0' || digits[len - 1] == '.'))
        len--;
    text_put(out, (struct str){ digits, len });
}

void pdf_put_reference(struct text *out, int number)
{
    text_format(out, "%d 0 R", number);
}

void pdf_put_name(struct text *out, struct str name)
{
    text_put_char(out, '/');
    for (ptrdiff_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (c > ' ' && c < 0x7F && !strchr("#()<>[]{}/%", c))
            text_put_char(out, (char)c);
        else
            text_format(out, "#%02X", c);
    }
}

void pdf_put_hex_string(struct text *out, struct str bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    text_put_char(out, '<');
    for (ptrdiff_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.at[i];
        text_put_char(out, digits[c >> 4]);
        text_put_char(out, digits[c & 15]);
    }
    text_put_char(out, '>');
}

void pdf_put_text_string(struct text *out, struct str utf8)
{
    text_put(out, S("<FEFF"));
    while (utf8.len > 0) {
        uint32_t point = str_next_code_point(&utf8);
        if (point < 0x10000)
            text_format(out, "%04X", point);
        else
            text_format(out, "%04X%04X", 0xD800 + ((point - 0x10000) >> 10), 0xDC00 + ((point - 0x10000) & 0x3FF));
    }
    text_put_char(out, '>');
}

struct str pdf_date(int64_t us, struct arena *arena)
{
    char shown[INSTANT_TEXT_MAX]; /* 2026-01-05T14:30:22.123456Z */
    if (instant_write((struct instant){ us }, shown) < 20)
        return STR_NULL;
    return arena_format(arena, "D:%.4s%.2s%.2s%.2s%.2s%.2sZ", shown, shown + 5, shown + 8, shown + 11, shown + 14,
                        shown + 17);
}
