/* sr_content.c - content items: relationship, type, concept, value, children. */
#include "diagnosis/sr_content.h"

#include "base/zone.h"

#include <stdlib.h>

void dicom_put_code(struct dicom_writer *w, uint32_t sequence, const struct card_code *code)
{
    bool is_long = str_code_points(code->value) > 16; /* SH */
    dicom_put_sequence(w, sequence);
    dicom_put_item(w);
    if (!is_long)
        dicom_put(w, 0x00080100 /* Code Value */, code->value);
    dicom_put(w, 0x00080102 /* Coding Scheme Designator */, code->scheme);
    dicom_put(w, 0x00080104 /* Code Meaning */, code->meaning);
    if (is_long)
        dicom_put(w, 0x00080119 /* Long Code Value */, code->value);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

void dicom_put_moment(struct dicom_writer *w, uint32_t tag, struct instant at, bool is_time)
{
    char text[INSTANT_TEXT_MAX], packed[INSTANT_TEXT_MAX];
    int len = 0;
    ptrdiff_t size = instant_write(zone_shown(at), text); /* 2026-01-05T14:30:22.123456Z */
    for (ptrdiff_t i = is_time ? 11 : 0; i < (is_time ? 19 : 10) && i < size; i++)
        if (text[i] != '-' && text[i] != ':')
            packed[len++] = text[i];
    dicom_put(w, tag, (struct str){ packed, len });
}

struct str dicom_datetime(struct arena *arena, struct instant at)
{
    char text[INSTANT_TEXT_MAX], packed[INSTANT_TEXT_MAX];
    struct instant shown = zone_shown(at);
    int len = 0, minutes = (int)((shown.us - at.us) / 60000000);
    if (instant_write(shown, text) < 19)
        return STR_NULL;
    for (int i = 0; i < 19; i++)
        if (text[i] >= '0' && text[i] <= '9')
            packed[len++] = text[i];
    return arena_format(arena, "%.*s%c%02d%02d", len, packed, minutes < 0 ? '-' : '+', abs(minutes) / 60,
                        abs(minutes) % 60);
}

void sr_reference_put(struct dicom_writer *w, const struct sr_reference *to)
{
    dicom_put(w, 0x00081150 /* Referenced SOP Class UID */, to->class_uid);
    dicom_put(w, 0x00081155 /* Referenced SOP Instance UID */, to->instance_uid);
    if (to->frame > 0)
        dicom_put_integer(w, 0x00081160 /* Referenced Frame Number */, to->frame);
}

const struct card_code *sr_unit_of(struct str unit)
{
    static const struct {
        struct str unit;
        struct card_code code;
    } all[] = {
        { CODE_TEXT("mm"), CODE_ROW("UCUM", "mm", "millimeter") },
        { CODE_TEXT("mm2"), CODE_ROW("UCUM", "mm2", "square millimeter") },
        { CODE_TEXT("px"), CODE_ROW("UCUM", "{pixels}", "Pixels") },
        { CODE_TEXT("px2"), CODE_ROW("UCUM", "{pixels}2", "Square pixels") },
        { CODE_TEXT("deg"), CODE_ROW("UCUM", "deg", "Degree") },
        { CODE_TEXT("1"), CODE_ROW("UCUM", "1", "no units") },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (str_equal(all[i].unit, unit))
            return &all[i].code;
    return NULL;
}

static void begin(struct dicom_writer *w, const char *relation, const char *type, const struct card_code *concept)
{
    dicom_put(w, 0x0040A010 /* Relationship Type */, str_from(relation));
    dicom_put(w, 0x0040A040 /* Value Type */, str_from(type));
    if (concept)
        dicom_put_code(w, 0x0040A043 /* Concept Name Code Sequence */, concept);
}

static void item(struct dicom_writer *w, const char *relation, const char *type, const struct card_code *concept)
{
    dicom_put_item(w);
    begin(w, relation, type, concept);
}

void sr_template(struct dicom_writer *w, const char *template)
{
    dicom_put_sequence(w, 0x0040A504 /* Content Template Sequence */);
    dicom_put_item(w);
    dicom_put(w, 0x00080105 /* Mapping Resource */, S("DCMR"));
    dicom_put(w, 0x0040DB00 /* Template Identifier */, str_from(template));
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

static void children(struct dicom_writer *w)
{
    dicom_put_sequence(w, 0x0040A730 /* Content Sequence */);
}

void sr_children_end(struct dicom_writer *w)
{
    dicom_put_sequence_end(w);
    dicom_put_item_end(w);
}

void sr_container(struct dicom_writer *w, const char *relation, const struct card_code *concept, const char *template)
{
    item(w, relation, "CONTAINER", concept);
    dicom_put(w, 0x0040A050 /* Continuity of Content */, S("SEPARATE"));
    if (template)
        sr_template(w, template);
    children(w);
}

void sr_text_begin(struct dicom_writer *w, const char *relation, const struct card_code *concept, struct str text)
{
    item(w, relation, "TEXT", concept);
    dicom_put(w, 0x0040A160 /* Text Value */, text);
    children(w);
}

void sr_text(struct dicom_writer *w, const char *relation, const struct card_code *concept, struct str text)
{
    if (!str_trim(text).len)
        return;
    item(w, relation, "TEXT", concept);
    dicom_put(w, 0x0040A160 /* Text Value */, text);
    dicom_put_item_end(w);
}

void sr_code(struct dicom_writer *w, const char *relation, const struct card_code *concept,
             const struct card_code *value)
{
    item(w, relation, "CODE", concept);
    dicom_put_code(w, 0x0040A168 /* Concept Code Sequence */, value);
    dicom_put_item_end(w);
}

void sr_uid(struct dicom_writer *w, const char *relation, const struct card_code *concept, struct str uid)
{
    item(w, relation, "UIDREF", concept);
    dicom_put(w, 0x0040A124 /* UID */, uid);
    dicom_put_item_end(w);
}

void sr_person(struct dicom_writer *w, const char *relation, const struct card_code *concept, struct str name)
{
    item(w, relation, "PNAME", concept);
    dicom_put(w, 0x0040A123 /* Person Name */, name);
    dicom_put_item_end(w);
}

static void number(struct dicom_writer *w, const char *relation, const struct card_code *concept, double value,
                   const struct card_code *unit)
{
    item(w, relation, "NUM", concept);
    dicom_put_sequence(w, 0x0040A300 /* Measured Value Sequence */);
    dicom_put_item(w);
    dicom_put_code(w, 0x004008EA /* Measurement Units Code Sequence */, unit);
    dicom_put_real(w, 0x0040A30A /* Numeric Value */, value);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

void sr_number(struct dicom_writer *w, const char *relation, const struct card_code *concept, double value,
               enum sr_unit unit)
{
    static const struct card_code units[] = {
        [SR_PERCENT] = CODE_ROW("UCUM", "%", "Percent"),
        [SR_PIXELS] = CODE_ROW("UCUM", "{pixels}", "Pixels"),
    };
    number(w, relation, concept, value, &units[unit]);
    dicom_put_item_end(w);
}

void sr_quantity(struct dicom_writer *w, const char *relation, const struct card_code *concept, double value,
                 const struct card_code *unit)
{
    number(w, relation, concept, value, unit);
    dicom_put_item_end(w);
}

void sr_number_begin(struct dicom_writer *w, const char *relation, const struct card_code *concept, double value,
                     const struct card_code *unit)
{
    number(w, relation, concept, value, unit);
    children(w);
}

static void reference(struct dicom_writer *w, const char *relation, const char *type, const struct card_code *concept,
                      const struct sr_reference *to)
{
    dicom_put_item(w);
    dicom_put_sequence(w, 0x00081199 /* Referenced SOP Sequence */);
    dicom_put_item(w);
    sr_reference_put(w, to);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    begin(w, relation, type, concept);
}

void sr_image(struct dicom_writer *w, const char *relation, const struct card_code *concept,
              const struct sr_reference *image)
{
    reference(w, relation, "IMAGE", concept, image);
    dicom_put_item_end(w);
}

void sr_composite(struct dicom_writer *w, const char *relation, const struct sr_reference *instance)
{
    reference(w, relation, "COMPOSITE", NULL, instance);
    dicom_put_item_end(w);
}

void sr_image_begin(struct dicom_writer *w, const char *relation, const struct sr_reference *image)
{
    reference(w, relation, "IMAGE", NULL, image);
    children(w);
}

void sr_points(struct dicom_writer *w, const char *relation, const struct card_code *concept, const char *type,
               const double *xy, int numbers, const struct sr_reference *image)
{
    item(w, relation, "SCOORD", concept);
    children(w);
    sr_image(w, SR_SELECTED, NULL, image);
    dicom_put_sequence_end(w);
    dicom_put_reals(w, 0x00700022 /* Graphic Data */, xy, numbers);
    dicom_put(w, 0x00700023 /* Graphic Type */, str_from(type));
    dicom_put_item_end(w);
}
