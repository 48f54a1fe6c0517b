/* ultrasound.c - Sequence of Ultrasound Regions (0018,6011). */
#include "measure/ultrasound.h"

#include <math.h>

enum { REGIONS = 0x00186011, CENTIMETRES = 3 };

/* Physical Units (C.8.5.5.1.15), by their code. */
static const char *const units[] = {
    NULL, "%", "dB", "cm", "s", "Hz", "dB/s", "cm/s", "cm2", "cm2/s", "cm3", "cm3/s", "deg",
};

/* Where an axis' attributes are. */
struct axis_tags {
    uint32_t unit, delta, reference, reference_value;
};
static const struct axis_tags tags_across = { 0x00186024, 0x0018602C, 0x00186020, 0x00186028 };
static const struct axis_tags tags_down = { 0x00186026, 0x0018602E, 0x00186022, 0x0018602A };

/* The reference pixel is counted from the region's first pixel, and its value is that of its centre. */
static struct ultrasound_axis axis_of(const struct dicom_dataset *item, const struct axis_tags *tags, double begin)
{
    struct ultrasound_axis axis = { 0 };
    int64_t unit, reference;
    double delta;
    if (!dicom_find(item, tags->unit) || (dicom_integer(item, tags->unit, &unit) && unit == 0))
        return axis;
    axis.is_unread = !dicom_integer(item, tags->unit, &unit) || unit < 0 ||
                     unit >= (int64_t)(sizeof(units) / sizeof(units[0])) || !dicom_real(item, tags->delta, &delta) ||
                     delta == 0 || !isfinite(1 / delta);
    if (axis.is_unread)
        return axis;
    axis.unit = units[unit];
    axis.is_length = unit == CENTIMETRES;
    axis.delta = delta;
    axis.has_origin =
        dicom_integer(item, tags->reference, &reference) && dicom_real(item, tags->reference_value, &axis.origin_value);
    if (axis.has_origin)
        axis.origin = begin + (double)reference + 0.5;
    return axis;
}

static bool region_read(const struct dicom_dataset *item, struct ultrasound_region *out)
{
    int64_t left, top, right, bottom, flags = 0;
    if (!dicom_integer(item, 0x00186018 /* Region Location Min X0 */, &left) ||
        !dicom_integer(item, 0x0018601A /* ... Min Y0 */, &top) ||
        !dicom_integer(item, 0x0018601C /* ... Max X1 */, &right) ||
        !dicom_integer(item, 0x0018601E /* ... Max Y1 */, &bottom) || left > right || top > bottom)
        return false;
    dicom_integer(item, 0x00186016 /* Region Flags */, &flags);
    *out = (struct ultrasound_region){ .left = (double)left,
                                       .top = (double)top,
                                       .right = (double)right + 1,
                                       .bottom = (double)bottom + 1,
                                       .is_low_priority = flags & 1 };
    out->across = axis_of(item, &tags_across, out->left);
    out->down = axis_of(item, &tags_down, out->top);
    return true;
}

void ultrasound_of(const struct dicom_dataset *root, struct ultrasound *out)
{
    const struct dicom_dataset *item;
    out->has_regions = dicom_item(root, REGIONS, 0) != NULL;
    out->count = out->unread = 0;
    for (int i = 0; i < ULTRASOUND_REGIONS_MAX && (item = dicom_item(root, REGIONS, i)); i++)
        if (region_read(item, &out->regions[out->count]))
            out->count++;
        else
            out->unread++;
}

static bool axis_equals(const struct ultrasound_axis *a, const struct ultrasound_axis *b)
{
    return a->unit == b->unit && a->delta == b->delta;
}

static bool has_scale_of(const struct ultrasound_region *a, const struct ultrasound_region *b)
{
    return axis_equals(&a->across, &b->across) && axis_equals(&a->down, &b->down);
}

/* On an edge counts as inside: two regions side by side share it. */
static bool holds_all(const struct ultrasound_region *r, const struct measure_point *points, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (points[i].x < r->left || points[i].x > r->right || points[i].y < r->top || points[i].y > r->bottom)
            return false;
    return true;
}

static bool holds_any(const struct ultrasound_region *r, const struct measure_point *points, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (points[i].x > r->left && points[i].x < r->right && points[i].y > r->top && points[i].y < r->bottom)
            return true;
    return false;
}

/* `r` has all of the points; does another that has some of them say otherwise, and count as much or more? */
static bool is_contested(const struct ultrasound *u, const struct ultrasound_region *r,
                         const struct measure_point *points, int64_t count)
{
    for (int i = 0; i < u->count; i++) {
        const struct ultrasound_region *other = &u->regions[i];
        bool counts = !other->is_low_priority || r->is_low_priority;
        if (other != r && counts && !has_scale_of(other, r) && holds_any(other, points, count))
            return true;
    }
    return false;
}

const struct ultrasound_region *ultrasound_region_of(const struct ultrasound *ultrasound,
                                                     const struct measure_point *points, int64_t count)
{
    for (int i = 0; i < ultrasound->count; i++) {
        const struct ultrasound_region *r = &ultrasound->regions[i];
        if (holds_all(r, points, count) && !is_contested(ultrasound, r, points, count))
            return r;
    }
    return NULL;
}

bool ultrasound_is_spatial(const struct ultrasound_region *region)
{
    return region->across.is_length && region->down.is_length;
}
