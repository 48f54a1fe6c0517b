/* demo.h - a schema that has a field of every kind, and rows with every flag that matters here. */
#ifndef ROENTGEN_TESTS_DEMO_H
#define ROENTGEN_TESTS_DEMO_H

#include "schema/field.h"

struct part {
    int64_t number;
    struct str label;
    struct str secret;
};

struct demo {
    int64_t id;
    struct str name, note, code, password, comment, grade, nickname, origin;
    int64_t age, number, page;
    bool active, visible;
    double weight, ratio;
    unsigned modality, status;
    struct instant seen_at, created_at;
    struct date born_on;
    struct part part;
    struct list parts;
    struct texts tags, roles;
    struct integers ids;
    struct counts by_type;
    struct json extra;
    struct str lang;
};

enum demo_modality { DEMO_CT = 1, DEMO_MR, DEMO_XR };

extern const struct schema part_schema, demo_schema;

/* The field of that name; the test ends without one. */
const struct field *demo_field(const char *name);

#endif
