/* written.c - see written.h. */
#include "written.h"

#include <assert.h>

static void put(struct written *w, uint32_t n, int bytes)
{
    for (int i = 0; i < bytes; i++)
        text_put_char(&w->text, (char)(n >> 8 * (w->big_endian ? bytes - 1 - i : i)));
}

static void put_tag(struct written *w, uint32_t tag)
{
    put(w, tag >> 16, 2);
    put(w, tag & 0xFFFF, 2);
}

static void put_head(struct written *w, uint32_t tag, const char *vr, uint32_t len)
{
    bool is_long = strstr("OB OW OF OD SQ UN UT", vr) != NULL;
    put_tag(w, tag);
    text_put(&w->text, (struct str){ vr, 2 });
    if (is_long)
        put(w, 0, 2);
    put(w, len, is_long ? 4 : 2);
}

void written_begin(struct written *w, bool big_endian)
{
    static const char uid[] = "1.2.840.10008.1.2.2"; /* 19 characters and a NUL */
    *w = (struct written){ .big_endian = false };
    text_init(&w->text, 1 << 20);
    arena_init(&w->arena);
    if (!big_endian)
        return;
    for (int i = 0; i < 128; i++)
        text_put_char(&w->text, 0);
    text_put(&w->text, S("DICM"));
    written_bytes(w, 0x00020000, "UL", "\x1c\0\0\0", 4);
    written_bytes(w, 0x00020010, "UI", uid, 20);
    w->big_endian = true;
}

void written_bytes(struct written *w, uint32_t tag, const char *vr, const void *at, ptrdiff_t len)
{
    put_head(w, tag, vr, (uint32_t)len);
    text_put(&w->text, (struct str){ at, len });
}

void written_text(struct written *w, uint32_t tag, const char *vr, const char *text)
{
    ptrdiff_t len = (ptrdiff_t)strlen(text);
    put_head(w, tag, vr, (uint32_t)(len + len % 2));
    text_put(&w->text, (struct str){ text, len });
    if (len % 2)
        text_put_char(&w->text, ' ');
}

void written_words(struct written *w, uint32_t tag, const char *vr, int count, const uint16_t *values)
{
    put_head(w, tag, vr, (uint32_t)count * 2);
    for (int i = 0; i < count; i++)
        put(w, values[i], 2);
}

void written_us(struct written *w, uint32_t tag, int count, const uint16_t *values)
{
    written_words(w, tag, "US", count, values);
}

static void put_delimiter(struct written *w, uint32_t tag, uint32_t len)
{
    put_tag(w, tag);
    put(w, len, 4);
}

void written_item(struct written *w, uint32_t sequence)
{
    put_head(w, sequence, "SQ", 0xFFFFFFFF);
    put_delimiter(w, 0xFFFEE000, 0xFFFFFFFF);
}

void written_next_item(struct written *w)
{
    put_delimiter(w, 0xFFFEE00D, 0);
    put_delimiter(w, 0xFFFEE000, 0xFFFFFFFF);
}

void written_item_end(struct written *w)
{
    put_delimiter(w, 0xFFFEE00D, 0);
    put_delimiter(w, 0xFFFEE0DD, 0);
}

void written_read(struct written *w)
{
    struct error error = { 0 };
    bool ok = dicom_read(text_str(&w->text), NULL, &w->arena, &w->object, &error);
    if (!ok)
        printf("%s\n", error.message);
    assert(ok);
}

void written_end(struct written *w)
{
    dicom_object_release(w->object);
    arena_release(&w->arena);
    text_release(&w->text);
}
