/* dicomdir.c - directory records, one after the other, and the offsets that join them. */
#include "parcel/dicomdir.h"
#include "parcel/dicomdir_element.h"
#include "parcel/dicomdir_keys.h"
#include "dicom/writer.h"

#define UID_DIRECTORY "1.2.840.10008.1.3.10"
#define UID_EXPLICIT "1.2.840.10008.1.2.1"

/* ---- Type 1: made up where it is not known ---- */

static struct date known_date(struct date date)
{
    return date_is_null(date) ? date_from_ymd(1900, 1, 1) : date;
}

static struct str known(struct str value, struct str otherwise)
{
    return value.len ? value : otherwise;
}

static int64_t known_number(int64_t number, int64_t otherwise)
{
    return number == INTEGER_NULL ? otherwise : number;
}

/* ---- records ----
 *
 *   item tag(4) length(4)   next (16 bytes further: value) in-use, lower, type, ...
 */
enum { ITEM_BYTES = 8, NEXT_AT = ITEM_BYTES + 8, LOWER_AT = NEXT_AT + 4 + 10 + 8 };

static ptrdiff_t begin_record(struct dicomdir *dir, const char *type, ptrdiff_t before, ptrdiff_t parent)
{
    struct text *out = &dir->out;
    ptrdiff_t at = out->len;
    element_tag(out, 0xFFFEE000);
    element_number(out, 4, 0);
    element_long(out, 0x00041400, 0);       /* offset of the next record */
    element_short(out, 0x00041410, 0xFFFF); /* in use */
    element_long(out, 0x00041420, 0);       /* offset of the first record below */
    element_value(out, 0x00041430, "CS", str_from(type));
    if (before)
        element_patch(out, before + NEXT_AT, at);
    else if (parent)
        element_patch(out, parent + LOWER_AT, at);
    return at;
}

static void end_record(struct dicomdir *dir, ptrdiff_t at)
{
    element_patch(&dir->out, at + 4, dir->out.len - at - ITEM_BYTES);
}

/* ---- the file ---- */

static void put_meta(struct text *out, struct str instance_uid)
{
    for (int i = 0; i < 128; i++)
        text_put_char(out, '\0');
    text_put(out, S("DICM"));
    element_long(out, 0x00020000, 0);
    ptrdiff_t begin = out->len;
    element_long_header(out, 0x00020001, "OB", 2);
    text_put(out, (struct str){ "\0\1", 2 });
    element_value(out, 0x00020002, "UI", S(UID_DIRECTORY));
    element_value(out, 0x00020003, "UI", instance_uid);
    element_value(out, 0x00020010, "UI", S(UID_EXPLICIT));
    element_value(out, 0x00020012, "UI", S(DICOM_IMPLEMENTATION_UID));
    element_value(out, 0x00020013, "SH", S(DICOM_IMPLEMENTATION_NAME));
    element_patch(out, begin - 4, out->len - begin);
}

static void put_patient(struct dicomdir *dir, const struct dicomdir_patient *p)
{
    struct text *out = &dir->out;
    dir->patient = begin_record(dir, "PATIENT", 0, 0);
    element_value(out, 0x00080005, "CS", S("ISO_IR 192"));
    element_value(out, 0x00100010, "PN", p->name);
    element_value(out, 0x00100020, "LO", p->patient_id);
    if (p->issuer.len)
        element_value(out, 0x00100021, "LO", p->issuer);
    element_date(out, 0x00100030, p->birth_date);
    element_value(out, 0x00100040, "CS", (struct str){ &p->sex, p->sex ? 1 : 0 });
    end_record(dir, dir->patient);
}

static void put_study(struct dicomdir *dir, const struct study *s)
{
    struct text *out = &dir->out;
    dir->study = begin_record(dir, "STUDY", 0, dir->patient);
    element_value(out, 0x00080005, "CS", S("ISO_IR 192"));
    element_date(out, 0x00080020, known_date(s->study_date));
    element_time(out, 0x00080030, known(s->study_time, S("00:00:00")));
    element_text(out, 0x00080050, "SH", 16, s->accession_number);
    element_text(out, 0x00081030, "LO", 64, s->description);
    element_value(out, 0x0020000D, "UI", s->study_uid);
    element_text(out, 0x00200010, "SH", 16, known(s->study_number, S("1")));
    end_record(dir, dir->study);
}

void dicomdir_begin(struct dicomdir *dir, struct str instance_uid, const struct dicomdir_patient *patient,
                    const struct study *study)
{
    *dir = (struct dicomdir){ 0 };
    struct text *out = &dir->out;
    text_init(out, DICOMDIR_BYTES_MAX);
    put_meta(out, instance_uid);
    element_value(out, 0x00041130, "CS", STR_NULL); /* file-set ID */
    element_long(out, 0x00041200, 0);
    dir->first_offset = out->len - 4;
    element_long(out, 0x00041202, 0);
    dir->last_offset = out->len - 4;
    element_short(out, 0x00041212, 0); /* consistent */
    element_long_header(out, 0x00041220, "SQ", 0);
    dir->directory_length = out->len - 4;
    put_patient(dir, patient);
    element_patch(out, dir->first_offset, dir->patient);
    element_patch(out, dir->last_offset, dir->patient);
    put_study(dir, study);
}

void dicomdir_series(struct dicomdir *dir, const struct series *series)
{
    struct text *out = &dir->out;
    ptrdiff_t at = begin_record(dir, "SERIES", dir->last_series, dir->study);
    element_value(out, 0x00080005, "CS", S("ISO_IR 192"));
    element_value(out, 0x00080060, "CS", known(series->modality, S("OT")));
    element_text(out, 0x0008103E, "LO", 64, series->description);
    element_value(out, 0x0020000E, "UI", series->series_uid);
    element_integer(out, 0x00200011, known_number(series->series_number, ++dir->series));
    end_record(dir, at);
    dir->last_series = at;
    dir->last_file = dir->files = 0;
}

void dicomdir_file(struct dicomdir *dir, const struct dicomdir_file *file)
{
    struct text *out = &dir->out;
    const struct dicomdir_record *record = dicomdir_record_of(file->sop_class_uid);
    ptrdiff_t at = begin_record(dir, dicomdir_record_type(record), dir->last_file, dir->last_series);
    element_value(out, 0x00041500, "CS", file->file_id);
    element_value(out, 0x00041510, "UI", file->sop_class_uid);
    element_value(out, 0x00041511, "UI", file->sop_instance_uid);
    element_value(out, 0x00041512, "UI", file->transfer_syntax_uid);
    element_value(out, 0x00080005, "CS", S("ISO_IR 192"));
    dicomdir_keys_put(out, record, file->content, known_number(file->instance_number, ++dir->files), file->arena);
    end_record(dir, at);
    dir->last_file = at;
}

struct str dicomdir_end(struct dicomdir *dir)
{
    element_patch(&dir->out, dir->directory_length, dir->out.len - dir->directory_length - 4);
    return dir->out.overflowed ? STR_NULL : text_str(&dir->out);
}

void dicomdir_release(struct dicomdir *dir)
{
    text_release(&dir->out);
}
