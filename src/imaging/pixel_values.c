/* pixel_values.c - from stored to modality and to real-world values. */
#include "imaging/pixel_values.h"

#include "imaging/image.h"
#include "measure/suv.h"
#include "measure/world_mapping.h"
#include "raster/lut_data.h"

#include <math.h>

enum {
    MULTI_ENERGY = 0x00189361, /* Multi-energy CT Acquisition */
    MODALITY_LUT_SEQUENCE = 0x00283000,
    MODALITY_LUT_TYPE = 0x00283004,
    PIXEL_VALUE_TRANSFORMATION = 0x00289145,
    RESCALE_INTERCEPT = 0x00281052,
    RESCALE_SLOPE = 0x00281053,
    RESCALE_TYPE = 0x00281054,
    REAL_WORLD_MAPPING = 0x00409096,
    DOSE_UNITS = 0x30040002,
    DOSE_GRID_SCALING = 0x3004000E,
};

static bool has_modality(const struct pixel_source *s, struct str code)
{
    return str_equal(dicom_text_first(s->object->root, DICOM_Modality, &s->c->arena), code);
}

void pixel_values_plain(struct presentation *out)
{
    out->slope = 1;
    out->intercept = 0;
    out->has_range = false;
    out->modality.count = out->world.count = 0;
    out->has_padding = false;
}

/* ---- padding ---- */

/* In the type of the pixels, whatever its VR says. */
static bool padding_value(const struct pixel_source *s, uint32_t tag, int64_t *out)
{
    int64_t value;
    int allocated = s->format->bits_allocated, stored = s->format->bits_stored;
    if (!dicom_sole_integer(s->object->root, tag, &value) || stored < 1 || stored > 32 || allocated > 32)
        return false;
    if (s->format->is_signed && value >> (allocated - 1) == 1)
        value -= (int64_t)1 << allocated;
    /* One that the stored bits cannot hold occurs in no pixel. */
    int64_t low = s->format->is_signed ? -((int64_t)1 << (stored - 1)) : 0;
    if (value < low || value > low + ((int64_t)1 << stored) - 1)
        return false;
    *out = value;
    return true;
}

/* Floating-point pixels have attributes of their own (C.7.6.24, C.7.6.25). */
static const struct {
    uint32_t value, limit;
} paddings[] = {
    [SAMPLE_INTEGER] = { 0x00280120 /* Pixel Padding Value */, 0x00280121 /* Pixel Padding Range Limit */ },
    [SAMPLE_FLOAT] = { 0x00280122 /* Float Pixel Padding Value */, 0x00280124 },
    [SAMPLE_DOUBLE] = { 0x00280123 /* Double Float Pixel Padding Value */, 0x00280125 },
};

static bool padding_number(const struct pixel_source *s, uint32_t tag, double *out)
{
    int64_t whole;
    if (s->format->kind != SAMPLE_INTEGER)
        return dicom_sole_real(s->object->root, tag, out);
    if (!padding_value(s, tag, &whole))
        return false;
    *out = (double)whole; /* of 32 bits at most */
    return true;
}

static void use_padding(const struct pixel_source *s, struct presentation *out)
{
    double value, limit;
    if (!padding_number(s, paddings[s->format->kind].value, &value))
        return;
    if (!padding_number(s, paddings[s->format->kind].limit, &limit))
        limit = value;
    out->has_padding = true;
    out->padding_low = fmin(value, limit);
    out->padding_high = fmax(value, limit);
}

/* ---- the modality's ---- */

static const struct dicom_dataset *rescale_of(const struct pixel_source *s)
{
    return dicom_functional_group(s->object, PIXEL_VALUE_TRANSFORMATION, s->frame);
}

/* Rescale Type and Modality LUT Type; US is "unspecified" (C.11.1.1.2). A rescaled CT that says nothing is in
 * Hounsfield units, but one of several energies has to say it (C.8.2.1). */
static struct str unit_of(const struct pixel_source *s, const struct dicom_dataset *from, uint32_t tag)
{
    struct arena *arena = &s->c->arena;
    struct str type = dicom_text_first(from, tag, arena);
    if (type.len)
        return str_equal_fold(type, S("US")) ? STR_NULL : str_equal_fold(type, S("HU")) ? S("HU") : type;
    bool has_energies = str_equal(dicom_text_first(s->object->root, MULTI_ENERGY, arena), S("YES"));
    return has_modality(s, S("CT")) && !has_energies ? S("HU") : STR_NULL;
}

bool pixel_values_modality(const struct pixel_source *s, struct presentation *out, struct str *unit)
{
    static const struct lut_place place = { .descriptor = 0x00283002, .data = 0x00283006, .name = "modality LUT" };
    const struct dicom_dataset *item = dicom_item(s->object->root, MODALITY_LUT_SEQUENCE, 0), *from = rescale_of(s);
    double slope, intercept;
    pixel_values_plain(out);
    use_padding(s, out);
    *unit = STR_NULL;
    if (item && !lut_read(item, &place, s->format->is_signed, &out->modality, &s->c->error))
        return false;
    if (out->modality.count) {
        *unit = unit_of(s, item, MODALITY_LUT_TYPE);
    } else if (dicom_sole_real(from, RESCALE_SLOPE, &slope) && dicom_sole_real(from, RESCALE_INTERCEPT, &intercept) &&
               slope != 0) {
        out->slope = slope;
        out->intercept = intercept;
        *unit = unit_of(s, from, RESCALE_TYPE);
    }
    return true;
}

/* ---- Real World Value Mapping ---- */

static void storable_range(const struct pixel_source *s, double *least, double *greatest)
{
    int bits = s->format->bits_stored;
    *least = s->format->is_signed ? -ldexp(1, bits - 1) : 0;
    *greatest = *least + ldexp(1, bits) - 1;
}

/* Entries that no mapping has made yet. */
static void mapping_fill(const struct world_mapping *m, struct value_table *out)
{
    for (int32_t i = 0; i < out->count; i++) {
        double stored = (double)out->first + i, value;
        if (stored < m->first || stored > m->last || !isnan(out->values[i]))
            continue;
        if (!m->table)
            out->values[i] = stored * m->slope + m->intercept;
        else if (dicom_node_real(m->table, (int64_t)(stored - m->first), &value))
            out->values[i] = value;
    }
}

/* All items of one unit together, the earlier ones first: a table of what can be stored. */
static void use_mappings(const struct pixel_source *s, const struct world_mapping *all, int count,
                         struct presentation *out)
{
    double least, greatest;
    bool is_whole = s->format->kind == SAMPLE_INTEGER;
    storable_range(s, &least, &greatest);
    if ((count == 1 && !all->table) || !is_whole || s->format->bits_stored > 16) {
        out->slope = all->slope;
        out->intercept = all->intercept;
        out->has_range = !is_whole || all->first > least || all->last < greatest;
        out->range_low = all->first;
        out->range_high = all->last;
        return;
    }
    out->world.first = (int32_t)least;
    out->world.count = (int32_t)(greatest - least) + 1;
    for (int32_t i = 0; i < out->world.count; i++)
        out->world.values[i] = NAN;
    for (int i = 0; i < count; i++)
        mapping_fill(&all[i], &out->world);
}

/* The frame's functional groups, the shared ones, or the file itself (C.7.6.16.2.11). The first item that can be used
 * tells the unit; others of that unit go on where it ends. False: there is none. */
static bool real_world_mapping(const struct pixel_source *s, struct presentation *out, struct str *unit)
{
    const struct dicom_dataset *holder = dicom_group_holder(s->object, REAL_WORLD_MAPPING, s->frame);
    struct world_mapping all[WORLD_MAPPINGS_MAX];
    struct mapping_fault ignored; /* told by header_doubts.h */
    int count = 0;
    for (int i = 0; i < WORLD_MAPPINGS_MAX; i++) {
        const struct dicom_dataset *item = dicom_item(holder, REAL_WORLD_MAPPING, i);
        if (!item)
            break;
        if (world_mapping_read(item, s->format, &s->c->arena, &all[count], &ignored) &&
            (count == 0 || str_equal(all[count].unit, all[0].unit)))
            count++;
    }
    if (count == 0)
        return false;
    out->modality.count = 0;
    use_mappings(s, all, count, out);
    *unit = all[0].unit;
    return true;
}

/* ---- dose, PET ---- */

static bool dose(const struct pixel_source *s, struct presentation *out, struct str *unit)
{
    double scaling;
    if (!has_modality(s, S("RTDOSE")) || !dicom_sole_real(s->object->root, DOSE_GRID_SCALING, &scaling) ||
        !(scaling > 0))
        return false;
    struct str units = dicom_text_first(s->object->root, DOSE_UNITS, &s->c->arena);
    out->modality.count = 0;
    out->slope = scaling;
    out->intercept = 0;
    *unit = str_equal(units, S("GY")) ? S("Gy") : str_equal(units, S("RELATIVE")) ? S("relative") : units;
    return true;
}

static bool is_rescaled_pet(const struct pixel_source *s)
{
    double slope, intercept;
    return has_modality(s, S("PT")) && dicom_sole_real(rescale_of(s), RESCALE_SLOPE, &slope) && slope != 0 &&
           dicom_sole_real(rescale_of(s), RESCALE_INTERCEPT, &intercept);
}

static void pet(const struct pixel_source *s, struct presentation *out, struct str *unit)
{
    struct pet_scale scale = pet_scale_of(s->object->root, &s->c->arena);
    out->slope *= scale.factor;
    out->intercept *= scale.factor;
    if (scale.unit.len)
        *unit = scale.unit;
}

bool pixel_values_real(const struct pixel_source *from, struct presentation *out, struct str *unit)
{
    if (!pixel_values_modality(from, out, unit))
        return false;
    if (!real_world_mapping(from, out, unit) && !dose(from, out, unit) && !out->modality.count && is_rescaled_pet(from))
        pet(from, out, unit);
    return true;
}
