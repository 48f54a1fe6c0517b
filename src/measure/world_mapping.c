/* world_mapping.c - range, line or table, and unit of a mapping. */
#include "measure/world_mapping.h"

#include <math.h>

enum {
    LAST = 0x00409211,
    TABLE = 0x00409212,
    LAST_REAL = 0x00409213,
    FIRST_REAL = 0x00409214,
    FIRST = 0x00409216,
    INTERCEPT = 0x00409224,
    SLOPE = 0x00409225,
};

static bool is_useless(struct mapping_fault *fault, const char *of, const char *what)
{
    *fault = (struct mapping_fault){ of, what };
    return false;
}

/* An end of the range, in the type of the pixels whatever its VR says; doubles where pixels are real numbers. */
static bool end_of(const struct pixel_format *format, const struct dicom_dataset *item, uint32_t tag, uint32_t real_tag,
                   double *out)
{
    int64_t value;
    if (dicom_sole_real(item, real_tag, out))
        return true;
    if (format->kind != SAMPLE_INTEGER || !dicom_sole_integer(item, tag, &value))
        return false;
    if (format->is_signed && value > INT16_MAX)
        value -= 65536;
    if (!format->is_signed && value < 0)
        value += 65536;
    *out = (double)value;
    return true;
}

/* Code of the units, in UCUM's words; of other schemes its meaning. */
static struct str unit_of(const struct dicom_dataset *item, struct arena *arena)
{
    const struct dicom_dataset *code = dicom_item(item, 0x004008EA /* Measurement Units Code Sequence */, 0);
    if (!code)
        return STR_NULL;
    bool is_ucum = str_equal(dicom_text_first(code, 0x00080102 /* Coding Scheme Designator */, arena), S("UCUM"));
    struct str value = dicom_text_first(code, 0x00080100 /* Code Value */, arena),
               meaning = dicom_text_first(code, 0x00080104 /* Code Meaning */, arena);
    if (is_ucum && str_equal(value, S("[hnsf'U]")))
        return S("HU");
    return (is_ucum && value.len) || !meaning.len ? value : meaning;
}

static const char *fault_of(const struct dicom_dataset *item, uint32_t tag, double *out)
{
    int64_t count = dicom_value_count(item, tag);
    if (dicom_sole_real(item, tag, out))
        return NULL;
    return !dicom_find(item, tag) ? "is missing" : count > 1 ? "is several numbers" : "is no finite number";
}

static bool line_read(const struct dicom_dataset *item, struct world_mapping *out, struct mapping_fault *fault)
{
    const char *slope = fault_of(item, SLOPE, &out->slope), *intercept = fault_of(item, INTERCEPT, &out->intercept);
    if (slope && intercept && !dicom_find(item, SLOPE) && !dicom_find(item, INTERCEPT))
        return is_useless(fault, "Slope", "is missing, and so is a table");
    if (slope)
        return is_useless(fault, "Slope", slope);
    if (intercept)
        return is_useless(fault, "Intercept", intercept);
    return out->slope != 0 || is_useless(fault, "Slope", "is 0");
}

static bool range_read(const struct dicom_dataset *item, const struct pixel_format *format, struct world_mapping *out,
                       bool *is_bounded, struct mapping_fault *fault)
{
    bool is_whole = format->kind == SAMPLE_INTEGER;
    bool has_first = end_of(format, item, FIRST, FIRST_REAL, &out->first),
         has_last = end_of(format, item, LAST, LAST_REAL, &out->last);
    if (has_first && has_last && out->first == 0 && out->last == 0)
        return is_useless(fault, NULL, NULL); /* room that the writer never used */
    if (has_first != has_last || (!has_first && is_whole))
        return is_useless(fault, has_first ? "Last Value Mapped" : "First Value Mapped",
                          "is missing or no number of the samples' kind");
    *is_bounded = has_first;
    return out->first <= out->last || is_useless(fault, "Last Value Mapped", "comes before the first");
}

bool world_mapping_read(const struct dicom_dataset *item, const struct pixel_format *format, struct arena *arena,
                        struct world_mapping *out, struct mapping_fault *fault)
{
    struct world_mapping m = { .first = -INFINITY, .last = INFINITY, .unit = unit_of(item, arena) };
    bool is_bounded = false;
    *fault = (struct mapping_fault){ 0 };
    if (!range_read(item, format, &m, &is_bounded, fault))
        return false;
    m.table = dicom_find(item, TABLE);
    int64_t entries = m.table ? dicom_node_count(m.table) : 0;
    if (!entries) {
        m.table = NULL;
        if (!line_read(item, &m, fault))
            return false;
    } else if (!is_bounded || (double)entries < m.last - m.first + 1) {
        return is_useless(fault, "LUT Data", "has fewer entries than values are mapped");
    } else if (format->kind != SAMPLE_INTEGER || format->bits_stored > 16) {
        return is_useless(fault, "LUT Data", "cannot be of samples of more than 16 bits");
    }
    *out = m;
    return true;
}
