/* rows.c - the rows of a picture, drawn on demand from samples. */
#include "raster/picture.h"

/* One table look-up a pixel. Written out for each width and depth, since everything else in a picture costs less. */
static void draw_bytes8(const struct picture_rows *rows, int64_t y, uint8_t *out)
{
    const uint8_t *at = (const uint8_t *)rows->at + y * rows->width, *table = rows->table;
    int shift = rows->layout.shift;
    uint32_t mask = (1u << rows->layout.bits) - 1;
    for (int64_t x = 0; x < rows->width; x++)
        out[x] = table[(uint32_t)at[x] >> shift & mask];
}

/* Bytes that are shown as they are: most pictures of 8 bits. */
static void draw_same8(const struct picture_rows *rows, int64_t y, uint8_t *out)
{
    memcpy(out, (const uint8_t *)rows->at + y * rows->width, (size_t)rows->width);
}

static bool shows_same(const struct picture_rows *rows)
{
    const uint8_t *table = rows->table;
    for (int i = 0; i < 256; i++)
        if (table[i] != i)
            return false;
    return true;
}

static void draw_bytes16(const struct picture_rows *rows, int64_t y, uint16_t *out)
{
    const uint8_t *at = (const uint8_t *)rows->at + y * rows->width;
    const uint16_t *table = rows->table;
    int shift = rows->layout.shift;
    uint32_t mask = (1u << rows->layout.bits) - 1;
    for (int64_t x = 0; x < rows->width; x++)
        out[x] = table[(uint32_t)at[x] >> shift & mask];
}

static void draw_words8(const struct picture_rows *rows, int64_t y, uint8_t *out)
{
    int64_t from = y * rows->width;
    const uint8_t *table = rows->table;
    int shift = rows->layout.shift;
    uint32_t mask = (1u << rows->layout.bits) - 1;
    int64_t x = 0;
    for (; shift == 0 && x + 4 <= rows->width; x += 4) { /* four at once: most pictures there are */
        uint64_t words = sample_words(rows->at, from + x) & mask * UINT64_C(0x0001000100010001);
        uint32_t four = htole32(table[(uint16_t)words] | (uint32_t)table[(uint16_t)(words >> 16)] << 8 |
                                (uint32_t)table[(uint16_t)(words >> 32)] << 16 | (uint32_t)table[words >> 48] << 24);
        memcpy(out + x, &four, sizeof(four));
    }
    for (; x < rows->width; x++)
        out[x] = table[sample_word(rows->at, from + x) >> shift & mask];
}

static void draw_words16(const struct picture_rows *rows, int64_t y, uint16_t *out)
{
    int64_t from = y * rows->width;
    const uint16_t *table = rows->table;
    int shift = rows->layout.shift;
    uint32_t mask = (1u << rows->layout.bits) - 1;
    for (int64_t x = 0; x < rows->width; x++)
        out[x] = table[sample_word(rows->at, from + x) >> shift & mask];
}

/* Where brightness is a straight line: many pixels at once. */
static void draw_ramp8(const struct picture_rows *rows, int64_t y, uint8_t *out)
{
    ramp_draw(&rows->ramp, (const unsigned char *)rows->at + 2 * y * rows->width, out, rows->width);
}

/* Without a table: 32-bit integers, floating point, small pictures of many bits. */
static void draw_numbers8(const struct picture_rows *rows, int64_t y, uint8_t *out)
{
    for (int64_t x = 0; x < rows->width; x++)
        out[x] = (uint8_t)(tone_of(&rows->tone, sample_read(&rows->layout, rows->at, y * rows->width + x)) * 255 + 0.5);
}

static void draw_numbers16(const struct picture_rows *rows, int64_t y, uint16_t *out)
{
    for (int64_t x = 0; x < rows->width; x++)
        out[x] =
            (uint16_t)(tone_of(&rows->tone, sample_read(&rows->layout, rows->at, y * rows->width + x)) * 65535 + 0.5);
}

/* The 8-bit row is drawn into the first half, and spread from its end. */
static void draw_widened(const struct picture_rows *rows, int64_t y, uint16_t *out)
{
    const uint8_t *narrow = (const uint8_t *)out;
    rows->draw8(rows, y, (uint8_t *)out);
    for (int64_t i = rows->width * rows->channels - 1; i >= 0; i--)
        out[i] = (uint16_t)(narrow[i] * 257);
}

static bool open_table(struct picture_rows *rows, bool deep, struct error *error)
{
    int32_t values = (int32_t)1 << rows->layout.bits;
    uint16_t *table = malloc((size_t)values * sizeof(*table));
    if (!table)
        return error_set(error, E_TOO_LARGE, "there is no memory for a table of brightness");
    tone_table(&rows->tone, &rows->layout, deep ? 65535 : 255, table);
    rows->table = table;
    if (!deep) {
        uint8_t *narrow = rows->table;
        for (int32_t i = 0; i < values; i++)
            narrow[i] = (uint8_t)table[i];
    }
    return true;
}

static bool open_grey(struct picture_rows *rows, const struct samples *samples, bool deep, struct error *error)
{
    rows->channels = 1;
    rows->draw8 = draw_numbers8;
    rows->draw16 = draw_numbers16;
    if (!tone_open(&rows->tone, samples, &rows->layout, rows->presentation, error))
        return false;
    if (!sample_table_pays(&rows->layout))
        return true;
    if (!deep && ramp_open(&rows->ramp, &rows->tone, &rows->layout)) {
        rows->draw8 = draw_ramp8;
        return true;
    }
    rows->draw8 = rows->layout.bytes == 1 ? draw_bytes8 : draw_words8;
    rows->draw16 = rows->layout.bytes == 1 ? draw_bytes16 : draw_words16;
    if (!open_table(rows, deep, error))
        return false;
    if (!deep && rows->layout.bytes == 1 && rows->layout.bits == 8 && shows_same(rows))
        rows->draw8 = draw_same8;
    return true;
}

bool rows_open(struct picture_rows *rows, const struct samples *samples, const struct presentation *presentation,
               bool deep, struct error *error)
{
    *rows = (struct picture_rows){ .at = samples->at, .presentation = presentation, .profile = samples->profile };
    if (!sample_layout_of(samples, &rows->layout, error))
        return false;
    rows->width = rows->layout.width;
    rows->height = rows->layout.height;
    if (rows->layout.samples == 1 && rows->layout.photometric != PALETTE_COLOR)
        return open_grey(rows, samples, deep, error);
    rows->draw16 = draw_widened;
    return rows_open_colour(rows, error);
}

void rows_release(struct picture_rows *rows)
{
    free(rows->table);
    free(rows->palette);
    *rows = (struct picture_rows){ .at = NULL };
}
