/* dicom_segmentation.c - masks as a Segmentation object (PS3.3 A.51): one segment and one frame for each label.
 *
 *   shared        pixel measures and orientation, where the film has them
 *   frame i       segment i, of the film (Derivation Image), where the film lies in the patient if it says so
 *   pixel data    one bit a pixel, the frames without gaps between them (PS3.5 8.1.1)
 *
 * A projection film has no place in space: then there are no planes and no Frame of Reference, and the frames lie on
 * the film's own pixels (Spatial Locations Preserved).
 */
#include "diagnosis/dicom_source.h"
#include "diagnosis/mask.h"
#include "dicom/uid.h"

#include <stdlib.h>
#include <string.h>

#define UID_SEGMENTATION "1.2.840.10008.5.1.4.1.1.66.4"
enum { SEGMENTATION_BYTES_MAX = 256 << 20, SERIES_NUMBER = 9003, REST_MAX = 16 << 20 };

#define IMAGE_POSITION 0x00200032
#define IMAGE_ORIENTATION 0x00200037
#define FRAME_OF_REFERENCE 0x00200052
#define PIXEL_SPACING 0x00280030
#define SEGMENT_IDENTIFICATION 0x0062000A
#define REFERENCED_SEGMENT 0x0062000B

bool dicom_segmentation_load(struct call *c, struct dicom_source *source)
{
    if (!source->d.has_mask)
        return fail(c, E_CONFLICT, "this result has no masks");
    if (!masks_load(c, source->d.id, STR_NULL, &source->masks))
        return false;
    return (source->masks.count && source->masks.count == source->findings.count) ||
           fail(c, E_INTERNAL, "what is kept of a mask cannot be read");
}

static const struct mask *mask_at(const struct dicom_source *source, ptrdiff_t i)
{
    return (const struct mask *)source->masks.items + i;
}

/* ---- what the film says of its place ---- */

/* As many numbers as there have to be, all of them finite. */
static bool numbers_of(const struct dicom_dataset *film, uint32_t tag, double *out, int count)
{
    for (int i = 0; i < count; i++)
        if (!dicom_real_at(film, tag, i, &out[i]))
            return false;
    return true;
}

/* Where the film lies in the patient: all of it or nothing. */
struct plane {
    bool is_known;
    struct str frame_of_reference;
    double position[3], orientation[6];
};

static struct plane plane_of(const struct dicom_source *source)
{
    struct plane plane = { 0 };
    double spacing[2];
    plane.is_known = source->file.number_of_frames <= 1 &&
                     dicom_uid(source->film, FRAME_OF_REFERENCE, &plane.frame_of_reference) &&
                     numbers_of(source->film, IMAGE_POSITION, plane.position, 3) &&
                     numbers_of(source->film, IMAGE_ORIENTATION, plane.orientation, 6) &&
                     numbers_of(source->film, PIXEL_SPACING, spacing, 2);
    return plane;
}

/* ---- groups 0008 to 0028 ---- */

static void put_group_8(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    (void)c;
    dicom_put_sequence(w, 0x00081115 /* Referenced Series Sequence */);
    dicom_put_item(w);
    dicom_put_sequence(w, 0x0008114A /* Referenced Instance Sequence */);
    dicom_put_item(w);
    dicom_put(w, 0x00081150 /* Referenced SOP Class UID */, source->reference.class_uid);
    dicom_put(w, 0x00081155 /* Referenced SOP Instance UID */, source->reference.instance_uid);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    dicom_put(w, 0x0020000E /* Series Instance UID */, source->series_uid);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

/* Enhanced General Equipment: what made it is the model. */
static void put_group_18(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    (void)c;
    dicom_put(w, 0x00181000 /* Device Serial Number */, source->d.model_digest);
    dicom_put(w, 0x00181020 /* Software Versions */, source->d.model_version);
}

static void put_dimensions(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    struct str organisation =
        uid_of(arena_format(&c->arena, "roentgen/dimensions/%.*s", STR_FMT(source->d.diagnosis_uuid)), &c->arena);
    dicom_put_sequence(w, 0x00209221 /* Dimension Organization Sequence */);
    dicom_put_item(w);
    dicom_put(w, 0x00209164 /* Dimension Organization UID */, organisation);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    dicom_put_sequence(w, 0x00209222 /* Dimension Index Sequence */);
    dicom_put_item(w);
    dicom_put(w, 0x00209164 /* Dimension Organization UID */, organisation);
    dicom_put_tag(w, 0x00209165 /* Dimension Index Pointer */, REFERENCED_SEGMENT);
    dicom_put_tag(w, 0x00209167 /* Functional Group Pointer */, SEGMENT_IDENTIFICATION);
    dicom_put(w, 0x00209421 /* Dimension Description Label */, S("Referenced Segment Number"));
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

/* Lossy where the film was: what is made of it is no better. */
static void put_loss(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    bool is_lossy = str_equal(dicom_text_first(source->film, 0x00282110, &c->arena), S("01"));
    struct str method = dicom_text(source->film, 0x00282114, &c->arena);
    double ratio;
    dicom_put(w, 0x00282110 /* Lossy Image Compression */, is_lossy ? S("01") : S("00"));
    if (is_lossy && method.len && dicom_real_at(source->film, 0x00282112, 0, &ratio)) {
        dicom_put_real(w, 0x00282112 /* Lossy Image Compression Ratio */, ratio);
        dicom_put(w, 0x00282114 /* Lossy Image Compression Method */,
                  dicom_text_first(source->film, 0x00282114, &c->arena));
    }
}

static void put_groups_20_28(struct call *c, struct dicom_writer *w, const struct dicom_source *source,
                             const struct plane *plane)
{
    dicom_put(w, 0x00200020 /* Patient Orientation */, dicom_text(source->film, 0x00200020, &c->arena));
    if (plane->is_known) {
        dicom_put(w, FRAME_OF_REFERENCE, plane->frame_of_reference);
        dicom_put(w, 0x00201040 /* Position Reference Indicator */,
                  dicom_text_first(source->film, 0x00201040, &c->arena));
    }
    put_dimensions(c, w, source);
    dicom_put_integer(w, 0x00280002 /* Samples per Pixel */, 1);
    dicom_put(w, 0x00280004 /* Photometric Interpretation */, S("MONOCHROME2"));
    dicom_put_integer(w, 0x00280008 /* Number of Frames */, source->masks.count);
    dicom_put_integer(w, DICOM_Rows, mask_at(source, 0)->height);
    dicom_put_integer(w, DICOM_Columns, mask_at(source, 0)->width);
    dicom_put_integer(w, 0x00280100 /* Bits Allocated */, 1);
    dicom_put_integer(w, 0x00280101 /* Bits Stored */, 1);
    dicom_put_integer(w, 0x00280102 /* High Bit */, 0);
    dicom_put_integer(w, 0x00280103 /* Pixel Representation */, 0);
    put_loss(c, w, source);
}

/* ---- segments ---- */

static void put_algorithm(struct dicom_writer *w, const struct dicom_source *source)
{
    dicom_put_sequence(w, 0x00620007 /* Segmentation Algorithm Identification Sequence */);
    dicom_put_item(w);
    dicom_put_code(w, 0x0066002F /* Algorithm Family Code Sequence */,
                   CODE("DCM", "123110", "Artificial Intelligence"));
    dicom_put(w, 0x00660031 /* Algorithm Version */, source->d.model_version);
    dicom_put(w, 0x00660036 /* Algorithm Name */, source->d.model_name);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

static void put_segment(struct call *c, struct dicom_writer *w, const struct dicom_source *source, ptrdiff_t i)
{
    static const struct card_code abnormal = CODE_ROW("SCT", "49755003", "Morphologically Abnormal Structure");
    const struct finding *finding = (const struct finding *)source->findings.items + i;
    const struct card_label *label = card_label_named(&source->card, finding->label);
    bool has_category = label && label->category.value.len;
    dicom_put_item(w);
    dicom_put_code(w, 0x00620003 /* Segmented Property Category Code Sequence */,
                   has_category ? &label->category : &abnormal);
    dicom_put_integer(w, 0x00620004 /* Segment Number */, i + 1);
    dicom_put(w, 0x00620005 /* Segment Label */, finding->label);
    dicom_put(w, 0x00620006 /* Segment Description */,
              arena_format(&c->arena, "%s%.*s", source->d.research_only ? "Research use only: " : "",
                           STR_FMT(finding->code.meaning)));
    put_algorithm(w, source);
    dicom_put(w, 0x00620008 /* Segment Algorithm Type */, S("AUTOMATIC"));
    dicom_put(w, 0x00620009 /* Segment Algorithm Name */, source->d.model_name);
    dicom_put_code(w, 0x0062000F /* Segmented Property Type Code Sequence */, &finding->code);
    dicom_put_item_end(w);
}

/* What a reader changed is the result: nobody has drawn these masks anew. With what follows 64 characters, as LO
 * takes. */
static const char *standing(const struct dicom_source *source)
{
    bool is_changed = source->judgements.count && !source->is_withdrawn && !source->is_rejected && !source->is_verified;
    return is_changed ? "a reader changed the result, not these masks" : dicom_source_standing(source);
}

static void put_segments(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    dicom_put(w, 0x00620001 /* Segmentation Type */, S("BINARY"));
    dicom_put_sequence(w, 0x00620002 /* Segment Sequence */);
    for (ptrdiff_t i = 0; i < source->masks.count; i++)
        put_segment(c, w, source, i);
    dicom_put_sequence_end(w);
    dicom_put(w, 0x00700080 /* Content Label */, S("AI_RESULT"));
    dicom_put(w, 0x00700081 /* Content Description */,
              arena_format(&c->arena, "%s%s", standing(source), source->d.research_only ? ". Research use only." : ""));
    dicom_put(w, 0x00700084 /* Content Creator's Name, Type 2 */, STR_NULL);
}

/* ---- functional groups ---- */

static void put_shared(struct dicom_writer *w, const struct dicom_source *source, const struct plane *plane)
{
    double spacing[2], thickness;
    dicom_put_sequence(w, 0x52009229 /* Shared Functional Groups Sequence */);
    dicom_put_item(w);
    if (plane->is_known) {
        dicom_put_sequence(w, 0x00209116 /* Plane Orientation Sequence */);
        dicom_put_item(w);
        dicom_put_reals(w, IMAGE_ORIENTATION, plane->orientation, 6);
        dicom_put_item_end(w);
        dicom_put_sequence_end(w);
    }
    if (numbers_of(source->film, PIXEL_SPACING, spacing, 2)) {
        dicom_put_sequence(w, 0x00289110 /* Pixel Measures Sequence */);
        dicom_put_item(w);
        if (numbers_of(source->film, 0x00180050, &thickness, 1))
            dicom_put_real(w, 0x00180050 /* Slice Thickness */, thickness);
        dicom_put_reals(w, PIXEL_SPACING, spacing, 2);
        dicom_put_item_end(w);
        dicom_put_sequence_end(w);
    }
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

static void put_derivation(struct dicom_writer *w, const struct dicom_source *source)
{
    dicom_put_sequence(w, 0x00089124 /* Derivation Image Sequence */);
    dicom_put_item(w);
    dicom_put_sequence(w, 0x00082112 /* Source Image Sequence */);
    dicom_put_item(w);
    sr_reference_put(w, &source->reference);
    dicom_put(w, 0x0028135A /* Spatial Locations Preserved */, S("YES"));
    dicom_put_code(w, 0x0040A170 /* Purpose of Reference Code Sequence */,
                   CODE("DCM", "121322", "Source image for image processing operation"));
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    dicom_put_code(w, 0x00089215 /* Derivation Code Sequence */, CODE("DCM", "113076", "Segmentation"));
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

static void put_frame(struct dicom_writer *w, const struct dicom_source *source, const struct plane *plane,
                      int64_t segment)
{
    dicom_put_item(w);
    put_derivation(w, source);
    dicom_put_sequence(w, 0x00209111 /* Frame Content Sequence */);
    dicom_put_item(w);
    dicom_put_integer(w, 0x00209157 /* Dimension Index Values */, segment);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    if (plane->is_known) {
        dicom_put_sequence(w, 0x00209113 /* Plane Position Sequence */);
        dicom_put_item(w);
        dicom_put_reals(w, IMAGE_POSITION, plane->position, 3);
        dicom_put_item_end(w);
        dicom_put_sequence_end(w);
    }
    dicom_put_sequence(w, SEGMENT_IDENTIFICATION);
    dicom_put_item(w);
    dicom_put_integer(w, REFERENCED_SEGMENT, segment);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    dicom_put_item_end(w);
}

/* ---- pixels ---- */

/* Joins frames bit by bit where one does not end with a byte. */
static void append(unsigned char *to, int64_t from_pixel, struct str bits, int64_t pixels)
{
    int shift = (int)(from_pixel % 8);
    unsigned char *at = to + from_pixel / 8;
    if (shift == 0) {
        memcpy(at, bits.at, (size_t)bits.len);
        return;
    }
    for (int64_t i = 0; i < bits.len; i++) {
        unsigned byte = (unsigned char)bits.at[i];
        at[i] = (unsigned char)(at[i] | byte << shift);
        if (8 * i + 8 - shift < pixels)
            at[i + 1] = (unsigned char)(byte >> (8 - shift));
    }
}

bool dicom_segmentation_draw(struct call *c, struct dicom_source *source)
{
    const struct mask *first = mask_at(source, 0);
    int64_t pixels = first->width * first->height, all = pixels * source->masks.count;
    if (first->width != source->file.pixel_columns || first->height != source->file.pixel_rows)
        return fail(c, E_CONFLICT, "the masks are of %" PRId64 " x %" PRId64 " pixels; the film has others",
                    first->width, first->height);
    if (all / 8 > SEGMENTATION_BYTES_MAX - REST_MAX)
        return fail(c, E_TOO_LARGE, "all masks of this film are more than one object holds");
    if (!hold_more(&c->hold, (all + 7) / 8, &c->error))
        return false;
    unsigned char *at = calloc((size_t)(all / 8 + 2), 1);
    source->mask_bits = (struct str){ (const char *)at, (ptrdiff_t)((all + 7) / 8) };
    if (!at)
        return fail(c, E_UNAVAILABLE, "there is no memory for masks of this size");
    struct str bits = STR_NULL;
    for (ptrdiff_t i = 0; i < source->masks.count; i++) {
        if (mask_at(source, i)->width != first->width || mask_at(source, i)->height != first->height)
            return fail(c, E_INTERNAL, "what is kept of a mask cannot be read");
        if (!mask_bits(c, mask_at(source, i), &bits))
            return false;
        append(at, pixels * i, bits, pixels);
    }
    return true;
}

void dicom_segmentation_release(struct call *c, struct dicom_source *source)
{
    free((void *)source->mask_bits.at);
    hold_less(&c->hold, source->mask_bits.len);
    source->mask_bits = STR_NULL;
}

bool dicom_segmentation_write(struct call *c, const struct dicom_source *source, struct str instance_uid,
                              struct dicom_writer *w)
{
    const struct dicom_about about = { .kind = OBJECT_SEGMENTATION,
                                       .class_uid = UID_SEGMENTATION,
                                       .modality = "SEG",
                                       .series_number = SERIES_NUMBER,
                                       .instance_uid = instance_uid,
                                       .max_bytes = SEGMENTATION_BYTES_MAX,
                                       .put_group_8 = put_group_8,
                                       .put_group_18 = put_group_18 };
    struct plane plane = plane_of(source);
    dicom_source_begin(c, w, source, &about);
    put_groups_20_28(c, w, source, &plane);
    put_segments(c, w, source);
    put_shared(w, source, &plane);
    dicom_put_sequence(w, 0x52009230 /* Per-frame Functional Groups Sequence */);
    for (ptrdiff_t i = 0; i < source->masks.count; i++)
        put_frame(w, source, &plane, i + 1);
    dicom_put_sequence_end(w);
    dicom_put_bytes(w, DICOM_PixelData, source->mask_bits);
    return dicom_writer_end(w, &c->error);
}
