/* dicomdir.c - directory records, one after the other, and the offsets that join them. */
#include "app/dicomdir.h"

#define UID_DIRECTORY "1.2.840.10008.1.3.10"
#define UID_EXPLICIT "1.2.840.10008.1.2.1"
#define UID_IMPLEMENTATION "2.25.186533929283364170537430861236371870941"

/* ---- elements ---- */

static void put_number(struct text *out, int bytes, uint32_t n)
{
    for (int i = 0; i < bytes; i++)
        text_put_char(out, (char)(n >> (8 * i)));
}

static void put_tag(struct text *out, uint32_t tag)
{
    put_number(out, 2, tag >> 16);
    put_number(out, 2, tag & 0xFFFF);
}

/* Values have an even length: UIDs are padded with NUL, text with a space (PS3.5 6.2). */
static void put_value(struct text *out, uint32_t tag, const char *vr, struct str value)
{
    put_tag(out, tag);
    text_put(out, str_from(vr));
    put_number(out, 2, (uint32_t)(value.len + value.len % 2));
    text_put(out, value);
    if (value.len % 2)
        text_put_char(out, vr[0] == 'U' && vr[1] == 'I' ? '\0' : ' ');
}

/* At most as many characters as the VR takes (LO 64, SH 16). */
static void put_text(struct text *out, uint32_t tag, const char *vr, int max, struct str value)
{
    struct str rest = value;
    for (int i = 0; i < max && rest.len; i++)
        str_next_code_point(&rest);
    put_value(out, tag, vr, str_slice(value, 0, value.len - rest.len));
}

static void put_short(struct text *out, uint32_t tag, uint32_t n)
{
    put_tag(out, tag);
    text_put(out, S("US"));
    put_number(out, 2, 2);
    put_number(out, 2, n);
}

static void put_long(struct text *out, uint32_t tag, uint32_t n)
{
    put_tag(out, tag);
    text_put(out, S("UL"));
    put_number(out, 2, 4);
    put_number(out, 4, n);
}

/* OB and SQ have a length of four bytes. */
static void put_long_header(struct text *out, uint32_t tag, const char *vr, uint32_t length)
{
    put_tag(out, tag);
    text_put(out, str_from(vr));
    put_number(out, 2, 0);
    put_number(out, 4, length);
}

static void put_integer(struct text *out, uint32_t tag, int64_t n)
{
    char digits[24];
    int len = n == INTEGER_NULL ? 0 : snprintf(digits, sizeof(digits), "%lld", (long long)n);
    put_value(out, tag, "IS", (struct str){ digits, len });
}

static void put_date(struct text *out, uint32_t tag, struct date date)
{
    char digits[24];
    int year, month, day, len = 0;
    if (!date_is_null(date)) {
        date_to_ymd(date, &year, &month, &day);
        len = snprintf(digits, sizeof(digits), "%04d%02d%02d", year, month, day);
    }
    put_value(out, tag, "DA", (struct str){ digits, len });
}

/* "14:30:22.5" -> "143022.5" */
static void put_time(struct text *out, uint32_t tag, struct str time)
{
    char digits[16];
    ptrdiff_t len = 0;
    for (ptrdiff_t i = 0; i < time.len && len < 13; i++)
        if (time.at[i] != ':')
            digits[len++] = time.at[i];
    put_value(out, tag, "TM", (struct str){ digits, len });
}

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

static void patch(struct text *out, ptrdiff_t at, ptrdiff_t value)
{
    for (int i = 0; i < 4 && at + 4 <= out->len; i++)
        out->at[at + i] = (char)((uint64_t)value >> (8 * i));
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
    put_tag(out, 0xFFFEE000);
    put_number(out, 4, 0);
    put_long(out, 0x00041400, 0);       /* offset of the next record */
    put_short(out, 0x00041410, 0xFFFF); /* in use */
    put_long(out, 0x00041420, 0);       /* offset of the first record below */
    put_value(out, 0x00041430, "CS", str_from(type));
    if (before)
        patch(out, before + NEXT_AT, at);
    else if (parent)
        patch(out, parent + LOWER_AT, at);
    return at;
}

static void end_record(struct dicomdir *dir, ptrdiff_t at)
{
    patch(&dir->out, at + 4, dir->out.len - at - ITEM_BYTES);
}

/* Which kind of record speaks of objects of this SOP class (PS3.3 F.4); pictures are the rest. */
static const char *record_type(struct str sop_class)
{
    static const struct {
        const char *prefix, *type;
    } types[] = {
        { "88.59", "KEY OBJECT DOC" },  { "88.", "SR DOCUMENT" },        { "11.", "PRESENTATION" },
        { "481.2", "RT DOSE" },         { "481.3", "RT STRUCTURE SET" }, { "481.5", "RT PLAN" },
        { "481.4", "RT TREAT RECORD" }, { "481.6", "RT TREAT RECORD" },  { "481.7", "RT TREAT RECORD" },
        { "481.8", "RT PLAN" },         { "481.9", "RT TREAT RECORD" },  { "104.", "ENCAP DOC" },
        { "9.", "WAVEFORM" },           { "66.1", "REGISTRATION" },      { "66.3", "REGISTRATION" },
        { "66.2", "FIDUCIAL" },         { "66.5", "SURFACE" },           { "67", "VALUE MAP" },
        { "4.2", "SPECTROSCOPY" },
    };
    struct str storage = S("1.2.840.10008.5.1.4.1.1."), rest = str_slice(sop_class, storage.len, sop_class.len);
    if (!str_starts(sop_class, storage))
        return "IMAGE";
    if (str_equal(rest, S("66")))
        return "RAW DATA";
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct str prefix = str_from(types[i].prefix);
        if (str_equal(rest, prefix) || (prefix.at[prefix.len - 1] == '.' && str_starts(rest, prefix)))
            return types[i].type;
    }
    return "IMAGE";
}

/* ---- the file ---- */

static void put_meta(struct text *out, struct str instance_uid)
{
    for (int i = 0; i < 128; i++)
        text_put_char(out, '\0');
    text_put(out, S("DICM"));
    put_long(out, 0x00020000, 0);
    ptrdiff_t begin = out->len;
    put_long_header(out, 0x00020001, "OB", 2);
    text_put(out, (struct str){ "\0\1", 2 });
    put_value(out, 0x00020002, "UI", S(UID_DIRECTORY));
    put_value(out, 0x00020003, "UI", instance_uid);
    put_value(out, 0x00020010, "UI", S(UID_EXPLICIT));
    put_value(out, 0x00020012, "UI", S(UID_IMPLEMENTATION));
    put_value(out, 0x00020013, "SH", S("ROENTGEN"));
    patch(out, begin - 4, out->len - begin);
}

static void put_patient(struct dicomdir *dir, const struct dicomdir_patient *p)
{
    struct text *out = &dir->out;
    dir->patient = begin_record(dir, "PATIENT", 0, 0);
    put_value(out, 0x00080005, "CS", S("ISO_IR 192"));
    put_value(out, 0x00100010, "PN", p->name);
    put_value(out, 0x00100020, "LO", p->patient_id);
    if (p->issuer.len)
        put_value(out, 0x00100021, "LO", p->issuer);
    put_date(out, 0x00100030, p->birth_date);
    put_value(out, 0x00100040, "CS", (struct str){ &p->sex, p->sex ? 1 : 0 });
    end_record(dir, dir->patient);
}

static void put_study(struct dicomdir *dir, const struct study *s)
{
    struct text *out = &dir->out;
    dir->study = begin_record(dir, "STUDY", 0, dir->patient);
    put_value(out, 0x00080005, "CS", S("ISO_IR 192"));
    put_date(out, 0x00080020, known_date(s->study_date));
    put_time(out, 0x00080030, known(s->study_time, S("00:00:00")));
    put_text(out, 0x00080050, "SH", 16, s->accession_number);
    put_text(out, 0x00081030, "LO", 64, s->description);
    put_value(out, 0x0020000D, "UI", s->study_uid);
    put_text(out, 0x00200010, "SH", 16, known(s->study_number, S("1")));
    end_record(dir, dir->study);
}

void dicomdir_begin(struct dicomdir *dir, struct str instance_uid, const struct dicomdir_patient *patient,
                    const struct study *study)
{
    *dir = (struct dicomdir){ 0 };
    struct text *out = &dir->out;
    text_init(out, DICOMDIR_BYTES_MAX);
    put_meta(out, instance_uid);
    put_value(out, 0x00041130, "CS", STR_NULL); /* file-set ID */
    put_long(out, 0x00041200, 0);
    dir->first_offset = out->len - 4;
    put_long(out, 0x00041202, 0);
    dir->last_offset = out->len - 4;
    put_short(out, 0x00041212, 0); /* consistent */
    put_long_header(out, 0x00041220, "SQ", 0);
    dir->directory_length = out->len - 4;
    put_patient(dir, patient);
    patch(out, dir->first_offset, dir->patient);
    patch(out, dir->last_offset, dir->patient);
    put_study(dir, study);
}

void dicomdir_series(struct dicomdir *dir, const struct series *series)
{
    struct text *out = &dir->out;
    ptrdiff_t at = begin_record(dir, "SERIES", dir->last_series, dir->study);
    put_value(out, 0x00080005, "CS", S("ISO_IR 192"));
    put_value(out, 0x00080060, "CS", known(series->modality, S("OT")));
    put_text(out, 0x0008103E, "LO", 64, series->description);
    put_value(out, 0x0020000E, "UI", series->series_uid);
    put_integer(out, 0x00200011, known_number(series->series_number, ++dir->series));
    end_record(dir, at);
    dir->last_series = at;
    dir->last_file = dir->files = 0;
}

void dicomdir_file(struct dicomdir *dir, const struct dicomdir_file *file)
{
    struct text *out = &dir->out;
    ptrdiff_t at = begin_record(dir, record_type(file->sop_class_uid), dir->last_file, dir->last_series);
    put_value(out, 0x00041500, "CS", file->file_id);
    put_value(out, 0x00041510, "UI", file->sop_class_uid);
    put_value(out, 0x00041511, "UI", file->sop_instance_uid);
    put_value(out, 0x00041512, "UI", file->transfer_syntax_uid);
    put_integer(out, 0x00200013, known_number(file->instance_number, ++dir->files));
    end_record(dir, at);
    dir->last_file = at;
}

struct str dicomdir_end(struct dicomdir *dir)
{
    patch(&dir->out, dir->directory_length, dir->out.len - dir->directory_length - 4);
    return dir->out.overflowed ? STR_NULL : text_str(&dir->out);
}

void dicomdir_release(struct dicomdir *dir)
{
    text_release(&dir->out);
}
