/* Which character each glyph of a CID-keyed CFF font is (Adobe Technical Note 5176). Everything is read from a font
 * file of the machine; still, nothing outside of the table is touched. */
#include "pdf/fonts.h"

struct cursor {
    const unsigned char *at;
    ptrdiff_t len, offset;
    bool broken;
};

static unsigned take(struct cursor *cursor, int bytes)
{
    unsigned value = 0;
    if (cursor->offset < 0 || cursor->len - cursor->offset < bytes) {
        cursor->broken = true;
        return 0;
    }
    for (int i = 0; i < bytes; i++)
        value = value << 8 | cursor->at[cursor->offset++];
    return value;
}

/* Moves behind an INDEX (5); what its first entry holds. */
static struct str take_index(struct cursor *cursor)
{
    unsigned count = take(cursor, 2);
    if (count == 0 || cursor->broken)
        return STR_NULL;
    int size = (int)take(cursor, 1);
    if (size < 1 || size > 4) {
        cursor->broken = true;
        return STR_NULL;
    }
    ptrdiff_t offsets = cursor->offset, data = offsets + (ptrdiff_t)(count + 1) * size - 1;
    unsigned first = take(cursor, size), second = take(cursor, size);
    cursor->offset = offsets + (ptrdiff_t)count * size;
    unsigned end = take(cursor, size);
    cursor->offset = data + (ptrdiff_t)end;
    if (cursor->broken || cursor->offset > cursor->len || first < 1 || second < first || second > end) {
        cursor->broken = true;
        return STR_NULL;
    }
    return (struct str){ (const char *)cursor->at + data + first, (ptrdiff_t)(second - first) };
}

/* What a top DICT (9) says. */
struct top {
    ptrdiff_t charset;
    struct str ros; /* operands and operator, which make it CID-keyed; null: it is not */
};

static struct top read_top(struct str dict)
{
    struct cursor cursor = { (const unsigned char *)dict.at, dict.len, 0, false };
    struct top top = { 0, STR_NULL };
    int64_t operand = 0;
    ptrdiff_t begin = 0; /* of the operator's operands */
    while (cursor.offset < cursor.len && !cursor.broken) {
        unsigned b = take(&cursor, 1);
        if (b <= 21) {
            if (b == 12 && take(&cursor, 1) == 30)
                top.ros = str_slice(dict, begin, cursor.offset);
            if (b == 15)
                top.charset = (ptrdiff_t)operand;
            begin = cursor.offset;
        } else if (b == 28) {
            operand = (int16_t)take(&cursor, 2);
        } else if (b == 29) {
            operand = (int32_t)take(&cursor, 4);
        } else if (b == 30) {
            while (!cursor.broken && (take(&cursor, 1) & 15) != 15)
                ;
        } else if (b >= 32 && b <= 246) {
            operand = (int64_t)b - 139;
        } else if (b >= 247 && b <= 250) {
            operand = ((int64_t)b - 247) * 256 + take(&cursor, 1) + 108;
        } else if (b >= 251 && b <= 254) {
            operand = -((int64_t)b - 251) * 256 - take(&cursor, 1) - 108;
        }
    }
    return cursor.broken ? (struct top){ 0, STR_NULL } : top;
}

static struct top find_top(struct cursor *cursor, struct str table, struct str *dict)
{
    *cursor = (struct cursor){ (const unsigned char *)table.at, table.len, 2, false };
    cursor->offset = (ptrdiff_t)take(cursor, 1);
    take_index(cursor); /* names */
    *dict = take_index(cursor);
    return cursor->broken ? (struct top){ 0, STR_NULL } : read_top(*dict);
}

void pdf_cff_put_ros_first(char *table, ptrdiff_t len)
{
    struct cursor cursor;
    struct str dict;
    struct top top = find_top(&cursor, (struct str){ table, len }, &dict);
    if (!top.ros.at || top.ros.at == dict.at || top.ros.len > 32)
        return;
    char ros[32];
    memcpy(ros, top.ros.at, (size_t)top.ros.len);
    char *first = table + (dict.at - table);
    memmove(first + top.ros.len, first, (size_t)(top.ros.at - dict.at));
    memcpy(first, ros, (size_t)top.ros.len);
}

uint16_t *pdf_cff_cids(struct str table, unsigned glyphs)
{
    struct cursor cursor;
    struct str dict;
    struct top top = find_top(&cursor, table, &dict);
    if (str_is_null(top.ros) || top.charset <= 2 || glyphs == 0 || glyphs > 65536)
        return NULL;
    uint16_t *cids = calloc(glyphs, sizeof *cids);
    if (!cids)
        abort();
    cursor.offset = top.charset;
    unsigned format = take(&cursor, 1);
    for (unsigned glyph = 1; glyph < glyphs && !cursor.broken;) {
        unsigned cid = take(&cursor, 2), more = format == 1 ? take(&cursor, 1) : format == 2 ? take(&cursor, 2) : 0;
        for (unsigned i = 0; i <= more && glyph < glyphs; i++)
            cids[glyph++] = (uint16_t)(cid + i);
    }
    if (cursor.broken || format > 2) {
        free(cids);
        return NULL;
    }
    return cids;
}
