/* meanings.c - what samples stand for, by a table once that pays. */
#include "raster/tone.h"

#include <math.h>

/* So large a part of all values that a table could hold must have been asked for. */
enum { WORTH_A_TABLE = 8 };

struct sample_meanings {
    const void *at;
    const struct presentation *presentation;
    struct sample_layout layout;
    int64_t until_table; /* samples yet to be asked for */
    double *table;       /* by the stored bits */
};

struct sample_meanings *sample_meanings_new(const struct samples *samples, const struct presentation *presentation,
                                            struct error *error)
{
    struct sample_layout layout;
    if (!sample_layout_of(samples, &layout, error) || !lut_check(&presentation->modality, "modality LUT", error))
        return NULL;
    struct sample_meanings *m = malloc(sizeof(*m));
    if (!m)
        abort();
    *m = (struct sample_meanings){ .at = samples->at, .presentation = presentation, .layout = layout };
    m->until_table = sample_table_pays(&layout) ? ((int64_t)1 << layout.bits) / WORTH_A_TABLE : INT64_MAX;
    return m;
}

static double meaning_of_bits(const struct sample_meanings *m, uint64_t bits)
{
    double stored = sample_number(&m->layout, bits), value = meaning_of(m->presentation, stored);
    return isfinite(value) && !is_padding(m->presentation, stored) ? value : NAN;
}

static void make_table(struct sample_meanings *m)
{
    int64_t values = (int64_t)1 << m->layout.bits;
    m->table = malloc((size_t)values * sizeof(*m->table));
    if (!m->table)
        abort();
    for (int64_t bits = 0; bits < values; bits++)
        m->table[bits] = meaning_of_bits(m, (uint64_t)bits);
}

double sample_meaning(struct sample_meanings *meanings, int64_t index)
{
    const struct sample_layout *layout = &meanings->layout;
    if (meanings->table) {
        uint32_t cell = layout->bytes == 1 ? ((const uint8_t *)meanings->at)[index] : sample_word(meanings->at, index);
        return meanings->table[cell >> layout->shift & ((1u << layout->bits) - 1)];
    }
    if (--meanings->until_table == 0)
        make_table(meanings);
    return meaning_of_bits(meanings, sample_bits(layout, meanings->at, index));
}

void sample_meanings_free(struct sample_meanings *meanings)
{
    if (meanings)
        free(meanings->table);
    free(meanings);
}
