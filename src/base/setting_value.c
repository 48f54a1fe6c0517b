/* setting_value.c - the types of settings: how each is read, shown and described. */
#include "base/setting_value.h"

#include <inttypes.h>

struct unit {
    const char *name;
    int64_t size;
};

/* Largest first: a value is shown in the first unit that it is a multiple of. Powers of two before powers of ten. */
static const struct unit size_units[] = {
    { "TiB", INT64_C(1) << 40 }, { "GiB", 1 << 30 }, { "MiB", 1 << 20 }, { "KiB", 1 << 10 }, { "TB", 1000000000000 },
    { "GB", 1000000000 },        { "MB", 1000000 },  { "kB", 1000 },     { "B", 1 },
};
static const struct unit duration_units[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };

enum {
    SIZE_UNITS = sizeof(size_units) / sizeof(size_units[0]),
    DURATION_UNITS = sizeof(duration_units) / sizeof(duration_units[0])
};

static const struct unit *units_of(enum setting_type type, int *count)
{
    *count = type == SETTING_SIZE ? SIZE_UNITS : DURATION_UNITS;
    return type == SETTING_SIZE ? size_units : duration_units;
}

/* 15m, 2 GiB, 512: a whole number, perhaps a blank, and a unit; a size may lack it. */
static bool read_with_unit(struct str s, enum setting_type type, int64_t *out)
{
    ptrdiff_t digits = 0;
    while (digits < s.len && s.at[digits] >= '0' && s.at[digits] <= '9')
        digits++;
    int64_t n;
    if (!str_to_integer(str_slice(s, 0, digits), &n))
        return false;
    struct str name = str_trim(str_slice(s, digits, s.len));
    int count;
    const struct unit *units = units_of(type, &count);
    int i = 0;
    while (i < count && !str_equal_fold(name, str_from(units[i].name)))
        i++;
    if (i == count && (name.len > 0 || (type == SETTING_DURATION && n != 0)))
        return false;
    return !__builtin_mul_overflow(n, i == count ? 1 : units[i].size, out);
}

bool duration_read(struct str s, int64_t *seconds)
{
    int64_t n;
    /* A hundred years: microseconds of it fit, too. */
    if (!read_with_unit(s, SETTING_DURATION, &n) || n < 0 || n > 100 * 365 * INT64_C(86400))
        return false;
    *seconds = n;
    return true;
}

static struct str show_with_unit(int64_t n, enum setting_type type, struct arena *arena)
{
    int count;
    const struct unit *units = units_of(type, &count);
    int i = 0;
    while (i < count - 1 && (n == 0 || n % units[i].size != 0))
        i++;
    return arena_format(arena, "%" PRId64 "%s", n / units[i].size,
                        i == count - 1 && type == SETTING_SIZE ? "" : units[i].name);
}

static bool read_boolean(struct str s, bool *out)
{
    static const char *const yes[] = { "true", "1", "yes", "on" }, *const no[] = { "false", "0", "no", "off" };
    for (int i = 0; i < 4; i++) {
        bool is_yes = str_equal_fold(s, str_from(yes[i]));
        if (is_yes || str_equal_fold(s, str_from(no[i]))) {
            *out = is_yes;
            return true;
        }
    }
    return false;
}

static bool read_choice(const struct setting *row, struct str s, unsigned *out)
{
    for (unsigned i = 0; row->choices[i]; i++) {
        if (str_equal_fold(s, str_from(row->choices[i]))) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool is_limited(const struct setting *row)
{
    return row->min != 0 || row->max != 0;
}

static bool is_within(const struct setting *row, int64_t n)
{
    return !is_limited(row) || (n >= row->min && n <= row->max);
}

static bool read_text(const struct setting *row, struct str value, bool given, struct arena *arena, struct str *out)
{
    if (!str_is_utf8(value) || (given && !is_within(row, str_code_points(value))))
        return false;
    *out = arena_copy(arena, value);
    return true;
}

static bool read_number(const struct setting *row, struct str value, bool given, int64_t *out)
{
    int64_t n;
    bool good = row->type == SETTING_INTEGER ? str_to_integer(value, &n) : read_with_unit(value, row->type, &n);
    if (!good || (given && !is_within(row, n)))
        return false;
    *out = n;
    return true;
}

const char *setting_read(const struct setting *row, struct str value, bool given, struct arena *arena, void *config)
{
    void *member = (char *)config + row->offset;
    bool good = false;
    switch (row->type) {
    case SETTING_TEXT:
        good = read_text(row, value, given, arena, member);
        break;
    case SETTING_BOOLEAN:
        good = read_boolean(value, member);
        break;
    case SETTING_CHOICE:
        good = read_choice(row, value, member);
        break;
    case SETTING_INTEGER:
    case SETTING_SIZE:
    case SETTING_DURATION:
        good = read_number(row, value, given, member);
        break;
    }
    if (good)
        return NULL;
    struct text wrong;
    text_init(&wrong, 4096);
    text_put(&wrong, S("must be "));
    setting_put_type(row, &wrong);
    const char *told = arena_cstring(arena, text_str(&wrong));
    text_release(&wrong);
    return told;
}

static void put_limits(const struct setting *row, struct text *out)
{
    if (!is_limited(row))
        return;
    struct arena arena;
    arena_init(&arena);
    bool units = row->type == SETTING_SIZE || row->type == SETTING_DURATION;
    struct str min = units ? show_with_unit(row->min, row->type, &arena) : arena_format(&arena, "%" PRId64, row->min);
    struct str max = units ? show_with_unit(row->max, row->type, &arena) : arena_format(&arena, "%" PRId64, row->max);
    if (row->max == INT64_MAX)
        text_format(out, ", at least %.*s", STR_FMT(min));
    else
        text_format(out, " from %.*s to %.*s", STR_FMT(min), STR_FMT(max));
    arena_release(&arena);
}

void setting_put_type(const struct setting *row, struct text *out)
{
    switch (row->type) {
    case SETTING_TEXT:
        text_put(out, S("text"));
        if (is_limited(row) && row->min == 0)
            text_format(out, " of at most %" PRId64 " characters", row->max);
        else if (is_limited(row))
            text_format(out, " of %" PRId64 " to %" PRId64 " characters", row->min, row->max);
        return;
    case SETTING_BOOLEAN:
        text_put(out, S("true or false"));
        return;
    case SETTING_CHOICE:
        text_put(out, S("one of "));
        for (int i = 0; row->choices[i]; i++)
            text_format(out, "%s%s", i ? ", " : "", row->choices[i]);
        return;
    case SETTING_INTEGER:
        text_put(out, S("a whole number"));
        break;
    case SETTING_SIZE:
        text_put(out, S("a size (512, 64KiB, 100MB, 2GiB)"));
        break;
    case SETTING_DURATION:
        text_put(out, S("a duration (90s, 15m, 12h, 30d)"));
        break;
    }
    put_limits(row, out);
}

static struct str show(const struct setting *row, const void *member, struct arena *arena)
{
    int64_t n = 0;
    switch (row->type) {
    case SETTING_TEXT:
        return *(const struct str *)member;
    case SETTING_BOOLEAN:
        return *(const bool *)member ? S("true") : S("false");
    case SETTING_CHOICE:
        return str_from(row->choices[*(const unsigned *)member]);
    case SETTING_INTEGER:
        memcpy(&n, member, sizeof(n));
        return arena_format(arena, "%" PRId64, n);
    case SETTING_SIZE:
    case SETTING_DURATION:
        memcpy(&n, member, sizeof(n));
        break;
    }
    return show_with_unit(n, row->type, arena);
}

struct str settings_value(const struct setting *row, const void *config, struct arena *arena)
{
    struct str value = show(row, (const char *)config + row->offset, arena);
    return row->flags & SETTING_SECRET && !str_is_empty(value) ? S("********") : value;
}
