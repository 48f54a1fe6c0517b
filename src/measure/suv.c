/* suv.c - the scale of PET images (PS3.3 C.8.9.1, C.8.9.2; QIBA FDG-PET profile, SUV vendor-neutral pseudo code). */
#include "measure/suv.h"

#include <math.h>

enum {
    SERIES_DATE = 0x00080021,
    ACQUISITION_DATE = 0x00080022,
    SERIES_TIME = 0x00080031,
    ACQUISITION_TIME = 0x00080032,
    PATIENT_WEIGHT = 0x00101030, /* kg */
    RADIOPHARMACEUTICAL_START_TIME = 0x00181072,
    TOTAL_DOSE = 0x00181074, /* Bq */
    HALF_LIFE = 0x00181075,  /* s */
    RADIOPHARMACEUTICAL_START = 0x00181078,
    FRAME_DURATION = 0x00181242, /* ms */
    CORRECTED_IMAGE = 0x00280051,
    RADIOPHARMACEUTICALS = 0x00540016,
    UNITS = 0x00541001,
    DECAY_CORRECTION = 0x00541102,
    FRAME_REFERENCE_TIME = 0x00541300, /* ms */
};

/* More half-lives than this and the time is wrong, or nothing is left. */
enum { HALF_LIVES_MAX = 16 };
enum { SECONDS_A_DAY = 86400 };
#define WEIGHT_MAX_KG 1000.0
/* Total doses are becquerels; less than this are megabecquerels under the wrong name, which nobody can be sure of. */
#define DOSE_MIN_BQ 1e4

/* Seconds since 1970, in the time that the file is written in. */
static bool time_at(const struct dicom_dataset *from, uint32_t date_tag, uint32_t time_tag, double *out)
{
    struct date date;
    int64_t microseconds;
    if (!dicom_date(from, date_tag, &date) || !dicom_time(from, time_tag, &microseconds))
        return false;
    *out = (double)date.days * SECONDS_A_DAY + (double)microseconds / 1e6;
    return true;
}

/* DT: YYYYMMDDHHMMSS.FFFFFF, with all of the time there; an offset from UTC behind it is the one that the other times
 * of the file have. */
static bool moment_at(const struct dicom_dataset *from, uint32_t tag, struct arena *arena, double *out)
{
    enum { DATE = 8, TIME = 14 };
    struct str text = dicom_text_first(from, tag, arena);
    int digits[TIME];
    if (text.len < TIME)
        return false;
    for (int i = 0; i < TIME; i++) {
        digits[i] = text.at[i] - '0';
        if (digits[i] < 0 || digits[i] > 9)
            return false;
    }
    const int *d = digits;
    struct date date = date_from_ymd(d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3], d[4] * 10 + d[5], d[6] * 10 + d[7]);
    int hour = d[8] * 10 + d[9], minute = d[10] * 10 + d[11], second = d[12] * 10 + d[13];
    if (date_is_null(date) || hour > 23 || minute > 59 || second > 60)
        return false;
    double fraction = 0, unit = 0.1;
    for (ptrdiff_t i = TIME + 1; i < text.len && text.at[TIME] == '.' && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
        fraction += unit * (text.at[i] - '0');
        unit /= 10;
    }
    *out = (double)date.days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second + fraction;
    return true;
}

static bool has_term(const struct dicom_dataset *root, uint32_t tag, struct str term, struct arena *arena)
{
    struct str one, rest = dicom_text(root, tag, arena);
    while (rest.at) {
        str_cut(rest, '\\', &one, &rest);
        if (str_equal(str_trim(one), term))
            return true;
    }
    return false;
}

/* An element of a private block, e.g. 0x0D of "GEMS_PETD_01" in group 0009 (PS3.5 7.8.1); 0: there is no such block. */
static uint32_t private_tag(const struct dicom_dataset *root, uint32_t group, struct str creator, uint32_t element,
                            struct arena *arena)
{
    for (uint32_t block = 0x10; block <= 0xFF; block++)
        if (str_equal(str_trim(dicom_text_first(root, group << 16 | block, arena)), creator))
            return group << 16 | block << 8 | element;
    return 0;
}

/* When the scan began, which START corrects to. A series made later has a later date: then GE's own, else back from
 * the middle of the frame's decay. */
static bool scan_time(const struct dicom_dataset *root, double half_life, struct arena *arena, double *out)
{
    double series, acquired, reference_ms, duration_ms;
    if (!time_at(root, ACQUISITION_DATE, ACQUISITION_TIME, &acquired) ||
        !time_at(root, SERIES_DATE, SERIES_TIME, &series))
        return false;
    if (series <= acquired) {
        *out = series;
        return true;
    }
    uint32_t ge = private_tag(root, 0x0009, S("GEMS_PETD_01"), 0x0D, arena);
    if (ge && moment_at(root, ge, arena, out))
        return true;
    if (!dicom_real(root, FRAME_REFERENCE_TIME, &reference_ms) || !dicom_real(root, FRAME_DURATION, &duration_ms) ||
        !(reference_ms > 0) || !(duration_ms > 0))
        return false;
    double constant = log(2) / half_life, decay = constant * duration_ms / 1000;
    double average_at = 1 / constant * log(decay / (1 - exp(-decay)));
    *out = acquired - reference_ms / 1000 + average_at;
    return true;
}

/* Seconds from injection to scan. A start without a date is of the scan's day, or of the day before. */
static bool decay_time(const struct dicom_dataset *root, const struct dicom_dataset *drug, double half_life,
                       struct arena *arena, double *out)
{
    double scan, start;
    int64_t microseconds;
    if (!scan_time(root, half_life, arena, &scan))
        return false;
    if (moment_at(drug, RADIOPHARMACEUTICAL_START, arena, &start)) {
        *out = scan - start;
    } else {
        if (!dicom_time(drug, RADIOPHARMACEUTICAL_START_TIME, &microseconds))
            return false;
        double of_day = fmod(scan, SECONDS_A_DAY) - (double)microseconds / 1e6;
        *out = of_day < 0 ? of_day + SECONDS_A_DAY : of_day;
    }
    return *out >= 0 && *out <= HALF_LIVES_MAX * half_life;
}

/* g/ml for each Bq/ml. */
static bool suv_factor(const struct dicom_dataset *root, struct arena *arena, double *out)
{
    const struct dicom_dataset *drug = dicom_item(root, RADIOPHARMACEUTICALS, 0);
    double weight, dose, half_life, seconds = 0;
    if (!drug || dicom_item(root, RADIOPHARMACEUTICALS, 1) || !dicom_real(root, PATIENT_WEIGHT, &weight) ||
        !dicom_real(drug, TOTAL_DOSE, &dose) || !dicom_real(drug, HALF_LIFE, &half_life))
        return false;
    if (!(weight > 0) || weight > WEIGHT_MAX_KG || !(dose >= DOSE_MIN_BQ) || !(half_life > 0))
        return false;
    bool to_injection = str_equal(dicom_text_first(root, DECAY_CORRECTION, arena), S("ADMIN"));
    if (!to_injection && !decay_time(root, drug, half_life, arena, &seconds))
        return false;
    *out = weight * 1000 / (dose * exp2(-seconds / half_life));
    return isfinite(*out);
}

static bool is_corrected(const struct dicom_dataset *root, struct arena *arena)
{
    struct str decay = dicom_text_first(root, DECAY_CORRECTION, arena);
    return has_term(root, CORRECTED_IMAGE, S("ATTN"), arena) && has_term(root, CORRECTED_IMAGE, S("DECY"), arena) &&
           (str_equal(decay, S("START")) || str_equal(decay, S("ADMIN")));
}

/* Philips writes counts, with the factors beside them. */
static struct pet_scale philips_scale(const struct dicom_dataset *root, bool corrected, struct arena *arena)
{
    static const struct str creator = { "Philips PET Private Group", sizeof("Philips PET Private Group") - 1 };
    uint32_t suv = private_tag(root, 0x7053, creator, 0x00, arena),
             activity = private_tag(root, 0x7053, creator, 0x09, arena);
    double factor, more;
    if (suv && corrected && dicom_real(root, suv, &factor) && factor > 0)
        return (struct pet_scale){ factor, S("g/ml") };
    if (!activity || !dicom_real(root, activity, &factor) || !(factor > 0))
        return (struct pet_scale){ 1, S("counts") };
    if (corrected && suv_factor(root, arena, &more))
        return (struct pet_scale){ factor * more, S("g/ml") };
    return (struct pet_scale){ factor, S("Bq/ml") };
}

/* Defined terms of Units (C.8.9.1.1.3) that have a name in UCUM; others stay as they are. */
static const struct {
    const char *term, *unit;
} units[] = {
    { "BQML", "Bq/ml" },
    { "GML", "g/ml" },
    { "CNTS", "counts" },
    { "CPS", "counts/s" },
    { "PCNT", "%" },
    { "CM2", "cm2" },
    { "CM2ML", "cm2/ml" },
    { "MGMINML", "mg/min/ml" },
    { "UMOLMINML", "umol/min/ml" },
    { "MLMING", "ml/min/g" },
    { "MLG", "ml/g" },
    { "1CM", "1/cm" },
    { "UMOLML", "umol/ml" },
    { "MLMINML", "ml/min/ml" },
    { "MLML", "ml/ml" },
};

struct pet_scale pet_scale_of(const struct dicom_dataset *root, struct arena *arena)
{
    struct str term = dicom_text_first(root, UNITS, arena);
    bool corrected = is_corrected(root, arena);
    double factor;
    if (str_equal(term, S("CNTS")))
        return philips_scale(root, corrected, arena);
    if (str_equal(term, S("BQML")) && corrected && suv_factor(root, arena, &factor))
        return (struct pet_scale){ factor, S("g/ml") };
    if (str_equal(term, S("NONE")))
        term = STR_NULL;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (str_equal(term, str_from(units[i].term)))
            term = str_from(units[i].unit);
    return (struct pet_scale){ 1, term };
}
