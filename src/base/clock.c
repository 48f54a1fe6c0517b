/* clock.c - the system's clocks, and civil dates by arithmetic (H. Hinnant, "chrono-compatible low-level date
 * algorithms"): no time zone files, no locks, no locale.
 *
 * Inside, a year starts on 1 March, so that the leap day is its last day, and an era is 400 years. */
#include "base/clock.h"
#include "base/digits.h"

#include <assert.h>

enum { DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 }; /* 0000-03-01 to 1970-01-01 */

#define US_PER_S INT64_C(1000000)
#define US_PER_DAY (86400 * US_PER_S)

/* 0001-01-01 and 9999-12-31: what four digits can say. */
enum { FIRST_DAY = -719162, LAST_DAY = 2932896 };

static const char weekday_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t) != 0)
        abort();
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

struct instant clock_now(void)
{
    return (struct instant){ read_clock(CLOCK_REALTIME) };
}

int64_t clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

bool instant_is_null(struct instant t)
{
    return t.us == INT64_MIN;
}

bool date_is_null(struct date d)
{
    return d.days == INT32_MIN;
}

static int month_days(int year, int month)
{
    static const signed char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

struct date date_from_ymd(int year, int month, int day)
{
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return DATE_NULL;
    int shifted = month <= 2 ? year - 1 : year; /* >= 0 */
    int era = shifted / 400, year_of_era = shifted % 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (struct date){ era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH };
}

/* FIRST_DAY <= d.days <= LAST_DAY */
static void civil(struct date d, unsigned *year, unsigned *month, unsigned *day)
{
    unsigned n = (unsigned)(d.days + DAYS_TO_EPOCH);
    unsigned era = n / DAYS_PER_ERA, day_of_era = n % DAYS_PER_ERA;
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

static bool in_range(struct date d)
{
    return d.days >= FIRST_DAY && d.days <= LAST_DAY;
}

void date_to_ymd(struct date d, int *year, int *month, int *day)
{
    assert(in_range(d));
    unsigned y, m, n;
    civil(d, &y, &m, &n);
    *year = (int)y;
    *month = (int)m;
    *day = (int)n;
}

static struct date day_of(int64_t us, int64_t *us_of_day)
{
    int64_t days = us / US_PER_DAY, rest = us % US_PER_DAY;
    if (rest < 0) {
        days--;
        rest += US_PER_DAY;
    }
    *us_of_day = rest;
    return (struct date){ (int32_t)days };
}

struct date date_of(struct instant t)
{
    int64_t rest;
    return instant_is_null(t) ? DATE_NULL : day_of(t.us, &rest);
}

struct instant date_midnight(struct date d)
{
    return date_is_null(d) ? INSTANT_NULL : (struct instant){ d.days * US_PER_DAY };
}

int date_age_years(struct date birth, struct date today)
{
    if (!in_range(birth) || !in_range(today) || birth.days > today.days)
        return -1;
    unsigned birth_year, birth_month, birth_day, year, month, day;
    civil(birth, &birth_year, &birth_month, &birth_day);
    civil(today, &year, &month, &day);
    bool birthday_is_ahead = month < birth_month || (month == birth_month && day < birth_day);
    return (int)(year - birth_year) - birthday_is_ahead;
}

/* --- reading --- */

/* Reads `count` digits at *i. -1 when one is missing. */
static int read_digits(struct str s, ptrdiff_t *i, int count)
{
    int n = 0;
    if (s.len - *i < count)
        return -1;
    for (int k = 0; k < count; k++) {
        char c = s.at[(*i)++];
        if (c < '0' || c > '9')
            return -1;
        n = n * 10 + (c - '0');
    }
    return n;
}

static bool read_char(struct str s, ptrdiff_t *i, char wanted)
{
    if (*i >= s.len || s.at[*i] != wanted)
        return false;
    ++*i;
    return true;
}

static bool read_date(struct str s, ptrdiff_t *i, struct date *out)
{
    int year = read_digits(s, i, 4);
    if (!read_char(s, i, '-'))
        return false;
    int month = read_digits(s, i, 2);
    if (!read_char(s, i, '-'))
        return false;
    *out = date_from_ymd(year, month, read_digits(s, i, 2));
    return !date_is_null(*out);
}

/* hh:mm:ss */
static bool read_time(struct str s, ptrdiff_t *i, int64_t *out_us)
{
    int hour = read_digits(s, i, 2);
    if (!read_char(s, i, ':'))
        return false;
    int minute = read_digits(s, i, 2);
    if (!read_char(s, i, ':'))
        return false;
    int second = read_digits(s, i, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    *out_us = (hour * 3600 + minute * 60 + second) * US_PER_S;
    return true;
}

/* [.digits]: past microseconds they are cut. */
static bool read_fraction(struct str s, ptrdiff_t *i, int64_t *us)
{
    if (!read_char(s, i, '.'))
        return true;
    ptrdiff_t start = *i;
    for (int64_t unit = US_PER_S / 10; *i < s.len && s.at[*i] >= '0' && s.at[*i] <= '9'; ++*i, unit /= 10)
        *us += unit * (s.at[*i] - '0');
    return *i > start;
}

/* Nothing (UTC), Z, or an offset. */
static bool read_zone(struct str s, ptrdiff_t *i, int64_t *us)
{
    if (*i == s.len || read_char(s, i, 'Z') || read_char(s, i, 'z'))
        return true;
    bool west = s.at[*i] == '-';
    if (!west && s.at[*i] != '+')
        return false;
    ++*i;
    int hours = read_digits(s, i, 2);
    if (!read_char(s, i, ':'))
        return false;
    int minutes = read_digits(s, i, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    int64_t offset = (hours * 3600 + minutes * 60) * US_PER_S;
    *us += west ? offset : -offset;
    return true;
}

bool instant_parse(struct str s, struct instant *out)
{
    ptrdiff_t i = 0;
    struct date d;
    if (!read_date(s, &i, &d))
        return false;
    int64_t us = 0;
    if (i < s.len) {
        /* RFC 3339 5.6 allows lower case and, for reading's sake, a space. */
        if (!read_char(s, &i, 'T') && !read_char(s, &i, 't') && !read_char(s, &i, ' '))
            return false;
        if (!read_time(s, &i, &us) || !read_fraction(s, &i, &us) || !read_zone(s, &i, &us))
            return false;
    }
    us += d.days * US_PER_DAY;
    /* An offset may lead out of the years that can be written. */
    int64_t rest;
    if (i != s.len || !in_range(day_of(us, &rest)))
        return false;
    out->us = us;
    return true;
}

bool date_parse(struct str s, struct date *out)
{
    ptrdiff_t i = 0;
    struct date d;
    if (!read_date(s, &i, &d) || i != s.len)
        return false;
    *out = d;
    return true;
}

/* 0: Sunday. 0001-01-01 was a Monday. */
static unsigned weekday(struct date d)
{
    return (unsigned)(d.days - FIRST_DAY + 1) % 7;
}

bool instant_http_parse(struct str s, struct instant *out)
{
    /* Sun, 06 Nov 1994 08:49:37 GMT */
    if (s.len != 29 || s.at[3] != ',' || s.at[4] != ' ' || s.at[7] != ' ' || s.at[11] != ' ' || s.at[16] != ' ')
        return false;
    int month = 0;
    while (month < 12 && memcmp(s.at + 8, month_names[month], 3) != 0)
        month++;
    ptrdiff_t i = 5;
    int day = read_digits(s, &i, 2);
    i = 12;
    int year = read_digits(s, &i, 4);
    struct date d = date_from_ymd(year, month + 1, day);
    int64_t us;
    i = 17;
    if (date_is_null(d) || memcmp(s.at, weekday_names[weekday(d)], 3) != 0 || !read_time(s, &i, &us) ||
        memcmp(s.at + i, " GMT", 4) != 0)
        return false;
    out->us = d.days * US_PER_DAY + us;
    return true;
}

/* --- writing --- */

static void put_date(struct date d, char *out)
{
    unsigned year, month, day;
    civil(d, &year, &month, &day);
    digits_two(out, year / 100);
    digits_two(out + 2, year % 100);
    out[4] = '-';
    digits_two(out + 5, month);
    out[7] = '-';
    digits_two(out + 8, day);
}

static void put_time(unsigned second_of_day, char *out)
{
    digits_two(out, second_of_day / 3600);
    out[2] = ':';
    digits_two(out + 3, second_of_day / 60 % 60);
    out[5] = ':';
    digits_two(out + 6, second_of_day % 60);
}

ptrdiff_t date_write(struct date d, char out[DATE_TEXT_MAX])
{
    if (!in_range(d))
        return 0;
    put_date(d, out);
    return 10;
}

ptrdiff_t instant_write(struct instant t, char out[INSTANT_TEXT_MAX])
{
    int64_t rest;
    struct date d = day_of(t.us, &rest);
    if (!in_range(d))
        return 0;
    unsigned us = (unsigned)(rest % US_PER_S);
    put_date(d, out);
    out[10] = 'T';
    put_time((unsigned)(rest / US_PER_S), out + 11);
    out[19] = '.';
    digits_two(out + 20, us / 10000);
    digits_two(out + 22, us / 100 % 100);
    digits_two(out + 24, us % 100);
    out[26] = 'Z';
    return 27;
}

struct str instant_format(struct instant t, struct arena *arena)
{
    char text[INSTANT_TEXT_MAX];
    ptrdiff_t len = instant_write(t, text);
    return len ? arena_copy(arena, (struct str){ text, len }) : STR_NULL;
}

struct str instant_http_format(struct instant t, struct arena *arena)
{
    int64_t rest;
    struct date d = day_of(t.us, &rest);
    if (!in_range(d))
        return STR_NULL;
    unsigned year, month, day;
    civil(d, &year, &month, &day);
    char time[8];
    put_time((unsigned)(rest / US_PER_S), time);
    return arena_format(arena, "%s, %02u %s %04u %.8s GMT", weekday_names[weekday(d)], day, month_names[month - 1],
                        year, time);
}
