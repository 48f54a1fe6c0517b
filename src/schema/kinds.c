/* kinds.c - the kinds that hold one value: text, integer, boolean, real, choice, instant, date. */
#include "schema/kinds.h"

#include "base/text.h"
#include "base/zone.h"

#include <inttypes.h>
#include <math.h>

#define MEMBER(T) (*(T *)member)
#define MEMBER_CONST(T) (*(const T *)member)

const char *kind_mismatch(const struct kind *kind, struct str *message)
{
    static const struct {
        const struct kind *kind;
        const char *type;
        const char *message;
    } rows[] = {
        { &kind_text, "not_text", "must be text" },
        { &kind_integer, "not_an_integer", "must be an integer" },
        { &kind_boolean, "not_a_boolean", "must be true or false" },
        { &kind_real, "not_a_number", "must be a number" },
        { &kind_choice, "not_a_choice", "must be one of the listed names" },
        { &kind_instant, "not_an_instant", "must be a date such as 2026-01-05 or a time such as 2026-01-05T14:30:22Z" },
        { &kind_date, "not_a_date", "must be a date such as 2026-01-05" },
        { &kind_object, "not_an_object", "must be an object" },
        { &kind_list, "not_a_list", "must be a list of objects" },
        { &kind_texts, "not_a_list", "must be a list of texts" },
        { &kind_integers, "not_a_list", "must be a list of integers" },
        { &kind_counts, "not_an_object", "must be an object of integers" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].kind == kind) {
            *message = str_from(rows[i].message);
            return rows[i].type;
        }
    }
    *message = S("must be valid JSON");
    return "not_json";
}

struct limits field_limits(const struct field *field)
{
    struct limits own = { 0, LIST_ITEMS_MAX };
    if (field->kind == &kind_integer)
        own = (struct limits){ -INT64_MAX, INT64_MAX }; /* INT64_MIN is the null */
    else if (field->kind == &kind_text)
        own.max = TEXT_CODE_POINTS_MAX;
    else if (field->kind == &kind_json)
        own.max = JSON_BYTES_MAX;
    if (!field->min && !field->max)
        return own;
    return (struct limits){ field->min == INT64_MIN ? -INT64_MAX : field->min,
                            field->max >= field->min ? field->max : own.max };
}

void field_real_limits(const struct field *field, double *min, double *max)
{
    bool free = !field->min && !field->max;
    *min = free ? -REAL_MOST : (double)field->min;
    *max = free || field->max < field->min ? REAL_MOST : (double)field->max;
}

/* ---- text ---- */

static void text_clear_member(const struct field *field, void *member)
{
    (void)field;
    MEMBER(struct str) = STR_NULL;
}

static struct value text_get(const struct field *field, const void *member, struct arena *arena)
{
    (void)field, (void)arena;
    return value_text(MEMBER_CONST(struct str));
}

static bool is_control(unsigned char byte)
{
    return (byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') || byte == 0x7f;
}

const char *text_check(struct str s, int64_t max, struct arena *arena, struct str *message)
{
    if (!str_is_utf8(s)) {
        *message = S("must be valid UTF-8");
        return "not_utf8";
    }
    for (ptrdiff_t i = 0; i < s.len; i++) {
        if (is_control((unsigned char)s.at[i])) {
            *message = S("must not hold control characters other than tab and line ends");
            return "control_character";
        }
    }
    if (str_code_points(s) > max) {
        *message = arena_format(arena, "must have at most %" PRId64 " characters", max);
        return "too_long";
    }
    return NULL;
}

const char *choice_refuse(const char *const *choices, struct arena *arena, struct str *message)
{
    struct text names;
    text_init(&names, 4096);
    text_put(&names, S("must be one of "));
    for (int i = 0; choices && choices[i]; i++) {
        text_put(&names, i ? S(", ") : S(""));
        text_put(&names, str_from(choices[i]));
    }
    *message = arena_copy(arena, text_str(&names));
    text_release(&names);
    return "not_a_choice";
}

/* What an empty text means depends on the flags: the null, itself, or a problem. */
static const char *text_set_empty(const struct field *field, void *member, int64_t min, struct str *message)
{
    bool keep = field->flags & KEEP_EMPTY;
    if (!keep && !(field->flags & REQUIRED)) {
        MEMBER(struct str) = STR_NULL;
        return NULL;
    }
    if (min > 0) {
        *message = S("must not be empty");
        return "too_short";
    }
    if (!keep) {
        *message = S("is required");
        return "missing";
    }
    MEMBER(struct str) = S("");
    return NULL;
}

/* The upper limit counts the text as sent, the lower one what is left after trimming: so OpenAPI's maxLength and
 * pattern say exactly what is taken. */
static const char *text_set(const struct field *field, void *member, struct value value, struct arena *arena,
                            struct str *message)
{
    if (value.type != VALUE_TEXT)
        return kind_mismatch(field->kind, message);
    struct limits limits = field_limits(field);
    const char *trouble = text_check(value.text, limits.max, arena, message);
    if (trouble)
        return trouble;
    struct str s = value.text;
    if (!(field->flags & KEEP_SPACES) && !field->choices)
        s = str_trim(s);
    if (s.len == 0)
        return text_set_empty(field, member, limits.min, message);
    if (str_code_points(s) < limits.min) {
        *message = arena_format(arena, "must have at least %" PRId64 " characters", limits.min);
        return "too_short";
    }
    if (field->choices && !choice_of(field->choices, s))
        return choice_refuse(field->choices, arena, message);
    if (field->rule && (trouble = field->rule->check(s, arena, message)))
        return trouble;
    MEMBER(struct str) = arena_copy(arena, s);
    return NULL;
}

static bool text_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    (void)field, (void)arena;
    if (value.type != VALUE_TEXT && value.type != VALUE_NOTHING)
        return false;
    MEMBER(struct str) = value.type == VALUE_TEXT ? value.text : STR_NULL;
    return true;
}

const struct kind kind_text = {
    "text", "string", NULL, sizeof(struct str), text_clear_member, text_get, text_get, text_set, text_load,
};

/* ---- integer ---- */

static void integer_clear(const struct field *field, void *member)
{
    (void)field;
    MEMBER(int64_t) = INTEGER_NULL;
}

static struct value integer_get(const struct field *field, const void *member, struct arena *arena)
{
    (void)field, (void)arena;
    return value_integer(MEMBER_CONST(int64_t));
}

/* Digits that do not fit 64 bits are an integer all the same, only too large a one. */
static bool is_digits(struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    }
    return s.len > 0;
}

static const char *integer_out_of_range(const struct limits *limits, bool below, struct arena *arena,
                                        struct str *message)
{
    *message = below ? arena_format(arena, "must be at least %" PRId64, limits->min)
                     : arena_format(arena, "must be at most %" PRId64, limits->max);
    return below ? "too_small" : "too_large";
}

static const char *integer_set(const struct field *field, void *member, struct value value, struct arena *arena,
                               struct str *message)
{
    struct limits limits = field_limits(field);
    int64_t n = 0;
    if (value.type == VALUE_INTEGER) {
        n = value.integer;
    } else if (value.type == VALUE_REAL && fabs(value.real) >= 0x1p63) {
        return integer_out_of_range(&limits, value.real < 0, arena, message);
    } else if (value.type == VALUE_REAL && value.real == nearbyint(value.real)) {
        n = (int64_t)value.real; /* 1.0 is an integer (JSON Schema 2020-12 Validation 6.1.1) */
    } else if (value.type == VALUE_TEXT) {
        bool negative = str_starts(value.text, S("-"));
        if (!is_digits(str_slice(value.text, negative, value.text.len)))
            return kind_mismatch(field->kind, message);
        if (!str_to_integer(value.text, &n))
            return integer_out_of_range(&limits, negative, arena, message);
    } else {
        return kind_mismatch(field->kind, message);
    }
    if (n < limits.min || n > limits.max)
        return integer_out_of_range(&limits, n < limits.min, arena, message);
    MEMBER(int64_t) = n;
    return NULL;
}

/* Sums arrive as DECIMAL text from MariaDB. */
static bool integer_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    (void)field, (void)arena;
    int64_t n = INTEGER_NULL;
    if (value.type == VALUE_INTEGER)
        n = value.integer;
    else if (value.type == VALUE_BOOLEAN)
        n = value.boolean;
    else if (value.type == VALUE_REAL && fabs(value.real) < 0x1p63 && value.real == nearbyint(value.real))
        n = (int64_t)value.real;
    else if (value.type != VALUE_NOTHING && !(value.type == VALUE_TEXT && str_to_integer(value.text, &n)))
        return false;
    MEMBER(int64_t) = n;
    return true;
}

const struct kind kind_integer = {
    "integer", "integer", "int64", sizeof(int64_t), integer_clear, integer_get, integer_get, integer_set, integer_load,
};

/* ---- boolean ---- */

static void boolean_clear(const struct field *field, void *member)
{
    (void)field;
    MEMBER(bool) = false;
}

static struct value boolean_get(const struct field *field, const void *member, struct arena *arena)
{
    (void)field, (void)arena;
    return value_boolean(MEMBER_CONST(bool));
}

static struct value boolean_store(const struct field *field, const void *member, struct arena *arena)
{
    (void)field, (void)arena;
    return value_integer(MEMBER_CONST(bool) ? 1 : 0);
}

static const char *boolean_set(const struct field *field, void *member, struct value value, struct arena *arena,
                               struct str *message)
{
    (void)arena;
    if (value.type == VALUE_BOOLEAN) {
        MEMBER(bool) = value.boolean;
        return NULL;
    }
    bool text = value.type == VALUE_TEXT;
    bool yes = text && (str_equal(value.text, S("true")) || str_equal(value.text, S("1")));
    bool no = text && (str_equal(value.text, S("false")) || str_equal(value.text, S("0")));
    if (!yes && !no)
        return kind_mismatch(field->kind, message);
    MEMBER(bool) = yes;
    return NULL;
}

static bool boolean_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    (void)field, (void)arena;
    if (value.type == VALUE_BOOLEAN)
        MEMBER(bool) = value.boolean;
    else if (value.type == VALUE_INTEGER)
        MEMBER(bool) = value.integer != 0;
    else if (value.type == VALUE_NOTHING)
        MEMBER(bool) = false;
    else
        return false;
    return true;
}

const struct kind kind_boolean = {
    "boolean", "boolean", NULL, sizeof(bool), boolean_clear, boolean_get, boolean_store, boolean_set, boolean_load,
};

/* ---- real ---- */

static void real_clear(const struct field *field, void *member)
{
    (void)field;
    MEMBER(double) = (double)NAN;
}

static struct value real_get(const struct field *field, const void *member, struct arena *arena)
{
    (void)field, (void)arena;
    return value_real(MEMBER_CONST(double));
}

static const char *real_set(const struct field *field, void *member, struct value value, struct arena *arena,
                            struct str *message)
{
    double n = 0;
    if (value.type == VALUE_REAL)
        n = value.real;
    else if (value.type == VALUE_INTEGER)
        n = (double)value.integer;
    else if (value.type != VALUE_TEXT || !str_to_real(value.text, &n))
        return kind_mismatch(field->kind, message);
    double min = 0, max = 0;
    field_real_limits(field, &min, &max);
    if (n < min) {
        *message = arena_format(arena, "must be at least %g", min);
        return "too_small";
    }
    if (!(n <= max)) {
        *message = arena_format(arena, "must be at most %g", max);
        return "too_large";
    }
    MEMBER(double) = n == 0 ? 0 : n; /* minus zero, written "-0", would come back without its sign: zero has none */
    return NULL;
}

static bool real_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    (void)field, (void)arena;
    double n = (double)NAN;
    if (value.type == VALUE_REAL)
        n = value.real;
    else if (value.type == VALUE_INTEGER)
        n = (double)value.integer;
    else if (value.type != VALUE_NOTHING && !(value.type == VALUE_TEXT && str_to_real(value.text, &n)))
        return false;
    MEMBER(double) = n;
    return true;
}

const struct kind kind_real = {
    "real", "number", "double", sizeof(double), real_clear, real_get, real_get, real_set, real_load,
};

/* ---- choice ---- */

static void choice_clear(const struct field *field, void *member)
{
    (void)field;
    MEMBER(unsigned) = 0;
}

static struct value choice_get(const struct field *field, const void *member, struct arena *arena)
{
    (void)arena;
    return value_text(choice_text(field->choices, MEMBER_CONST(unsigned)));
}

static const char *choice_set(const struct field *field, void *member, struct value value, struct arena *arena,
                              struct str *message)
{
    unsigned choice = value.type == VALUE_TEXT ? choice_of(field->choices, value.text) : 0;
    if (!choice)
        return choice_refuse(field->choices, arena, message);
    MEMBER(unsigned) = choice;
    return NULL;
}

static bool choice_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    (void)arena;
    unsigned choice = 0;
    if (value.type == VALUE_TEXT)
        choice = choice_of(field->choices, value.text);
    if (!choice && value.type != VALUE_NOTHING)
        return false;
    MEMBER(unsigned) = choice;
    return true;
}

const struct kind kind_choice = {
    "choice", "string", NULL, sizeof(unsigned), choice_clear, choice_get, choice_get, choice_set, choice_load,
};

/* ---- instant ---- */

static void instant_clear(const struct field *field, void *member)
{
    (void)field;
    MEMBER(struct instant) = INSTANT_NULL;
}

static struct value instant_get(const struct field *field, const void *member, struct arena *arena)
{
    (void)field;
    struct instant t = MEMBER_CONST(struct instant);
    return instant_is_null(t) ? value_nothing() : value_text(instant_format(t, arena));
}

static struct value instant_store(const struct field *field, const void *member, struct arena *arena)
{
    (void)field, (void)arena;
    return value_instant(MEMBER_CONST(struct instant));
}

static const char *instant_set(const struct field *field, void *member, struct value value, struct arena *arena,
                               struct str *message)
{
    (void)arena;
    struct instant t;
    if (value.type != VALUE_TEXT || !zone_parse(value.text, &t))
        return kind_mismatch(field->kind, message);
    struct date day;
    if ((field->flags & DAY_END) && date_parse(value.text, &day))
        t = (struct instant){ zone_midnight((struct date){ day.days + 1 }).us - 1 };
    MEMBER(struct instant) = t;
    return NULL;
}

static bool instant_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    (void)field, (void)arena;
    if (value.type != VALUE_INTEGER && value.type != VALUE_NOTHING)
        return false;
    MEMBER(struct instant) = value.type == VALUE_INTEGER ? (struct instant){ value.integer } : INSTANT_NULL;
    return true;
}

const struct kind kind_instant = {
    "instant",   "string",      "date-time", sizeof(struct instant), instant_clear,
    instant_get, instant_store, instant_set, instant_load,
};

/* ---- date ---- */

static void date_clear(const struct field *field, void *member)
{
    (void)field;
    MEMBER(struct date) = DATE_NULL;
}

static struct value date_get(const struct field *field, const void *member, struct arena *arena)
{
    (void)field;
    struct date d = MEMBER_CONST(struct date);
    if (date_is_null(d))
        return value_nothing();
    char text[DATE_TEXT_MAX];
    ptrdiff_t len = date_write(d, text);
    return value_text(arena_copy(arena, (struct str){ text, len }));
}

static const char *date_set(const struct field *field, void *member, struct value value, struct arena *arena,
                            struct str *message)
{
    (void)arena;
    struct date d;
    if (value.type != VALUE_TEXT || !date_parse(value.text, &d))
        return kind_mismatch(field->kind, message);
    MEMBER(struct date) = d;
    return NULL;
}

static bool date_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    (void)field, (void)arena;
    struct date d = DATE_NULL;
    if (value.type != VALUE_NOTHING && !(value.type == VALUE_TEXT && date_parse(value.text, &d)))
        return false;
    MEMBER(struct date) = d;
    return true;
}

const struct kind kind_date = {
    "date", "string", "date", sizeof(struct date), date_clear, date_get, date_get, date_set, date_load,
};
