/* sr_content.c - content items: relationship, type, concept, value, children. */
#include "diagnosis/sr_content.h"

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

void sr_number_begin(struct dicom_writer *w, const char *relation, const struct card_code *concept, double value,
                     const struct card_code *unit)
{
    number(w, relation, concept, value, unit);
    children(w);
}

static void image(struct dicom_writer *w, const char *relation, const struct card_code *concept,
                  const struct dicom_source *source)
{
    dicom_put_item(w);
    dicom_put_sequence(w, 0x00081199 /* Referenced SOP Sequence */);
    dicom_put_item(w);
    dicom_source_put_reference(w, source);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    begin(w, relation, "IMAGE", concept);
}

void sr_image(struct dicom_writer *w, const char *relation, const struct card_code *concept,
              const struct dicom_source *source)
{
    image(w, relation, concept, source);
    dicom_put_item_end(w);
}

void sr_image_begin(struct dicom_writer *w, const char *relation, const struct dicom_source *source)
{
    image(w, relation, NULL, source);
    children(w);
}

void sr_points(struct dicom_writer *w, const char *relation, const struct card_code *concept, const char *type,
               const double *xy, int numbers, const struct dicom_source *source)
{
    item(w, relation, "SCOORD", concept);
    children(w);
    sr_image(w, SR_SELECTED, NULL, source);
    dicom_put_sequence_end(w);
    dicom_put_reals(w, 0x00700022 /* Graphic Data */, xy, numbers);
    dicom_put(w, 0x00700023 /* Graphic Type */, str_from(type));
    dicom_put_item_end(w);
}
