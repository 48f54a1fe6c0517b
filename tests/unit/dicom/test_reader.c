/* The parser: encodings, damage, and what a hostile file may try. */
#include "data_set.h"

#include "dicom/syntax.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <zlib.h>

static struct error error;
static struct dicom_file file;

/* ---- what is told, as a line ---- */

struct told {
    char text[4096];
    int len;
    int64_t events;
    int depth, deepest;
};

static void tell(struct told *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int room = (int)sizeof(t->text) - t->len;
    int len = vsnprintf(t->text + t->len, (size_t)room, format, args);
    t->len += len < room ? len : 0;
    va_end(args);
    t->events++;
}

static bool on_element(void *context, const struct dicom_element *e)
{
    struct told *t = context;
    assert_int_equal(e->depth, t->depth);
    tell(t, "%08X %c%c %td,", (unsigned)e->tag, e->vr >> 8, e->vr & 0xFF, e->value.len);
    return true;
}

static bool on_sequence(void *context, const struct dicom_element *e)
{
    tell(context, "%08X[", (unsigned)e->tag);
    return true;
}

static bool on_item(void *context, int64_t offset)
{
    struct told *t = context;
    assert_true(offset >= 0);
    if (++t->depth > t->deepest)
        t->deepest = t->depth;
    tell(t, "{");
    return true;
}

static bool on_item_end(void *context)
{
    struct told *t = context;
    t->depth--;
    tell(t, "}");
    return true;
}

static bool on_sequence_end(void *context)
{
    tell(context, "]");
    return true;
}

static bool on_fragments(void *context, const struct dicom_element *e)
{
    tell(context, "%08X<", (unsigned)e->tag);
    return true;
}

static bool on_fragment(void *context, int64_t offset, struct str bytes)
{
    assert_true(offset >= 0);
    tell(context, "%td,", bytes.len);
    return true;
}

static const struct dicom_events events = { on_element,      on_sequence,  on_item,    on_item_end,
                                            on_sequence_end, on_fragments, on_fragment };
static struct told told;

static bool parse_within(struct str bytes, const struct dicom_limits *limits)
{
    struct dicom_input input;
    told = (struct told){ 0 };
    error = (struct error){ 0 };
    dicom_input_memory(&input, bytes);
    bool ok = dicom_parse(&input, limits, &events, &told, &file, &error);
    dicom_input_release(&input);
    assert_int_equal(ok, error.code == E_NONE);
    return ok;
}

static bool parse(struct str bytes)
{
    return parse_within(bytes, &dicom_default_limits);
}

static void expect(const char *wanted)
{
    if (!parse(ds_bytes()))
        fail_msg("%s", error.message);
    assert_string_equal(told.text, wanted);
}

static void refused(const char *saying)
{
    assert_false(parse(ds_bytes()));
    assert_int_equal(error.code, E_INVALID);
    if (!strstr(error.message, saying))
        fail_msg("\"%s\" does not say \"%s\"", error.message, saying);
}

static int begin(void **state)
{
    (void)state;
    ds_clear();
    return 0;
}

/* ---- encodings ---- */

static void explicit_little_endian(void **state)
{
    (void)state;
    ds_meta(S("1.2.840.10008.1.2.1\0"));
    ds_element(0x00080060, "CS", S("CT"));
    ds_element(0x00081190, "UT", S("ab"));
    expect("00020010 UI 20,00080060 CS 2,00081190 UT 2,");
    assert_true(file.has_preamble && file.has_meta && !file.syntax_was_guessed);
    assert_string_equal(file.syntax->uid, UID_EXPLICIT_LITTLE);
}

static void implicit_little_endian(void **state)
{
    (void)state;
    ds_put_tag(0x00080060);
    ds_put_u32(2);
    ds_put("CT", 2);
    ds_put_tag(0x00091001); /* private: nobody knows */
    ds_put_u32(0);
    ds_put_tag(0x00280103);
    ds_put_u32(2);
    ds_put_u16(1);
    ds_put_tag(0x00280120); /* US or SS, by the sign of the pixels */
    ds_put_u32(2);
    ds_put_u16(0xF830);
    expect("00080060 CS 2,00091001 UN 0,00280103 US 2,00280120 SS 2,");
    assert_true(file.syntax_was_guessed);
    assert_string_equal(file.syntax_uid, UID_IMPLICIT_LITTLE);
}

static void explicit_big_endian(void **state)
{
    static const unsigned char bytes[] = {
        0, 8, 0, 0x60, 'C',  'S', 0,    2,   'C', 'T', 0, 0x28, 0, 0x10, 'U', 'S', 0,
        2, 2, 0, 0x7F, 0xE0, 0,   0x10, 'O', 'W', 0,   0, 0,    0, 0,    2,   1,   2
    };
    (void)state;
    ds_put(bytes, (ptrdiff_t)sizeof(bytes));
    expect("00080060 CS 2,00280010 US 2,7FE00010 OW 2,");
    assert_string_equal(file.syntax_uid, UID_EXPLICIT_BIG);
}

static void deflate_into(struct str plain)
{
    static unsigned char packed[1 << 16];
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)plain.at;
    z.avail_in = (unsigned)plain.len;
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    ds_put(packed, (ptrdiff_t)z.total_out);
    deflateEnd(&z);
}

static void deflated(void **state)
{
    static char plain[64];
    (void)state;
    ds_element(0x00080060, "CS", S("CT"));
    ds_element(0x00100020, "LO", S("ID"));
    struct str both = ds_bytes();
    memcpy(plain, both.at, (size_t)both.len);
    ds_clear();
    ds_meta(S("1.2.840.10008.1.2.1.99"));
    deflate_into((struct str){ plain, both.len });
    expect("00020010 UI 22,00080060 CS 2,00100020 LO 2,");
    ds_cut(ds_bytes().len - 3);
    assert_false(parse(ds_bytes()) && strstr(told.text, "00100020"));
}

static void deflate_bomb(void **state)
{
    struct dicom_limits limits = dicom_default_limits;
    enum { PLAIN = 8 << 20 };
    (void)state;
    char *zeros = calloc(1, PLAIN);
    memcpy(zeros, "\x08\0\x01\0OB\0\0\xF0\xFF\x7F\0", 12); /* one element of nearly 8 MiB */
    ds_meta(S("1.2.840.10008.1.2.1.99"));
    deflate_into((struct str){ zeros, PLAIN });
    free(zeros);
    assert_true(ds_bytes().len < 20000);
    limits.inflated_bytes = 1 << 20;
    assert_false(parse_within(ds_bytes(), &limits));
    assert_non_null(strstr(error.message, "exceeds"));
}

/* ---- sequences ---- */

static void sequences_of_all_lengths(void **state)
{
    (void)state;
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00080060, "CS", S("CT"));
    ds_item_end();
    ds_item(10);
    ds_element(0x00080060, "CS", S("MR"));
    ds_sequence_end();
    ds_long(0x00081150, "SQ", 8 + 10);
    ds_item(10);
    ds_element(0x00080060, "CS", S("US"));
    ds_long(0x00081199, "SQ", 0);
    expect("00081140[{00080060 CS 2,}{00080060 CS 2,}]00081150[{00080060 CS 2,}]00081199[]");
}

static void unknown_that_is_a_sequence(void **state)
{
    (void)state;
    ds_long(0x00091001, "UN", DICOM_UNDEFINED_LENGTH); /* inside: implicit, PS3.5 6.2.2 note 4 */
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_put_tag(0x00080060);
    ds_put_u32(2);
    ds_put("CT", 2);
    ds_item_end();
    ds_sequence_end();
    ds_element(0x00100020, "LO", S("ID")); /* explicit again */
    expect("00091001[{00080060 CS 2,}]00100020 LO 2,");
}

static void private_sequences(void **state)
{
    (void)state;
    ds_element(0x00090010, "LO", S("ACME"));
    ds_long(0x00091001, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00090010, "LO", S("ACME"));
    ds_long(0x00091002, "SQ", 8);
    ds_item(0);
    ds_item_end();
    ds_sequence_end();
    expect("00090010 LO 4,00091001[{00090010 LO 4,00091002[{}]}]");
}

static void fragments(void **state)
{
    (void)state;
    ds_long(0x7FE00010, "OB", DICOM_UNDEFINED_LENGTH);
    ds_item(4);
    ds_put_u32(0);
    ds_item(2);
    ds_put("ab", 2);
    ds_item(0);
    ds_sequence_end();
    ds_element(0xFFFCFFFC, "OB", S("\0\0"));
    expect("7FE00010<4,2,0,]FFFCFFFC OB 2,");
    ds_clear();
    ds_long(0x7FE00010, "OB", DICOM_UNDEFINED_LENGTH);
    ds_item(4);
    refused("(FFFE,E000) at byte 12: the file ends at byte 20, 4 bytes were announced");
    ds_clear();
    ds_long(0x7FE00010, "OB", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    refused("(FFFE,E000) at byte 12");
}

/* ---- what hostile files try ---- */

static void ten_thousand_deep(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
        ds_item(DICOM_UNDEFINED_LENGTH);
    }
    refused("(0008,1140) at byte 1280: sequences are nested too deeply");
    assert_int_equal(told.deepest, dicom_default_limits.depth);
}

static ptrdiff_t read_pieces(void *context, void *into, ptrdiff_t room)
{
    struct str *rest = context;
    ptrdiff_t len = rest->len < 5 ? rest->len : 5;
    len = len < room ? len : room;
    if (len)
        memcpy(into, rest->at, (size_t)len);
    *rest = str_slice(*rest, len, rest->len);
    return len;
}

static bool parse_stream(struct str bytes, int64_t keep_bytes)
{
    struct dicom_input input;
    told = (struct told){ 0 };
    error = (struct error){ 0 };
    dicom_input_stream(&input, read_pieces, &bytes, keep_bytes);
    bool ok = dicom_parse(&input, &dicom_default_limits, &events, &told, &file, &error);
    dicom_input_release(&input);
    assert_int_equal(ok, error.code == E_NONE);
    return ok;
}

static void four_gigabytes_announced(void **state)
{
    (void)state;
    ds_element(0x00080060, "CS", S("CT"));
    ds_long(0x00091001, "OB", 0xFFFFFFFE);
    ds_put("abc", 3);
    refused("(0009,1001) at byte 10: the file ends at byte 25, 4294967294 bytes were announced");
    assert_false(parse_stream(ds_bytes(), 1 << 20));
    assert_non_null(strstr(error.message, "(0009,1001) at byte 10: the file ends at byte 25"));
    assert_string_equal(told.text, "00080060 CS 2,");
    ds_clear();
    ds_long(0x00081140, "SQ", 0xFFFFFFFE);
    ds_item(0xFFFFFFF0);
    ds_element(0x00080060, "CS", S("CT"));
    refused("at byte 30: the file ends inside this sequence or item");
    ds_clear();
    ds_meta(S("1.2.840.10008.1.2.1\0"));
    ds_long(0x00020102, "OB", 0xFFFFFFFE);
    refused("(0002,0102)");
}

static void lengths_that_lie(void **state)
{
    (void)state;
    ds_long(0x00081140, "SQ", 20);
    ds_item(100); /* past the sequence */
    ds_element(0x00080060, "CS", S("CT"));
    refused("(FFFE,E000) at byte 12");
    ds_clear();
    ds_long(0x00081140, "SQ", 18);
    ds_item(10);
    ds_put_tag(0x00080060);
    ds_put("CS", 2);
    ds_put_u16(200); /* past the item */
    ds_put("CT", 2);
    ds_put_tag(0x00080005); /* past the sequence? then it would be out of order */
    ds_put("CS\0", 4);
    refused("(0008,0060) at byte 20");
}

static void items_where_none_belong(void **state)
{
    (void)state;
    ds_element(0x00080060, "CS", S("CT"));
    ds_item(0);
    refused("(FFFE,E000) at byte 10: an item begins outside a sequence");
    ds_clear();
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_element(0x00080060, "CS", S("CT"));
    refused("(0008,1140) at byte 12: no item of this sequence begins here");
}

static void odd_value_representations(void **state)
{
    (void)state;
    ds_element(0x00080005, "CS", S("")); /* tells that VRs are explicit */
    ds_put_tag(0x00080060);              /* not a VR, short length */
    ds_put("ZZ", 2);
    ds_put_u16(2);
    ds_put("CT", 2);
    ds_long(0x00100020, "QQ", 2); /* not a VR, long length */
    ds_put("ID", 2);
    ds_element(0x00280010, "UL", S("\0\2\0\0")); /* not the dictionary's */
    expect("00080005 CS 0,00080060 CS 2,00100020 LO 2,00280010 UL 4,");
}

static void elements_without_end(void **state)
{
    struct dicom_limits limits = dicom_default_limits;
    (void)state;
    for (int i = 0; i < 1000; i++)
        ds_element(0x00091000 + (uint32_t)i, "LO", S(""));
    limits.elements = 999;
    assert_false(parse_within(ds_bytes(), &limits));
    assert_non_null(strstr(error.message, "(0009,13E7) at byte 7992: there are too many elements"));
    limits.elements = 1000;
    assert_true(parse_within(ds_bytes(), &limits));
}

static void what_is_no_dicom(void **state)
{
    (void)state;
    assert_false(parse(S("<!DOCTYPE html><html>")));
    assert_false(parse(S("")));
    assert_false(parse(S("\x89PNG\r\n\x1a\n\0\0\0\rIHDR")));
    assert_false(parse(S("%PDF-1.7 and more")));
}

static void stops_where_told(void **state)
{
    struct dicom_limits limits = dicom_default_limits;
    (void)state;
    ds_element(0x00080060, "CS", S("CT"));
    ds_element(0x00280010, "US", S("\0\2"));
    ds_long(0x7FE00010, "OW", 1000000); /* is not there */
    limits.stop_at = 0x7FE00010;
    assert_true(parse_within(ds_bytes(), &limits));
    assert_true(file.stopped);
    assert_string_equal(told.text, "00080060 CS 2,00280010 US 2,");
    assert_int_equal(file.end_offset, 20);
}

/* ---- real files ---- */

/* Every prefix of a file is read, or refused with the byte; as a stream it is the same. */
static void every_prefix_of(struct str bytes, const char *name)
{
    static struct told by_memory;
    for (ptrdiff_t len = 0; len <= bytes.len; len++) {
        char *exact = malloc((size_t)len + (len == 0)); /* so that a read past the end is seen */
        if (len)
            memcpy(exact, bytes.at, (size_t)len);
        bool ok = parse((struct str){ exact, len });
        by_memory = told;
        if (!ok && !strstr(error.message, "byte"))
            fail_msg("%s cut at %td: \"%s\" says no byte", name, len, error.message);
        if (len % 16 == 0 || len == bytes.len) {
            assert_int_equal(parse_stream((struct str){ exact, len }, 1 << 20), ok);
            assert_string_equal(told.text, by_memory.text);
            assert_int_equal(told.events, by_memory.events);
        }
        free(exact);
    }
}

static void prefixes(void **state)
{
    static char bytes[1 << 12];
    char folder[1024], path[2048];
    int files = 0;
    (void)state;
    snprintf(folder, sizeof(folder), "%s/../fuzz/corpus/dicom", getenv("ROENTGEN_TEST_DATA"));
    DIR *list = opendir(folder);
    assert_non_null(list);
    for (struct dirent *entry; (entry = readdir(list));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        FILE *stream = fopen(path, "rb");
        assert_non_null(stream);
        size_t len = fread(bytes, 1, sizeof(bytes), stream);
        fclose(stream);
        every_prefix_of((struct str){ bytes, (ptrdiff_t)len }, entry->d_name);
        files++;
    }
    closedir(list);
    assert_true(files > 10);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(explicit_little_endian),
        TEST(implicit_little_endian),
        TEST(explicit_big_endian),
        TEST(deflated),
        TEST(deflate_bomb),
        TEST(sequences_of_all_lengths),
        TEST(unknown_that_is_a_sequence),
        TEST(private_sequences),
        TEST(fragments),
        TEST(ten_thousand_deep),
        TEST(four_gigabytes_announced),
        TEST(lengths_that_lie),
        TEST(items_where_none_belong),
        TEST(odd_value_representations),
        TEST(elements_without_end),
        TEST(what_is_no_dicom),
        TEST(stops_where_told),
        TEST(prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
