/* data_set.c - see data_set.h. */
#include "data_set.h"

#include <assert.h>

static char bytes[1 << 20];
static ptrdiff_t bytes_len;

void ds_clear(void)
{
    bytes_len = 0;
}

struct str ds_bytes(void)
{
    return (struct str){ bytes, bytes_len };
}

void ds_cut(ptrdiff_t len)
{
    assert(len >= 0 && len <= bytes_len);
    bytes_len = len;
}

void ds_put(const void *from, ptrdiff_t len)
{
    assert(bytes_len + len <= (ptrdiff_t)sizeof(bytes));
    if (len)
        memcpy(bytes + bytes_len, from, (size_t)len);
    bytes_len += len;
}

void ds_put_u16(unsigned n)
{
    const unsigned char two[2] = { (unsigned char)n, (unsigned char)(n >> 8) };
    ds_put(two, 2);
}

void ds_put_u32(uint32_t n)
{
    ds_put_u16(n & 0xFFFF);
    ds_put_u16(n >> 16);
}

void ds_put_tag(uint32_t tag)
{
    ds_put_u16(tag >> 16);
    ds_put_u16(tag & 0xFFFF);
}

void ds_long(uint32_t tag, const char *vr, uint32_t length)
{
    ds_put_tag(tag);
    ds_put(vr, 2);
    ds_put_u16(0);
    ds_put_u32(length);
}

void ds_element(uint32_t tag, const char *vr, struct str value)
{
    static const char wide[] = "OB OD OF OL OV OW SV UC UN UR UT UV";
    if (strstr(wide, vr)) {
        ds_long(tag, vr, (uint32_t)value.len);
    } else {
        ds_put_tag(tag);
        ds_put(vr, 2);
        ds_put_u16((unsigned)value.len);
    }
    ds_put(value.at, value.len);
}

void ds_meta(struct str syntax_uid)
{
    static const char preamble[128];
    ds_put(preamble, (ptrdiff_t)sizeof(preamble));
    ds_put("DICM", 4);
    ds_element(0x00020010, "UI", syntax_uid);
}

void ds_item(uint32_t length)
{
    ds_put_tag(0xFFFEE000);
    ds_put_u32(length);
}

void ds_item_end(void)
{
    ds_put_tag(0xFFFEE00D);
    ds_put_u32(0);
}

void ds_sequence_end(void)
{
    ds_put_tag(0xFFFEE0DD);
    ds_put_u32(0);
}
