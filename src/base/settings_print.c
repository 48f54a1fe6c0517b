/* settings_print.c - the table of settings for people: `.env.example`, help, and what is in force. */
#include "base/setting_value.h"

static bool starts_group(const struct setting *rows, int i)
{
    return rows[i].group && (i == 0 || !str_equal(str_from(rows[i].group), str_from(rows[i - 1].group)));
}

/* So that dotenv.c reads the same back. */
static void put_env_value(struct text *out, struct str value)
{
    bool plain = true;
    for (ptrdiff_t i = 0; i < value.len; i++)
        plain = plain && value.at[i] > ' ' && !strchr("\"'\\#$`;&|<>()*?", value.at[i]);
    if (plain) {
        text_put(out, value);
        return;
    }
    static const char special[] = "\n\r\t\"\\$", escaped[] = "nrt\"\\$";
    text_put_char(out, '"');
    for (ptrdiff_t i = 0; i < value.len; i++) {
        const char *found = memchr(special, value.at[i], sizeof(special) - 1);
        if (found)
            text_put_char(out, '\\');
        text_put_char(out, found ? escaped[found - special] : value.at[i]);
    }
    text_put_char(out, '"');
}

void settings_print_example(const struct setting *rows, int count, struct text *out)
{
    text_put(out, S("# Settings of Roentgen. Copy this file to .env; lines that stay comments keep their defaults.\n"
                    "# The process environment wins over .env.\n"));
    for (int i = 0; i < count; i++) {
        const struct setting *row = &rows[i];
        if (starts_group(rows, i))
            text_format(out, "\n# ===== %s =====\n", row->group);
        text_format(out, "\n# %s\n# ", row->doc ? row->doc : row->name);
        setting_put_type(row, out);
        text_put(out, row->flags & SETTING_REQUIRED ? S("; required") : STR_NULL);
        text_put(out, row->flags & SETTING_RELOAD ? S("; SIGHUP takes a new value") : STR_NULL);
        text_format(out, "\n%s%s=", row->flags & SETTING_REQUIRED ? "" : "# ", row->name);
        if (!(row->flags & SETTING_REQUIRED))
            put_env_value(out, str_from(row->fallback));
        text_put_char(out, '\n');
    }
}

void settings_print(const struct setting *rows, int count, const void *config, struct text *out)
{
    struct arena arena;
    arena_init(&arena);
    for (int i = 0; i < count; i++) {
        text_format(out, "%s=", rows[i].name);
        put_env_value(out, settings_value(&rows[i], config, &arena));
        text_put_char(out, '\n');
    }
    arena_release(&arena);
}
