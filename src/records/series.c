/* series.c - the series of a study: the record, and whose it is. */
#include "records/study.h"

#include "db/db.h"

static const struct field series_fields[] = {
    FIELD(struct series, id, .flags = READ_ONLY | VEILS, .doc = "Identifies the series here."),
    FIELD(struct series, series_uid, .flags = READ_ONLY, .max = 64, .tag = 0x0020000E,
          .doc = "Series Instance UID (0020,000E), unique in its study."),
    FIELD(struct series, study_id, .flags = READ_ONLY, .doc = "The study that it belongs to."),
    FIELD(struct series, created_by, .flags = READ_ONLY | WRITE_ONLY | VEILS, .doc = "Whose file made it."),
    FIELD(struct series, series_number, .flags = READ_ONLY | NULLABLE, .tag = 0x00200011,
          .doc = "Series Number (0020,0011)."),
    FIELD(struct series, modality, .flags = READ_ONLY | NULLABLE, .max = 16, .doc = "Modality (0008,0060)."),
    FIELD(struct series, body_part, .flags = READ_ONLY | NULLABLE, .max = 64,
          .doc = "Body Part Examined (0018,0015) of its first file."),
    FIELD(struct series, description, .flags = READ_ONLY | NULLABLE, .max = 2000, .tag = 0x0008103E,
          .doc = "Series Description (0008,103E)."),
    FIELD(struct series, protocol_name, .flags = READ_ONLY | NULLABLE, .max = 64, .tag = 0x00181030,
          .doc = "Protocol Name (0018,1030)."),
    FIELD(struct series, laterality, .flags = READ_ONLY | NULLABLE, .max = 16, .tag = 0x00200060,
          .doc = "Laterality (0020,0060): L or R."),
    FIELD(struct series, manufacturer, .flags = READ_ONLY | NULLABLE, .max = 64, .tag = 0x00080070,
          .doc = "Manufacturer (0008,0070)."),
    FIELD(struct series, institution_name, .flags = READ_ONLY | NULLABLE, .max = 64, .tag = 0x00080080,
          .doc = "Institution Name (0008,0080)."),
    FIELD(struct series, number_of_instances, .flags = GENERATED | READ_ONLY, .doc = "How many instances are in it."),
    FIELD(struct series, size_bytes, .flags = GENERATED | READ_ONLY, .doc = "How many bytes they have together."),
    FIELD(struct series, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When its first file came."),
    FIELD(struct series, updated_at, .flags = READ_ONLY | SET_ON_UPDATE, .doc = "When it was changed last."),
};
const struct schema series_schema =
    SCHEMA("Series", struct series, series_fields, .table = "series", .alias = "x", .doc = "A series of a study.");

bool series_is_absent(struct call *c, int64_t id)
{
    return fail(c, E_NOT_FOUND, "series %" PRId64 " does not exist", id);
}

bool series_load_study(struct call *c, int64_t series_id, struct study *out)
{
    int64_t study_id = 0;
    enum found found =
        db_find_integer(c, &study_id, "select study_id from series where id = ? and deleted_at is null", V(series_id));
    if (found == FOUND)
        found = study_find(c, study_id, false, out);
    return found == FOUND || series_is_absent(c, series_id);
}

bool series_count_instances(struct call *c, int64_t series_id, int64_t *count)
{
    return db_integer(c, count, "select number_of_instances from series where id = ?", V(series_id));
}
