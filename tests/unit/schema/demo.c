/* demo.c - the rows of demo.h. */
#include "demo.h"

#include <assert.h>

static const char *const modalities[] = { "CT", "MR", "XR", NULL };
static const char *const statuses[] = { "ACTIVE", "AT \"REST\"", NULL };
static const char *const grades[] = { "A", "B", NULL };
static const char *const roles[] = { "doctor", "nurse", NULL };

static const struct field part_fields[] = {
    FIELD(struct part, number, .flags = REQUIRED, .min = 1, .max = 9, .doc = "Which."),
    FIELD(struct part, label, .max = 5, .flags = NULLABLE, .doc = "What it says."),
    FIELD(struct part, secret, .flags = SECRET, .doc = "Never shown."),
};
const struct schema part_schema = SCHEMA("Part", struct part, part_fields);

static const struct field demo_fields[] = {
    FIELD(struct demo, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "Identifies it."),
    FIELD(struct demo, name, .flags = REQUIRED, .min = 2, .max = 8, .doc = "Its \"name\".", .example = "张伟"),
    FIELD(struct demo, note, .flags = NULLABLE, .doc = "Anything."),
    FIELD(struct demo, code, .flags = NULLABLE, .min = 3, .max = 6, .doc = "Optional, but not short."),
    FIELD(struct demo, password, .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 4, .max = 10, .doc = "Spaces count."),
    FIELD(struct demo, comment, .flags = KEEP_EMPTY, .max = 20, .doc = "May be empty."),
    FIELD(struct demo, grade, .choices = grades, .flags = NULLABLE, .doc = "A text with choices."),
    FIELD(struct demo, nickname, .flags = NULLABLE | WRITE_ONLY, .min = 1, .max = 1, .doc = "One code point."),
    FIELD(struct demo, origin, .flags = NULLABLE | KEEP_SPACES, .min = 2, .max = 4, .doc = "Optional, with spaces."),
    FIELD(struct demo, age, .flags = NULLABLE, .min = 0, .max = 150, .doc = "Years."),
    FIELD(struct demo, number, .flags = REQUIRED, .doc = "Any integer.", .example = "-5"),
    FIELD(struct demo, page, .min = 1, .max = 100, .fallback = "1", .doc = "Page."),
    FIELD(struct demo, active, .flags = REQUIRED, .doc = "Is it?"),
    FIELD(struct demo, visible, .fallback = "true", .doc = "Is it visible?"),
    FIELD(struct demo, weight, .flags = NULLABLE, .min = 0, .max = 700, .doc = "Kilograms."),
    FIELD(struct demo, ratio, .flags = REQUIRED, .doc = "Any number."),
    FIELD(struct demo, modality, .choices = modalities, .flags = NULLABLE, .doc = "What made it."),
    FIELD(struct demo, status, .choices = statuses, .flags = REQUIRED, .fallback = "ACTIVE", .doc = "State."),
    FIELD(struct demo, seen_at, .flags = NULLABLE, .doc = "When."),
    FIELD(struct demo, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "Since when."),
    FIELD(struct demo, born_on, .flags = REQUIRED, .doc = "Day."),
    FIELD_OBJECT(struct demo, part, .of = &part_schema, .flags = REQUIRED, .doc = "One part."),
    FIELD(struct demo, parts, .of = &part_schema, .min = 0, .max = 3, .doc = "More parts."),
    FIELD(struct demo, tags, .flags = NULLABLE, .max = 4, .doc = "Words."),
    FIELD(struct demo, roles, .flags = REQUIRED, .choices = roles, .min = 1, .max = 2, .doc = "Rights.",
          .example = "doctor,nurse"),
    FIELD(struct demo, ids, .flags = NULLABLE, .doc = "Numbers.", .example = "[1,2]"),
    FIELD(struct demo, by_type, .flags = NULLABLE, .doc = "Counts."),
    FIELD(struct demo, extra, .flags = NULLABLE, .max = 100, .doc = "Any JSON."),
    FIELD(struct demo, lang, .flags = IN_QUERY | NULLABLE, .max = 5, .doc = "Language of the answer."),
};
const struct schema demo_schema = SCHEMA("Demo", struct demo, demo_fields, .doc = "Everything.");

const struct field *demo_field(const char *name)
{
    int index = schema_find(&demo_schema, str_from(name));
    assert(index >= 0);
    return &demo_schema.fields[index];
}
