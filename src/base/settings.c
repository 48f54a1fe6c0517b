/* settings.c - from the environment and `.env` to a struct: finding values, and the names nobody knows. */
#include "base/settings.h"

#include "base/dotenv.h"
#include "base/file.h"
#include "base/setting_value.h"

#include <unistd.h>

enum { REPORT_MAX_BYTES = 256 * 1024, ENV_FILE_MAX_BYTES = 1024 * 1024, NAME_MAX_BYTES = 64, FAR = 99 };

void settings_report_init(struct settings_report *report)
{
    text_init(&report->problems, REPORT_MAX_BYTES);
    text_init(&report->warnings, REPORT_MAX_BYTES);
}

void settings_report_release(struct settings_report *report)
{
    text_release(&report->problems);
    text_release(&report->warnings);
}

/* --- names nobody knows --- */

static unsigned char upper(char c)
{
    return (unsigned char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
}

static int least(int a, int b, int c)
{
    int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance, letters without case: how many characters to put in, take out or change. */
static int distance(struct str a, struct str b)
{
    if (a.len > NAME_MAX_BYTES || b.len > NAME_MAX_BYTES)
        return FAR;
    int row[NAME_MAX_BYTES + 1] = { 0 };
    for (int j = 0; j <= (int)b.len; j++)
        row[j] = j;
    for (int i = 1; i <= (int)a.len; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= (int)b.len; j++) {
            int above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (upper(a.at[i - 1]) != upper(b.at[j - 1])));
            diagonal = above;
        }
    }
    return row[b.len];
}

/* NULL when nothing is near: a third of the letters may differ. */
static const char *nearest(const struct setting *rows, int count, struct str name)
{
    const char *best = NULL;
    int best_distance = FAR;
    struct str bare = str_starts(name, S("ROENTGEN_")) ? str_slice(name, 9, name.len) : name;
    for (int i = 0; i < count; i++) {
        int d = distance(bare, str_from(rows[i].name));
        if (d < best_distance) {
            best = rows[i].name;
            best_distance = d;
        }
    }
    return best_distance <= 1 + (int)bare.len / 3 ? best : NULL;
}

static bool is_known(const struct setting *rows, int count, struct str name)
{
    for (int i = 0; i < count; i++) {
        if (str_equal(name, str_from(rows[i].name)))
            return true;
    }
    return false;
}

static void warn_unknown(const struct setting *rows, int count, struct str name, struct str where,
                         struct text *warnings)
{
    if (is_known(rows, count, name))
        return;
    const char *near = nearest(rows, count, name);
    text_format(warnings, "%.*s: no setting is called %.*s", STR_FMT(where), STR_FMT(str_slice(name, 0, 100)));
    if (near)
        text_format(warnings, "; is %s meant?", near);
    text_put_char(warnings, '\n');
}

static void warn_about_names(const struct setting *rows, int count, const char *env_file,
                             const struct dotenv_line *lines, struct arena *arena, struct text *warnings)
{
    for (const struct dotenv_line *line = lines; line; line = line->next)
        warn_unknown(rows, count, line->name, arena_format(arena, "%s line %d", env_file, line->number), warnings);
    for (char **entry = environ; entry && *entry; entry++) {
        struct str name, value;
        /* The environment is everybody's: only names that look like ours are looked at. */
        if (str_cut(str_from(*entry), '=', &name, &value) && str_starts(name, S("ROENTGEN_")) && str_is_utf8(name))
            warn_unknown(rows, count, name, S("environment"), warnings);
    }
}

/* --- values --- */

static struct dotenv_line *read_env_file(const char *env_file, struct arena *arena, struct text *problems)
{
    if (!env_file || access(env_file, F_OK) != 0)
        return NULL;
    struct str content;
    struct error error = { 0 };
    if (!file_read_whole(env_file, ENV_FILE_MAX_BYTES, arena, &content, &error)) {
        text_format(problems, "%s: %s\n", env_file, error.message);
        return NULL;
    }
    return dotenv_parse(content, env_file, arena, problems);
}

/* As text; null when neither place sets it. */
static struct str find_value(const char *name, const struct dotenv_line *lines)
{
    struct str value = str_from(getenv(name));
    if (!str_is_empty(value))
        return value;
    value = STR_NULL;
    for (const struct dotenv_line *line = lines; line; line = line->next) {
        if (str_equal(line->name, str_from(name)))
            value = line->value;
    }
    return str_is_empty(value) ? STR_NULL : value;
}

/* Says where it was looked for: most often the program was started in another folder than the one that has the file. */
static void put_missing(const struct setting *row, const char *env_file, const struct dotenv_line *lines,
                        struct text *problems)
{
    char folder[4096] = "";
    text_format(problems, "%s: must be set, in the environment", row->name);
    if (env_file && (env_file[0] == '/' || getcwd(folder, sizeof(folder))))
        text_format(problems, " or in %s%s%s, which %s", folder, folder[0] ? "/" : "", env_file,
                    lines ? "does not set it" : "is not there or is empty");
    text_put_char(problems, '\n');
}

bool settings_load(const struct setting *rows, int count, const char *env_file, void *config, struct arena *arena,
                   struct settings_report *report)
{
    ptrdiff_t before = report->problems.len;
    struct dotenv_line *lines = read_env_file(env_file, arena, &report->problems);
    for (int i = 0; i < count; i++) {
        const struct setting *row = &rows[i];
        struct str value = find_value(row->name, lines);
        if (str_is_null(value) && row->flags & SETTING_REQUIRED) {
            put_missing(row, env_file, lines, &report->problems);
            continue;
        }
        bool given = !str_is_null(value);
        if (!given)
            value = str_from(row->fallback);
        const char *wrong = setting_read(row, value, given, arena, config);
        if (wrong)
            text_format(&report->problems, "%s: %s\n", row->name, wrong);
    }
    warn_about_names(rows, count, env_file, lines, arena, &report->warnings);
    return report->problems.len == before && !report->problems.overflowed;
}
