/* A font as it stands in the file: Type0 over a CIDFont, the subset that HarfBuzz cut, and what its codes say in
 * Unicode (ISO 32000-1 9.7, 9.10.3). */
#include "pdf/fonts.h"

#include "base/crypto.h"

#include <hb-ot.h>
#include <hb-subset.h>

/* The subset, to be destroyed by the caller, and where each glyph used is in it. NULL: HarfBuzz cannot. */
static hb_face_t *cut(const struct pdf_font *font, hb_map_t **places)
{
    hb_subset_input_t *input = hb_subset_input_create_or_fail();
    if (!input)
        return NULL;
    hb_set_t *glyphs = hb_subset_input_glyph_set(input);
    for (int i = 0; i < font->count; i++)
        hb_set_add(glyphs, font->used[i].glyph);
    /* Shaping is done, so that nothing of its tables is needed. */
    hb_set_t *dropped = hb_subset_input_set(input, HB_SUBSET_SETS_DROP_TABLE_TAG);
    static const hb_tag_t tables[] = { HB_TAG('G', 'S', 'U', 'B'), HB_TAG('G', 'P', 'O', 'S'),
                                       HB_TAG('G', 'D', 'E', 'F'), HB_TAG('V', 'O', 'R', 'G'),
                                       HB_TAG('B', 'A', 'S', 'E'), HB_TAG('D', 'S', 'I', 'G'),
                                       HB_TAG('M', 'A', 'T', 'H'), HB_TAG('n', 'a', 'm', 'e') };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        hb_set_add(dropped, tables[i]);
    hb_subset_input_set_flags(input, HB_SUBSET_FLAGS_NO_HINTING | HB_SUBSET_FLAGS_NOTDEF_OUTLINE |
                                         (font->face->kind == PDF_FACE_CFF ? HB_SUBSET_FLAGS_RETAIN_GIDS : 0u));
    hb_subset_plan_t *plan = hb_subset_plan_create_or_fail(font->face->face, input);
    hb_face_t *subset = plan ? hb_subset_plan_execute_or_fail(plan) : NULL;
    if (subset)
        *places = hb_map_copy(hb_subset_plan_old_to_new_glyph_mapping(plan));
    hb_subset_plan_destroy(plan);
    hb_subset_input_destroy(input);
    return subset;
}

static int by_code(const void *a, const void *b)
{
    return ((const struct pdf_glyph *)a)->code - ((const struct pdf_glyph *)b)->code;
}

static void put_utf16(struct text *out, struct str text)
{
    struct str rest = text;
    text_put_char(out, '<');
    while (rest.len > 0) {
        uint32_t point = str_next_code_point(&rest);
        if (point >= 0x10000)
            text_format(out, "%04X%04X", 0xD800 + ((point - 0x10000) >> 10), 0xDC00 + ((point - 0x10000) & 0x3FF));
        else
            text_format(out, "%04X", point);
    }
    text_put_char(out, '>');
}

static void write_unicode(const struct pdf_font *font, struct pdf_writer *writer, int number)
{
    struct text map;
    text_init(&map, 16 << 20);
    text_put(&map, S("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
                     "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
                     "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
                     "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"));
    for (int i = 0; i < font->count; i += 100) { /* 9.10.3: at most 100 at once */
        int end = i + 100 < font->count ? i + 100 : font->count;
        text_format(&map, "%d beginbfchar\n", end - i);
        for (int j = i; j < end; j++) {
            text_format(&map, "<%04X> ", font->used[j].code);
            put_utf16(&map, font->used[j].text);
            text_put_char(&map, '\n');
        }
        text_put(&map, S("endbfchar\n"));
    }
    text_put(&map, S("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"));
    pdf_writer_stream(writer, number, S(""), text_str(&map), true);
    text_release(&map);
}

/* Where each code's glyph is in the subset. */
static void write_places(const struct pdf_font *font, const hb_map_t *places, struct call *c, struct pdf_writer *writer,
                         int number)
{
    ptrdiff_t len = font->count ? 2 * ((ptrdiff_t)font->used[font->count - 1].code + 1) : 0;
    unsigned char *map = arena_alloc(&c->arena, len + 1);
    for (int i = 0; i < font->count; i++) {
        hb_codepoint_t place = hb_map_get(places, font->used[i].glyph);
        map[2 * font->used[i].code] = (unsigned char)(place >> 8);
        map[2 * font->used[i].code + 1] = (unsigned char)place;
    }
    pdf_writer_stream(writer, number, S(""), (struct str){ (const char *)map, len }, true);
}

/* "ABCDEF+NotoSansCJKsc-Regular" (9.6.4), the letters from what the subset holds. */
static struct str font_name(const struct pdf_font *font, struct str subset, struct arena *arena)
{
    unsigned char digest[SHA256_BYTES];
    crypto_sha256(subset, digest);
    char tag[7] = { 0 };
    for (int i = 0; i < 6; i++)
        tag[i] = (char)('A' + digest[i] % 26);
    char name[64];
    unsigned len = sizeof name;
    if (hb_ot_name_get_utf8(font->face->face, HB_OT_NAME_ID_POSTSCRIPT_NAME, HB_LANGUAGE_INVALID, &len, name) == 0)
        return arena_format(arena, "%s+Font%d", tag, font->index);
    return arena_format(arena, "%s+%s", tag, name);
}

static void write_descriptor(const struct pdf_font *font, struct str name, int file, struct pdf_writer *writer,
                             int number)
{
    hb_font_extents_t extents = { 0 };
    hb_font_get_h_extents(font->face->font, &extents);
    double scale = 1000.0 / font->face->units;
    int up = (int)(extents.ascender * scale), down = (int)(extents.descender * scale);
    struct text *out = pdf_writer_begin(writer, number);
    text_put(out, S("<< /Type /FontDescriptor /FontName "));
    pdf_put_name(out, name);
    text_format(out, " /Flags 4 /FontBBox [-1000 %d 3000 %d] /ItalicAngle 0 /Ascent %d /Descent %d /CapHeight 733",
                down, up, up, down);
    text_format(out, " /StemV 80 /%s %d 0 R >>", font->face->kind == PDF_FACE_TRUETYPE ? "FontFile2" : "FontFile3",
                file);
    pdf_writer_end(writer);
}

static void write_cid_font(const struct pdf_font *font, struct str name, int descriptor, int places,
                           struct pdf_writer *writer, int number)
{
    bool is_truetype = font->face->kind == PDF_FACE_TRUETYPE;
    struct text *out = pdf_writer_begin(writer, number);
    text_format(out, "<< /Type /Font /Subtype /CIDFontType%d /BaseFont ", is_truetype ? 2 : 0);
    pdf_put_name(out, name);
    text_format(out,
                " /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor %d 0 R "
                "/DW 1000 /W [",
                descriptor);
    for (int i = 0; i < font->count; i++) {
        if (i == 0 || font->used[i].code != font->used[i - 1].code + 1)
            text_format(out, "%s%d [", i ? "] " : "", font->used[i].code);
        text_format(out, "%d ", font->used[i].width);
    }
    text_put(out, font->count ? S("]]") : S("]"));
    if (is_truetype)
        text_format(out, " /CIDToGIDMap %d 0 R", places);
    text_put(out, S(" >>"));
    pdf_writer_end(writer);
}

static void write_parts(struct pdf_font *font, struct str subset, const hb_map_t *places, struct call *c,
                        struct pdf_writer *writer, int number)
{
    bool is_truetype = font->face->kind == PDF_FACE_TRUETYPE;
    struct str name = font_name(font, subset, &c->arena);
    int cid_font = pdf_writer_number(writer), descriptor = pdf_writer_number(writer);
    int file = pdf_writer_number(writer), unicode = pdf_writer_number(writer);
    int map = is_truetype ? pdf_writer_number(writer) : 0;
    struct text *out = pdf_writer_begin(writer, number);
    text_put(out, S("<< /Type /Font /Subtype /Type0 /BaseFont "));
    pdf_put_name(out, name);
    text_format(out, " /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>", cid_font, unicode);
    pdf_writer_end(writer);
    write_cid_font(font, name, descriptor, map, writer, cid_font);
    write_descriptor(font, name, file, writer, descriptor);
    pdf_writer_stream(writer, file,
                      is_truetype ? arena_format(&c->arena, "/Length1 %td", subset.len) : S("/Subtype /CIDFontType0C"),
                      subset, true);
    write_unicode(font, writer, unicode);
    if (is_truetype)
        write_places(font, places, c, writer, map);
}

bool pdf_font_write(struct pdf_font *font, struct call *c, struct pdf_writer *writer, int number)
{
    qsort(font->used, (size_t)font->count, sizeof *font->used, by_code);
    font->places = NULL; /* no longer true */
    hb_map_t *places = NULL;
    hb_face_t *subset = cut(font, &places);
    if (!subset)
        return fail(c, E_INTERNAL, "HarfBuzz cannot make a subset of a font");
    hb_blob_t *blob = font->face->kind == PDF_FACE_TRUETYPE
                          ? hb_face_reference_blob(subset)
                          : hb_face_reference_table(subset, HB_TAG('C', 'F', 'F', ' '));
    unsigned len = 0;
    const char *bytes = hb_blob_get_data(blob, &len);
    struct str made = arena_copy(&c->arena, (struct str){ bytes, (ptrdiff_t)len });
    if (font->face->kind == PDF_FACE_CFF_CID)
        pdf_cff_put_ros_first((char *)made.at, made.len);
    if (len > 0)
        write_parts(font, made, places, c, writer, number);
    hb_blob_destroy(blob);
    hb_map_destroy(places);
    hb_face_destroy(subset);
    return len > 0 || fail(c, E_INTERNAL, "HarfBuzz made an empty subset of a font");
}
