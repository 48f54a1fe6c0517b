/* settings.h - configuration from one table.
 *
 *     static const struct setting rows[] = {
 *         SETTING(struct config, port, INTEGER, "PORT", "8000", .min = 1, .max = 65535, .doc = "TCP port."),
 *         ...
 *     };
 *     settings_load(rows, n, ".env", &config, &arena, &problems)
 *
 * A row says name, type, default, limits and doc; the environment, `.env`, `--help`, `.env.example`, the masked
 * `config` listing and validation are walks over the rows. The environment wins over `.env`, which wins over the
 * default. An empty value counts as not set. Loading reports every problem at once.
 */
#ifndef ROENTGEN_SETTINGS_H
#define ROENTGEN_SETTINGS_H

#include "base/error.h"
#include "base/text.h"

enum setting_type {
    SETTING_TEXT,    /* struct str */
    SETTING_INTEGER, /* int64_t */
    SETTING_BOOLEAN, /* bool: true/false, 1/0, yes/no, on/off */
    SETTING_CHOICE,  /* unsigned: index into choices */
    SETTING_SIZE,    /* int64_t bytes: 512, 64KiB, 2GiB, 100MB */
    SETTING_DURATION /* int64_t seconds: 90s, 15m, 12h, 30d; the unit is demanded, but for 0 */
};

enum setting_flag {
    SETTING_SECRET = 1,   /* masked wherever settings are shown */
    SETTING_REQUIRED = 2, /* no default: must be given */
    SETTING_RELOAD = 4    /* SIGHUP takes a new value */
};

struct setting {
    const char *name; /* as in the environment */
    enum setting_type type;
    size_t offset;
    const char *fallback; /* default, as text; NULL with SETTING_REQUIRED */
    unsigned flags;
    int64_t min, max; /* number, bytes, seconds, or code points of text; both 0: unchecked */
    const char *const *choices;
    const char *group; /* heading in .env.example and --help */
    const char *doc;
};

#define SETTING(T, member, TYPE, NAME, FALLBACK, ...) \
    { \
        .name = NAME, .type = SETTING_##TYPE, .offset = offsetof(T, member), .fallback = FALLBACK, __VA_ARGS__ \
    }

/* Seconds of "90s", "15m", "12h", "30d": a whole number and its unit, which only 0 may lack, since who writes 3 for
 * three days must not get three seconds. Every duration that a person types is read by this. False: it is none, or too
 * large. */
bool duration_read(struct str s, int64_t *seconds);

/* What loading found: problems stop the start, warnings (a name in `.env` that no row has, with the nearest
 * row's name) do not. */
struct settings_report {
    struct text problems; /* one line each */
    struct text warnings;
};
void settings_report_init(struct settings_report *report);
void settings_report_release(struct settings_report *report);

/* Reads `env_file` (may be absent) and the process environment into *config. False when a problem was found. */
bool settings_load(const struct setting *rows, int count, const char *env_file, void *config, struct arena *arena,
                   struct settings_report *report);

void settings_print_example(const struct setting *rows, int count, struct text *out); /* .env.example */
/* NAME=value lines as in force, secrets as ********. */
void settings_print(const struct setting *rows, int count, const void *config, struct text *out);
/* One setting's value as text, masked if secret. */
struct str settings_value(const struct setting *row, const void *config, struct arena *arena);

#endif
