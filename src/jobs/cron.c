/* cron.c - see cron.h. */
#include "jobs/cron.h"

#include "base/zone.h"

enum { DAYS_AHEAD = 8 * 366 + 1, EVERY_HOUR = (1 << 24) - 1 };
#define MINUTE_US (60 * INT64_C(1000000))

struct part {
    const char *what;
    int first, last;
    const char *names; /* of three letters, for `first` and on */
};
static const struct part parts[] = {
    { "minute", 0, 59, "" },
    { "hour", 0, 23, "" },
    { "day of the month", 1, 31, "" },
    { "month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC" },
    { "day of the week", 0, 7, "SUNMONTUEWEDTHUFRISAT" },
};
enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, PARTS };

static const struct {
    const char *name, *means;
} shorts[] = {
    { "@hourly", "0 * * * *" },  { "@daily", "0 0 * * *" },  { "@weekly", "0 0 * * 0" },
    { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" },
};

/* ---- reading ---- */

static bool read_number(const struct part *part, struct str text, int *out)
{
    int64_t number;
    for (int i = 0; part->names[3 * i] && text.len == 3; i++)
        if (str_equal_fold(text, (struct str){ part->names + (ptrdiff_t)3 * i, 3 })) {
            *out = part->first + i;
            return true;
        }
    if (!str_to_integer(text, &number) || number < part->first || number > part->last)
        return false;
    *out = (int)number;
    return true;
}

/* One of the list: *, n, n-m, each with /step. */
static bool read_piece(const struct part *part, struct str piece, uint64_t *bits)
{
    struct str range, step_text, from_text, to_text;
    int from = part->first, to = part->last;
    int64_t step = 1;
    bool has_step = str_cut(piece, '/', &range, &step_text);
    if (has_step && (!str_to_integer(step_text, &step) || step < 1 || step > part->last))
        return false;
    if (!str_equal(range, S("*"))) {
        bool is_range = str_cut(range, '-', &from_text, &to_text);
        if (!read_number(part, from_text, &from) || (is_range && !read_number(part, to_text, &to)) || from > to)
            return false;
        if (!is_range && !has_step)
            to = from;
    }
    for (int64_t i = from; i <= to; i += step)
        *bits |= UINT64_C(1) << i;
    return true;
}

static bool read_part(const struct part *part, struct str text, uint64_t *bits, struct error *error)
{
    struct str rest = text, piece;
    *bits = 0;
    while (str_next(&rest, ',', &piece))
        if (!read_piece(part, piece, bits))
            return error_set(error, E_INVALID, "\"%.*s\" is no %s of a schedule: it takes *, %d to %d, 1-5, */2, 1,3",
                             STR_FMT(str_at_most(text, 40)), part->what, part->first, part->last);
    return true;
}

static struct str spelt_out(struct str text)
{
    for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++)
        if (str_equal_fold(text, str_from(shorts[i].name)))
            return str_from(shorts[i].means);
    return text;
}

/* Between spaces and tabs, any number of them. */
static bool next_word(struct str *rest, struct str *word)
{
    ptrdiff_t len = 0;
    *rest = str_trim(*rest);
    while (len < rest->len && rest->at[len] != ' ' && rest->at[len] != '\t')
        len++;
    *word = str_slice(*rest, 0, len);
    *rest = str_slice(*rest, len, rest->len);
    return len > 0;
}

bool cron_read(struct str text, struct cron *out, struct error *error)
{
    uint64_t bits[PARTS];
    struct str rest = spelt_out(str_trim(text)), word, words[PARTS];
    int count = 0;
    while (next_word(&rest, &word)) {
        if (count < PARTS)
            words[count] = word;
        count++;
    }
    if (count != PARTS)
        return error_set(
            error, E_INVALID,
            "a schedule is \"minute hour day-of-month month day-of-week\", such as \"30 2 * * *\", or @daily");
    for (int i = 0; i < PARTS; i++)
        if (!read_part(&parts[i], words[i], &bits[i], error))
            return false;
    bits[WEEKDAY] |= bits[WEEKDAY] >> 7 & 1; /* 7 is Sunday, too */
    *out = (struct cron){ bits[MINUTE],
                          (uint32_t)bits[HOUR],
                          (uint32_t)bits[DAY],
                          (uint32_t)bits[MONTH],
                          (uint32_t)(bits[WEEKDAY] & 0x7F),
                          words[DAY].at[0] == '*',
                          words[WEEKDAY].at[0] == '*',
                          bits[HOUR] == EVERY_HOUR,
                          bits[HOUR] == EVERY_HOUR || words[MINUTE].at[0] == '*' };
    return !instant_is_null(cron_next(out, clock_now())) ||
           error_set(error, E_INVALID, "a schedule that never comes: there is no such day");
}

/* ---- the next one ---- */

static bool is_day(const struct cron *cron, struct date day)
{
    int year, month, of_month, of_week = (int)((day.days % 7 + 11) % 7); /* 1970-01-01 was a Thursday */
    date_to_ymd(day, &year, &month, &of_month);
    bool by_month = cron->days >> of_month & 1, by_week = cron->weekdays >> of_week & 1;
    bool either = !cron->any_day && !cron->any_weekday;
    return (cron->months >> month & 1) && (either ? by_month || by_week : by_month && by_week);
}

/* Of the day the hour and the minute. */
static bool is_time(const struct cron *cron, struct instant shown)
{
    int64_t minute = (shown.us - date_midnight(date_of(shown)).us) / MINUTE_US;
    return (cron->hours >> minute / 60 & 1) && (cron->minutes >> minute % 60 & 1);
}

/* `moment` begins a minute. */
static bool is_moment(const struct cron *cron, struct instant moment)
{
    struct instant shown = zone_shown(moment);
    if (is_time(cron, shown) && (cron->by_passing || zone_moment(shown).us == moment.us))
        return true;
    if (cron->every_hour)
        return false;
    struct instant leapt = { zone_shown((struct instant){ moment.us - MINUTE_US }).us + MINUTE_US };
    while (leapt.us < shown.us && !is_time(cron, leapt))
        leapt.us += MINUTE_US;
    return leapt.us < shown.us;
}

static struct instant next_of_day(const struct cron *cron, struct date day, struct instant after)
{
    struct instant moment = zone_midnight(day), end = zone_midnight((struct date){ day.days + 1 });
    if (moment.us <= after.us)
        moment.us += ((after.us - moment.us) / MINUTE_US + 1) * MINUTE_US;
    while (moment.us < end.us && !is_moment(cron, moment))
        moment.us += MINUTE_US;
    return moment.us < end.us ? moment : INSTANT_NULL;
}

struct instant cron_next(const struct cron *cron, struct instant after)
{
    struct date first = zone_date(after);
    for (int i = 0; i < DAYS_AHEAD; i++) {
        struct date day = { first.days + i };
        struct instant moment = is_day(cron, day) ? next_of_day(cron, day, after) : INSTANT_NULL;
        if (!instant_is_null(moment))
            return moment;
    }
    return INSTANT_NULL;
}
