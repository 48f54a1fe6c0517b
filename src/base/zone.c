/* zone.c - the C library's zone of the process (TZ), set once at the start. */
#include "base/zone.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define US_PER_S INT64_C(1000000)
enum { NAME_MAX_BYTES = 64, DATE_BYTES = 10 };

/* "Asia/Shanghai", "Etc/GMT+8": letters, digits and a few signs, never a path that leads elsewhere. */
static bool is_name(struct str name)
{
    for (ptrdiff_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || !strchr("/_+-", c)))
            return false;
    }
    return name.len > 0 && name.len <= NAME_MAX_BYTES;
}

bool zone_set(struct str name, struct error *error)
{
    char path[128];
    if (!name.len) {
        tzset();
        return true;
    }
    const char *folder = getenv("TZDIR");
    snprintf(path, sizeof(path), "%s/%.*s", folder && *folder ? folder : "/usr/share/zoneinfo", STR_FMT(name));
    /* UTC needs no file, so that a machine without zoneinfo can say so, too. */
    if (!is_name(name) || (!str_equal(name, S("UTC")) && access(path, R_OK) != 0))
        return error_set(error, E_INVALID,
                         "the system knows no time zone %.*s; they are called Asia/Shanghai, Europe/Berlin, UTC",
                         STR_FMT(str_slice(name, 0, NAME_MAX_BYTES)));
    char text[NAME_MAX_BYTES + 1];
    snprintf(text, sizeof(text), "%.*s", STR_FMT(name));
    if (setenv("TZ", text, 1) != 0)
        abort();
    tzset();
    return true;
}

struct instant zone_shown(struct instant t)
{
    time_t moment = (time_t)((t.us - (t.us < 0 ? US_PER_S - 1 : 0)) / US_PER_S);
    struct tm local;
    if (!localtime_r(&moment, &local))
        return t;
    struct date day = date_from_ymd(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
    if (date_is_null(day)) /* a zone leads out of the years that can be written */
        return t;
    int64_t second = (int64_t)local.tm_hour * 3600 + (int64_t)local.tm_min * 60 + local.tm_sec;
    return (struct instant){ date_midnight(day).us + second * US_PER_S + (t.us - (int64_t)moment * US_PER_S) };
}

struct date zone_date(struct instant t)
{
    return date_of(zone_shown(t));
}

struct date zone_today(void)
{
    return zone_date(clock_now());
}

/* As if the clocks showed what they did a day before, and what they do a day after. Of two that are right the earlier
 * one; where none is, clocks were put forward over it. */
struct instant zone_moment(struct instant shown)
{
    const int64_t day_us = 86400 * US_PER_S;
    struct instant before = { shown.us - day_us }, after = { shown.us + day_us };
    struct instant old = { shown.us - (zone_shown(before).us - before.us) };
    struct instant new = { shown.us - (zone_shown(after).us - after.us) };
    bool is_old = zone_shown(old).us == shown.us, is_new = zone_shown(new).us == shown.us;
    return is_new && (!is_old || new.us < old.us) ? new : old;
}

struct instant zone_midnight(struct date day)
{
    return zone_moment(date_midnight(day));
}

static bool has_zone(struct str s)
{
    struct str time = str_slice(s, DATE_BYTES, s.len);
    for (ptrdiff_t i = 0; i < time.len; i++)
        if (strchr("Zz+-", time.at[i]))
            return true;
    return false;
}

int zone_month(struct date day)
{
    int year, month, day_of_month;
    date_to_ymd(day, &year, &month, &day_of_month);
    return year * 12 + month - 1;
}

struct instant zone_month_begins(int month)
{
    return zone_midnight(date_from_ymd(month / 12, month % 12 + 1, 1));
}

bool zone_parse(struct str s, struct instant *out)
{
    struct instant t;
    if (!instant_parse(s, &t))
        return false;
    if (!has_zone(s))
        t = zone_moment(t);
    /* Near the first and the last year that can be written, a zone leads out of them. */
    char text[INSTANT_TEXT_MAX];
    if (!instant_write(t, text))
        return false;
    *out = t;
    return true;
}
