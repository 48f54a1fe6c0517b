/* header_doubts.c - the table of such members, and where they are. */
#include "measure/header_doubts.h"

#include "measure/pixel_doubts.h"
#include "measure/suv.h"
#include "measure/ultrasound.h"
#include "measure/world_mapping.h"

#include <inttypes.h>
#include <math.h>

enum place { IN_ROOT, IN_TRANSFORMATION, IN_VOI, IN_MEASURES, IN_DRUG, PLACES };

/* The functional group that holds what is in the root of other files (PS3.3 C.7.6.16.2); 0: none. */
static const uint32_t groups[PLACES] = {
    [IN_TRANSFORMATION] = 0x00289145,
    [IN_VOI] = 0x00289132,
    [IN_MEASURES] = 0x00289110,
};
enum { RADIOPHARMACEUTICALS = 0x00540016, MODALITY_LUT = 0x00283000, UNITS = 0x00541001 };
enum {
    RESCALE_SLOPE = 0x00281053,
    MAPPINGS = 0x00409096,
    LUT_DESCRIPTOR = 0x00283002,
    SHARED_GROUPS = DICOM_SharedFunctionalGroupsSequence
};

enum need { ANY_NUMBER, NOT_ZERO, ABOVE_ZERO, TWO_ABOVE_ZERO, A_DATE, A_TIME, A_FUNCTION, A_SHAPE };

#define AS_STORED "values are as stored, without a unit"
#define NO_WINDOW "this window is not used"
#define NO_SPACING "it is not used for lengths"
#define NO_SUV "no SUV is told"
#define NO_RECORD "it is not taken over"
#define SQUARE "pixels are taken for square"
#define SPACING_MAX_MM 1e6

struct row {
    uint32_t tag, partner; /* the partner is nothing without this one; 0: it has none */
    const char *name;
    enum place place;
    enum need need;
    unsigned about;
    const char *modality; /* NULL: of any */
    const char *then;
};

static const struct row rows[] = {
    { RESCALE_SLOPE, 0x00281052, "Rescale Slope", IN_TRANSFORMATION, NOT_ZERO, DOUBT_VALUES, NULL, AS_STORED },
    { 0x00281052, RESCALE_SLOPE, "Rescale Intercept", IN_TRANSFORMATION, ANY_NUMBER, DOUBT_VALUES, NULL, AS_STORED },
    { 0x3004000E, 0, "Dose Grid Scaling", IN_ROOT, ABOVE_ZERO, DOUBT_VALUES, "RTDOSE", AS_STORED },
    { 0x00280120, 0, "Pixel Padding Value", IN_ROOT, ANY_NUMBER, DOUBT_VALUES, NULL, "padding counts as values" },
    { 0x00281050, 0x00281051, "Window Center", IN_VOI, ANY_NUMBER, DOUBT_WINDOW, NULL, NO_WINDOW },
    { 0x00281051, 0x00281050, "Window Width", IN_VOI, ABOVE_ZERO, DOUBT_WINDOW, NULL, NO_WINDOW },
    { 0x00281056, 0, "VOI LUT Function", IN_VOI, A_FUNCTION, DOUBT_WINDOW, NULL, "it is taken for LINEAR" },
    { 0x20500020, 0, "Presentation LUT Shape", IN_ROOT, A_SHAPE, DOUBT_WINDOW, NULL, "it is taken for IDENTITY" },
    { 0x00280121, 0, "Pixel Padding Range Limit", IN_ROOT, ANY_NUMBER, DOUBT_VALUES, NULL, "it is not used" },
    { 0x00280030, 0, "Pixel Spacing", IN_MEASURES, TWO_ABOVE_ZERO, DOUBT_LENGTHS, NULL, NO_SPACING },
    { 0x00181164, 0, "Imager Pixel Spacing", IN_ROOT, TWO_ABOVE_ZERO, DOUBT_LENGTHS, NULL, NO_SPACING },
    { 0x00182010, 0, "Nominal Scanned Pixel Spacing", IN_ROOT, TWO_ABOVE_ZERO, DOUBT_LENGTHS, NULL, NO_SPACING },
    { 0x00280034, 0, "Pixel Aspect Ratio", IN_ROOT, TWO_ABOVE_ZERO, DOUBT_LENGTHS, NULL, SQUARE },
    { 0x00100030, 0, "Patient's Birth Date", IN_ROOT, A_DATE, DOUBT_DATES, NULL, NO_RECORD },
    { 0x00080020, 0, "Study Date", IN_ROOT, A_DATE, DOUBT_DATES, NULL, NO_RECORD },
    { 0x00080030, 0, "Study Time", IN_ROOT, A_TIME, DOUBT_DATES, NULL, NO_RECORD },
    { 0x00101030, 0, "Patient's Weight", IN_ROOT, ABOVE_ZERO, DOUBT_VALUES, "PT", NO_SUV },
    { 0x00181074, 0, "Radionuclide Total Dose", IN_DRUG, ABOVE_ZERO, DOUBT_VALUES, "PT", NO_SUV },
    { 0x00181075, 0, "Radionuclide Half Life", IN_DRUG, ABOVE_ZERO, DOUBT_VALUES, "PT", NO_SUV },
    { 0x00181072, 0, "Radiopharmaceutical Start Time", IN_DRUG, A_TIME, DOUBT_VALUES, "PT", NO_SUV },
    { 0x00080021, 0, "Series Date", IN_ROOT, A_DATE, DOUBT_VALUES, "PT", NO_SUV },
    { 0x00080031, 0, "Series Time", IN_ROOT, A_TIME, DOUBT_VALUES, "PT", NO_SUV },
    { 0x00080022, 0, "Acquisition Date", IN_ROOT, A_DATE, DOUBT_VALUES, "PT", NO_SUV },
    { 0x00080032, 0, "Acquisition Time", IN_ROOT, A_TIME, DOUBT_VALUES, "PT", NO_SUV },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

struct doubting {
    const struct dicom_object *object;
    struct arena *arena;
    unsigned about;
    struct str modality;
    const struct pixel_format *format; /* NULL: there are no pixels that could be shown */
    bool has_suv;                      /* of a PET: nothing that it needs is in doubt */
    bool told[ROWS];                   /* of some frame */
    int count;
    struct str *out;
};

static void tell(struct doubting *d, struct str text)
{
    if (d->count < DOUBTS_MAX)
        d->out[d->count++] = text;
}

static bool is_modality(const struct doubting *d, const char *name)
{
    return !name || str_equal(d->modality, str_from(name));
}

/* ---- one member ---- */

static struct str unpadded(const struct dicom_node *node)
{
    struct str value = node->element.value;
    while (value.len && (value.at[value.len - 1] == ' ' || !value.at[value.len - 1]))
        value.len--;
    return str_trim(value);
}

/* Text of blanks and padding is empty; bytes of numbers are not, zeros or not. */
static bool is_empty(const struct dicom_node *node)
{
    uint16_t vr = node->element.vr;
    bool is_text = vr == VR('D', 'S') || vr == VR('I', 'S') || vr == VR('D', 'A') || vr == VR('T', 'M') ||
                   vr == VR('C', 'S') || vr == VR('L', 'O');
    return (is_text ? unpadded(node) : node->element.value).len == 0;
}

static const char *fault_of_number(const struct dicom_dataset *from, uint32_t tag, int64_t index, enum need need)
{
    double value;
    if (need == TWO_ABOVE_ZERO && dicom_value_count(from, tag) > 2)
        return "is not two numbers";
    if (!dicom_real_at(from, tag, index, &value))
        return index < dicom_value_count(from, tag) || !index ? "is no finite number" : "is not two numbers";
    if (need == ANY_NUMBER)
        return NULL;
    if (value == 0)
        return "is 0";
    if (need != NOT_ZERO && value < 0)
        return "is below 0";
    return need == TWO_ABOVE_ZERO && value > SPACING_MAX_MM ? "is larger than any image" : NULL;
}

/* Small letters too. */
static bool is_term(const struct dicom_node *node, enum need need)
{
    static const char *const terms[2][3] = { { "LINEAR", "LINEAR_EXACT", "SIGMOID" }, { "IDENTITY", "INVERSE", NULL } };
    struct str value = unpadded(node);
    for (int i = 0; i < 3 && terms[need == A_SHAPE][i]; i++)
        if (str_equal_fold(value, str_from(terms[need == A_SHAPE][i])))
            return true;
    return false;
}

/* NULL: it is absent, or as it should be. */
static const char *fault_of(const struct dicom_dataset *from, const struct row *row)
{
    const struct dicom_node *node = dicom_find(from, row->tag);
    struct date date;
    int64_t time;
    if (!node)
        return row->partner && dicom_find(from, row->partner) ? "is missing" : NULL;
    if (is_empty(node))
        return row->about == DOUBT_DATES ? NULL : "is empty";
    if (row->need == A_FUNCTION || row->need == A_SHAPE)
        return is_term(node, row->need) ? NULL : "is none of its terms";
    if (row->need == A_DATE)
        return dicom_date(from, row->tag, &date) ? NULL : "is no date";
    if (row->need == A_TIME)
        return dicom_time(from, row->tag, &time) ? NULL : "is no time";
    if (dicom_value_count(from, row->tag) > 1 && row->need != TWO_ABOVE_ZERO && row->place != IN_VOI)
        return "is several numbers";
    const char *fault = fault_of_number(from, row->tag, 0, row->need);
    return fault || row->need != TWO_ABOVE_ZERO ? fault : fault_of_number(from, row->tag, 1, row->need);
}

/* `frame` 0: it is the same for all, or the frame is known to who asks. */
static void look_at(struct doubting *d, const struct dicom_dataset *from, enum place place, int64_t frame)
{
    for (int i = 0; from && i < ROWS; i++) {
        const struct row *row = &rows[i];
        const char *fault;
        if (row->place != place || !(row->about & d->about) || d->told[i] || !is_modality(d, row->modality) ||
            (d->has_suv && !strcmp(row->then, NO_SUV)) || !(fault = fault_of(from, row)))
            continue;
        d->told[i] = true;
        struct str of = frame ? arena_format(d->arena, " of frame %" PRId64, frame) : S("");
        tell(d, arena_format(d->arena, "%s (%04X,%04X)%.*s %s: %s", row->name, row->tag >> 16, row->tag & 0xFFFF,
                             STR_FMT(of), fault, row->then));
    }
}

/* ---- what is no single member ---- */

/* Entries of two bytes that need more bits than are declared (C.11.1.1.1). */
static bool exceeds(const struct dicom_dataset *lut, int64_t bits)
{
    const struct dicom_node *data = dicom_find(lut, 0x00283006 /* LUT Data */);
    int64_t count = 0;
    if (!data || bits < 1 || bits > 15 || !dicom_integer(lut, LUT_DESCRIPTOR, &count))
        return false;
    count &= UINT16_MAX;
    bool is_packed = data->element.value.len < 2 * (count ? count : UINT16_MAX + 1);
    for (ptrdiff_t at = 0; !is_packed && at + 1 < data->element.value.len; at += 2)
        if (dicom_u16(data->element.value.at + at, data->element.big_endian) >> bits)
            return true;
    return false;
}

static void look_at_modality_lut(struct doubting *d)
{
    const struct dicom_dataset *item = dicom_item(d->object->root, MODALITY_LUT, 0);
    int64_t number, bits;
    if (item && !dicom_integer(item, LUT_DESCRIPTOR, &number))
        tell(d, S("Modality LUT Sequence (0028,3000) has no LUT Descriptor: it is not used"));
    else if (item && dicom_integer_at(item, LUT_DESCRIPTOR, 2, &bits) && exceeds(item, bits))
        tell(d, arena_format(d->arena,
                             "Modality LUT Sequence (0028,3000) declares %" PRId64
                             " bits and has larger entries: they are taken as they are",
                             bits));
}

/* `holder` has them, or has none. False: one was told. */
static bool look_at_mappings(struct doubting *d, const struct dicom_dataset *holder, int64_t frame)
{
    const struct dicom_dataset *item = dicom_item(holder, MAPPINGS, 0);
    struct str of = frame ? arena_format(d->arena, " of frame %" PRId64, frame) : S("");
    int before = d->count;
    struct world_mapping mapping;
    struct mapping_fault fault;
    for (int i = 1; item && d->format && i <= WORLD_MAPPINGS_MAX; i++, item = item->next)
        if (!world_mapping_read(item, d->format, d->arena, &mapping, &fault) && fault.of)
            tell(d, arena_format(d->arena, "Real World Value %s of mapping %d in (0040,9096)%.*s %s: it is not used",
                                 fault.of, i, STR_FMT(of), fault.what));
    return d->count == before;
}

static void look_at_pet(struct doubting *d)
{
    const struct dicom_dataset *root = d->object->root;
    if (!is_modality(d, "PT"))
        return;
    struct pet_scale scale = pet_scale_of(root, d->arena);
    d->has_suv = str_equal(scale.unit, S("g/ml"));
    if ((d->about & DOUBT_VALUES) && scale.trouble)
        tell(d, str_from(scale.trouble));
    const struct dicom_node *units = dicom_find(root, UNITS);
    if ((d->about & DOUBT_VALUES) && dicom_find(root, RESCALE_SLOPE) && (!units || is_empty(units)))
        tell(d, arena_format(d->arena, "Units (0054,1001) is %s: values have no unit, and no SUV is told",
                             units ? "empty" : "missing"));
}

static void look_at_ultrasound(struct doubting *d)
{
    struct ultrasound regions;
    ultrasound_of(d->object->root, &regions);
    if (regions.unread)
        tell(d, arena_format(
                    d->arena,
                    "%d of the regions in (0018,6011) have no place that can be read: nothing is measured by them",
                    regions.unread));
    int unread = 0;
    for (int i = 0; i < regions.count; i++)
        unread += regions.regions[i].across.is_unread || regions.regions[i].down.is_unread;
    if (unread)
        tell(d, arena_format(
                    d->arena,
                    "%d of the regions in (0018,6011) have a scale that cannot be read: lengths there are in pixels",
                    unread));
}

/* ---- functional groups ---- */

/* As many items as frames (PS3.3 C.7.6.16.1.1); of frames behind the last one only what is shared is known. */
static void look_at_item_count(struct doubting *d, int64_t frame)
{
    const struct dicom_node *node = dicom_find(d->object->root, DICOM_PerFrameFunctionalGroupsSequence);
    int64_t frames = d->format ? d->format->frames : 0;
    if (!node || !frames || node->item_count == frames ||
        (node->item_count < frames && frame && frame <= node->item_count))
        return;
    struct str then = node->item_count < frames ? arena_format(d->arena,
                                                               "values, windows and spacings of frames from %" PRId64
                                                               " on are taken from what all frames share",
                                                               node->item_count + 1)
                                                : S("the first items are taken for those of the frames");
    tell(d, arena_format(d->arena,
                         "Per-Frame Functional Groups Sequence (5200,9230) has %" PRId64 " items for %" PRId64
                         " frames: %.*s",
                         node->item_count, frames, STR_FMT(then)));
}

/* A group is in the items of all frames, or of none (C.7.6.16.1.1). Told of the frame, 0: of the first that lacks
 * it. */
static void look_at_absent(struct doubting *d, uint32_t group, const char *name, int64_t frame, const char *then)
{
    const struct dicom_dataset *shared = dicom_item(d->object->root, SHARED_GROUPS, 0);
    int64_t without = 0, with = 0, number = 1;
    if (shared && dicom_find(shared, group))
        return;
    for (const struct dicom_dataset *item = dicom_item(d->object->root, DICOM_PerFrameFunctionalGroupsSequence, 0);
         item && !(with && without); item = item->next, number++) {
        if (dicom_item(item, group, 0))
            with = number;
        else if (!without && (!frame || frame == number))
            without = number;
    }
    if (with && without)
        tell(d, arena_format(d->arena, "%s (%04X,%04X) is there for other frames and not for frame %" PRId64 ": %s",
                             name, group >> 16, group & 0xFFFF, without, then));
}

static void look_at_groups(struct doubting *d, int64_t frame)
{
    look_at_item_count(d, frame);
    if (d->about & DOUBT_VALUES)
        look_at_absent(d, groups[IN_TRANSFORMATION], "Pixel Value Transformation Sequence", frame, AS_STORED);
    if (d->about & DOUBT_LENGTHS)
        look_at_absent(d, groups[IN_MEASURES], "Pixel Measures Sequence", frame, "its lengths are in pixels");
}

/* ---- all of it ---- */

static void look_at_all_frames(struct doubting *d)
{
    int64_t number = 1;
    bool maps = (d->about & DOUBT_VALUES) != 0;
    for (const struct dicom_dataset *frame = dicom_item(d->object->root, DICOM_PerFrameFunctionalGroupsSequence, 0);
         frame; frame = frame->next) {
        maps = maps && look_at_mappings(d, frame, number);
        for (int place = 0; place < PLACES; place++)
            if (groups[place])
                look_at(d, dicom_item(frame, groups[place], 0), (enum place)place, number);
        number++;
    }
}

int header_doubts(const struct dicom_object *object, int64_t frame, unsigned about, struct str out[DOUBTS_MAX],
                  struct arena *arena)
{
    struct doubting d = { .object = object, .arena = arena, .about = about, .out = out };
    struct pixel_format format;
    struct error ignored = { 0 };
    if (pixel_format_of(object, &format, &ignored))
        d.format = &format;
    d.modality = dicom_text_first(object->root, DICOM_Modality, arena);
    if (d.format && (about & DOUBT_VALUES))
        d.count = pixel_doubts(object, &format, out, DOUBTS_MAX, arena);
    look_at_pet(&d);
    look_at(&d, object->root, IN_ROOT, 0);
    look_at(&d, dicom_item(object->root, RADIOPHARMACEUTICALS, 0), IN_DRUG, 0);
    for (int place = 0; place < PLACES; place++)
        if (groups[place])
            look_at(&d, dicom_functional_group(object, groups[place], frame), (enum place)place, 0);
    if (dicom_find(object->root, DICOM_PerFrameFunctionalGroupsSequence))
        look_at_groups(&d, frame);
    if (!frame)
        look_at_all_frames(&d);
    if (about & DOUBT_VALUES) {
        look_at_modality_lut(&d);
        look_at_mappings(&d, dicom_group_holder(object, MAPPINGS, frame), 0);
    }
    if ((about & DOUBT_LENGTHS) && dicom_find(object->root, 0x00186011 /* Sequence of Ultrasound Regions */))
        look_at_ultrasound(&d);
    return d.count;
}

struct str header_doubts_text(const struct dicom_object *object, int64_t frame, unsigned about, ptrdiff_t most,
                              struct arena *arena)
{
    struct str doubts[DOUBTS_MAX];
    int count = header_doubts(object, frame, about, doubts, arena);
    struct str text = count ? doubts[0] : STR_NULL;
    for (int i = 1; i < count; i++) {
        struct str longer = arena_format(arena, "%.*s; %.*s", STR_FMT(text), STR_FMT(doubts[i]));
        if (longer.len > most)
            break;
        text = longer;
    }
    return text;
}
