/* dicom_heatmap.c - the evidence map as a Secondary Capture image (PS3.3 A.8.1). */
#include "diagnosis/dicom_source.h"
#include "diagnosis/diagnosis_maps.h"
#include "diagnosis/heat_map.h"

#include "imaging/picture_query.h"

#define UID_SECONDARY_CAPTURE "1.2.840.10008.5.1.4.1.1.7"
/* As GET .../heatmap draws it, where nothing else is asked for. */
enum { SIDE_MAX = 1024, CHANNELS = 3, SERIES_NUMBER = 9002 };
#define OPACITY 0.4

bool dicom_heatmap_draw(struct call *c, const struct image *image, const struct dicom_source *source,
                        struct dicom_picture *out)
{
    struct picture_query query;
    struct diagnosis_maps maps;
    struct film film;
    struct canvas canvas;
    if (!source->d.has_heatmap)
        return fail(c, E_CONFLICT, "this result says nothing of where its evidence lies");
    if (!maps_read(c, source->d.maps.text, &maps))
        return false;
    picture_query_default(&query);
    query.frame = source->d.frame;
    query.width = query.height = SIDE_MAX;
    if (!film_of_query(c, image, &query, &film) || !canvas_of_film(c, &film, &canvas))
        return false;
    struct heat_map map = { .grid = maps.evidence.at ? &maps.evidence : NULL,
                            .placement = &maps.placement,
                            .colours = COLOURS_INFERNO,
                            .opacity = OPACITY,
                            .blended = true };
    heat_map_draw(&map, &canvas);
    *out = (struct dicom_picture){ canvas.width, canvas.height, canvas.at };
    return true;
}

static void put_group_8(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    dicom_put(w, 0x00082111 /* Derivation Description */,
              arena_format(&c->arena,
                           "%s%sWhere the model %.*s %.*s found its evidence, in colour over the film: it finds no "
                           "lesions.%s",
                           source->is_withdrawn || source->is_rejected ? dicom_source_standing(source) : "",
                           source->is_withdrawn || source->is_rejected ? ". " : "", STR_FMT(source->d.model_name),
                           STR_FMT(source->d.model_version), source->d.research_only ? " Research use only." : ""));
    dicom_put_sequence(w, 0x00082112 /* Source Image Sequence */);
    dicom_put_item(w);
    sr_reference_put(w, &source->reference);
    dicom_put_code(w, 0x0040A170 /* Purpose of Reference Code Sequence */,
                   CODE("DCM", "121322", "Source image for image processing operation"));
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

/* Where the film says one of the two; what it does not say nobody knows. */
static void put_one_of(struct call *c, struct dicom_writer *w, const struct dicom_source *source, uint32_t tag,
                       struct str yes, struct str no)
{
    struct str text = dicom_text_first(source->film, tag, &c->arena);
    if (str_equal(text, yes) || str_equal(text, no))
        dicom_put(w, tag, text);
}

/* Type 2C of a series: R, L, or nobody knows. */
static struct str laterality(struct call *c, const struct dicom_source *source)
{
    const uint32_t tags[] = { 0x00200060 /* Laterality */, 0x00200062 /* Image Laterality */ };
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        struct str text = dicom_text_first(source->film, tags[i], &c->arena);
        if (str_equal(text, S("R")) || str_equal(text, S("L")))
            return text;
    }
    return STR_NULL;
}

/* Image Pixel, and what is true of the film's pixels and so of these. */
static void put_pixels(struct call *c, struct dicom_writer *w, const struct dicom_source *source,
                       const struct dicom_picture *picture)
{
    dicom_put(w, 0x00200020 /* Patient Orientation, Type 2 */, dicom_text(source->film, 0x00200020, &c->arena));
    dicom_put(w, 0x00200060 /* Laterality */, laterality(c, source));
    dicom_put_integer(w, 0x00280002 /* Samples per Pixel */, CHANNELS);
    dicom_put(w, 0x00280004 /* Photometric Interpretation */, S("RGB"));
    dicom_put_integer(w, 0x00280006 /* Planar Configuration */, 0);
    dicom_put_integer(w, DICOM_Rows, picture->height);
    dicom_put_integer(w, DICOM_Columns, picture->width);
    dicom_put_integer(w, 0x00280100 /* Bits Allocated */, 8);
    dicom_put_integer(w, 0x00280101 /* Bits Stored */, 8);
    dicom_put_integer(w, 0x00280102 /* High Bit */, 7);
    dicom_put_integer(w, 0x00280103 /* Pixel Representation */, 0);
    put_one_of(c, w, source, 0x00280301 /* Burned In Annotation */, S("YES"), S("NO"));
    put_one_of(c, w, source, 0x00282110 /* Lossy Image Compression */, S("01"), S("00"));
    dicom_put_bytes(w, DICOM_PixelData,
                    (struct str){ (const char *)picture->at, picture->width * picture->height * CHANNELS });
}

bool dicom_heatmap_write(struct call *c, const struct dicom_source *source, const struct dicom_picture *picture,
                         struct str instance_uid, struct dicom_writer *w)
{
    const struct dicom_about about = { .kind = OBJECT_HEATMAP,
                                       .class_uid = UID_SECONDARY_CAPTURE,
                                       .modality = "OT",
                                       .series_number = SERIES_NUMBER,
                                       .instance_uid = instance_uid,
                                       .max_bytes = (ptrdiff_t)CHANNELS * SIDE_MAX * SIDE_MAX + (1 << 20),
                                       .put_group_8 = put_group_8 };
    dicom_source_begin(c, w, source, &about);
    put_pixels(c, w, source, picture);
    return dicom_writer_end(w, &c->error);
}
