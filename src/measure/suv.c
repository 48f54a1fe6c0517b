/* suv.c - the scale of PET images (PS3.3 C.8.9.1, C.8.9.2; QIBA FDG-PET profile, SUV vendor-neutral pseudo code). */
#include "measure/suv.h"

#include <math.h>

enum {
    SERIES_DATE = 0x00080021,
    ACQUISITION_DATE = 0x00080022,
    SERIES_TIME = 0x00080031,
    ACQUISITION_TIME = 0x00080032,
    TIMEZONE_OFFSET = 0x00080201,
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
enum { SECONDS_A_MINUTE = 60, SECONDS_A_DAY = 86400 };
#define NO_SUV "no SUV is told"
#define START "Radiopharmaceutical Start DateTime (0018,1078)"
#define START_TIME "Radiopharmaceutical Start Time (0018,1072)"
#define WEIGHT_MAX_KG 1000.0
/* Total doses are becquerels; less than this are megabecquerels under the wrong name, which nobody can be sure of. */
#define DOSE_MIN_BQ 1e4

/* ---- times: all in seconds since 1970, in the time that the file is written in ---- */

static bool time_at(const struct dicom_dataset *from, uint32_t date_tag, uint32_t time_tag, double *out)
{
    struct date date;
    int64_t microseconds;
    if (!dicom_date(from, date_tag, &date) || !dicom_time(from, time_tag, &microseconds))
        return false;
    *out = (double)date.days * SECONDS_A_DAY + (double)microseconds / 1e6;
    return true;
}

/* &ZZXX: hours and minutes east of UTC (PS3.5 6.2, DT). */
static bool offset_of(struct str text, double *out)
{
    enum { TEXT = 5, WEST_MAX = -1200, EAST_MAX = 1400 };
    int number = 0;
    if (text.len != TEXT || (text.at[0] != '+' && text.at[0] != '-'))
        return false;
    for (int i = 1; i < TEXT; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        number = 10 * number + text.at[i] - '0';
    }
    int sign = text.at[0] == '-' ? -1 : 1, seconds = number / 100 * 3600 + number % 100 * 60;
    if (number % 100 > 59 || sign * number < WEST_MAX || sign * number > EAST_MAX)
        return false;
    *out = sign * seconds;
    return true;
}

enum precision { NO_MOMENT, BROKEN_MOMENT, A_DAY, A_MOMENT };

struct moment {
    double seconds; /* of its day, where it is no more than that */
    bool has_offset;
    double offset;
};

/* YYYYMMDD[HHMM[SS[.FFFFFF]]][&ZZXX] (PS3.5 6.2). An hour alone is a day here: nobody knows when in it. */
static enum precision moment_read(const struct dicom_dataset *from, uint32_t tag, struct arena *arena,
                                  struct moment *out)
{
    enum { DATE = 8, HOUR = 10, MINUTE = 12, SECOND = 14 };
    struct str text = dicom_text_first(from, tag, arena);
    int d[SECOND] = { 0 }, digits = 0;
    if (!text.len)
        return NO_MOMENT;
    for (; digits < SECOND && digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9'; digits++)
        d[digits] = text.at[digits] - '0';
    ptrdiff_t end = digits;
    double fraction = 0, unit = 0.1;
    if (digits == SECOND && end < text.len && text.at[end] == '.')
        for (end++; end < text.len && text.at[end] >= '0' && text.at[end] <= '9'; end++, unit /= 10)
            fraction += unit * (text.at[end] - '0');
    *out = (struct moment){ .has_offset = end < text.len };
    if (out->has_offset && !offset_of(str_slice(text, end, text.len), &out->offset))
        return BROKEN_MOMENT;
    struct date date = date_from_ymd(d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3], d[4] * 10 + d[5], d[6] * 10 + d[7]);
    int hour = d[8] * 10 + d[9], minute = d[10] * 10 + d[11], second = d[12] * 10 + d[13];
    if (digits < DATE || digits % 2 || date_is_null(date) || hour > 23 || minute > 59 || second > 60)
        return BROKEN_MOMENT;
    out->seconds = (double)date.days * SECONDS_A_DAY;
    if (digits <= HOUR)
        return A_DAY;
    out->seconds += hour * 3600 + minute * 60 + second + fraction;
    return A_MOMENT;
}

/* A moment with an offset from UTC as the clock showed it whose offset Timezone Offset From UTC (0008,0201) states for
 * all times without one (PS3.3 C.12.1.1.8). False: it has one, and the file states none. */
static bool to_time_of_file(const struct dicom_dataset *root, struct arena *arena, struct moment *moment)
{
    double zone;
    if (!moment->has_offset)
        return true;
    if (!offset_of(dicom_text_first(root, TIMEZONE_OFFSET, arena), &zone))
        return false;
    moment->seconds += zone - moment->offset;
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
    struct moment begun;
    if (ge && moment_read(root, ge, arena, &begun) == A_MOMENT && to_time_of_file(root, arena, &begun)) {
        *out = begun.seconds;
        return true;
    }
    if (!dicom_sole_real(root, FRAME_REFERENCE_TIME, &reference_ms) ||
        !dicom_sole_real(root, FRAME_DURATION, &duration_ms) || !(reference_ms > 0) || !(duration_ms > 0))
        return false;
    double constant = log(2) / half_life, decay = constant * duration_ms / 1000;
    double average_at = 1 / constant * log(decay / (1 - exp(-decay)));
    *out = acquired - reference_ms / 1000 + average_at;
    return true;
}

static double time_of_day(double seconds)
{
    double of_day = fmod(seconds, SECONDS_A_DAY);
    return of_day < 0 ? of_day + SECONDS_A_DAY : of_day;
}

/* Are both the same on a clock, but for what is written as seconds there and as minutes here? */
static bool is_same_time(double a, double b)
{
    double apart = fabs(time_of_day(a) - time_of_day(b));
    return apart < SECONDS_A_MINUTE || apart > SECONDS_A_DAY - SECONDS_A_MINUTE;
}

/* When the drug was given. A time without a date is of the scan's day, or of the day before. */
static bool start_time(const struct dicom_dataset *root, const struct dicom_dataset *drug, double scan,
                       struct arena *arena, double *out, const char **trouble)
{
    struct moment start = { 0 };
    int64_t microseconds = 0;
    enum precision precision = moment_read(drug, RADIOPHARMACEUTICAL_START, arena, &start);
    bool has_time = dicom_time(drug, RADIOPHARMACEUTICAL_START_TIME, &microseconds);
    double of_day = (double)microseconds / 1e6;
    if (precision == A_MOMENT) {
        bool agrees = has_time && is_same_time(start.seconds, of_day);
        if (!to_time_of_file(root, arena, &start) && !agrees) {
            *trouble = START " has an offset from UTC, and the file does not say that of its other times: " NO_SUV;
            return false;
        }
        if (has_time && !is_same_time(start.seconds, of_day))
            *trouble = START_TIME " is another time than that in (0018,1078): the latter is used";
        *out = start.seconds;
        return true;
    }
    if (precision == A_DAY && has_time && !start.has_offset) {
        *out = start.seconds + of_day;
        return true;
    }
    if (precision != NO_MOMENT)
        *trouble = has_time ? START " is no date and time: (0018,1072) is used instead"
                            : START " is no date and time: " NO_SUV;
    *out = scan - time_of_day(time_of_day(scan) - of_day);
    return has_time;
}

/* Seconds from injection to scan. */
static bool decay_time(const struct dicom_dataset *root, const struct dicom_dataset *drug, double half_life,
                       struct arena *arena, double *out, const char **trouble)
{
    double scan, start;
    if (!scan_time(root, half_life, arena, &scan) || !start_time(root, drug, scan, arena, &start, trouble))
        return false;
    *out = scan - start;
    if (*out >= 0 && *out <= HALF_LIVES_MAX * half_life)
        return true;
    *trouble = *out < 0 ? "the radiopharmaceutical of (0054,0016) was given after the scan began: " NO_SUV
                        : "the radiopharmaceutical of (0054,0016) was given too long before the scan: " NO_SUV;
    return false;
}

/* g/ml for each Bq/ml. */
static bool suv_factor(const struct dicom_dataset *root, struct arena *arena, double *out, const char **trouble)
{
    const struct dicom_dataset *drug = dicom_item(root, RADIOPHARMACEUTICALS, 0);
    double weight, dose, half_life, seconds = 0;
    if (!drug || dicom_item(root, RADIOPHARMACEUTICALS, 1) || !dicom_sole_real(root, PATIENT_WEIGHT, &weight) ||
        !dicom_sole_real(drug, TOTAL_DOSE, &dose) || !dicom_sole_real(drug, HALF_LIFE, &half_life))
        return false;
    if (!(weight > 0) || !(dose > 0) || !(half_life > 0))
        return false;
    if (weight > WEIGHT_MAX_KG)
        *trouble = "Patient's Weight (0010,1030) is above 1000 kg: " NO_SUV;
    else if (dose < DOSE_MIN_BQ)
        *trouble = "Radionuclide Total Dose (0018,1074) is below 10000 Bq: " NO_SUV;
    if (*trouble)
        return false;
    bool to_injection = str_equal(dicom_text_first(root, DECAY_CORRECTION, arena), S("ADMIN"));
    if (!to_injection && !decay_time(root, drug, half_life, arena, &seconds, trouble))
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
    const char *trouble = NULL;
    if (suv && corrected && dicom_sole_real(root, suv, &factor) && factor > 0)
        return (struct pet_scale){ factor, S("g/ml"), NULL };
    if (!activity || !dicom_sole_real(root, activity, &factor) || !(factor > 0))
        return (struct pet_scale){ 1, S("counts"), NULL };
    if (corrected && suv_factor(root, arena, &more, &trouble))
        return (struct pet_scale){ factor * more, S("g/ml"), trouble };
    return (struct pet_scale){ factor, S("Bq/ml"), trouble };
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
    const char *trouble = NULL;
    if (str_equal(term, S("CNTS")))
        return philips_scale(root, corrected, arena);
    if (str_equal(term, S("BQML")) && corrected && suv_factor(root, arena, &factor, &trouble))
        return (struct pet_scale){ factor, S("g/ml"), trouble };
    if (str_equal(term, S("NONE")))
        term = STR_NULL;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (str_equal(term, str_from(units[i].term)))
            term = str_from(units[i].unit);
    return (struct pet_scale){ 1, term, trouble };
}
