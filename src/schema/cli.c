/* cli.c - records from the words of a command line, and the help that names them. */
#include "schema/cli.h"

#include "schema/kinds.h"

#include <ctype.h>
#include <inttypes.h>

static const char place[] = "command line";

struct words {
    int argc;
    char **argv;
    int next;
    bool only_bare; /* after "--" */
};

/* "page-size" is page_size. Options that were not asked for by that name stay unknown. */
static int find_option(const struct schema *schema, struct str name)
{
    for (int i = 0; i < schema->count; i++) {
        struct str field = str_from(schema->fields[i].name);
        bool same = field.len == name.len && !(schema->fields[i].flags & READ_ONLY);
        for (ptrdiff_t k = 0; k < name.len && same; k++)
            same = field.at[k] == name.at[k] || (field.at[k] == '_' && name.at[k] == '-');
        if (same)
            return i;
    }
    return -1;
}

static bool refuse(struct call *c, struct str name, const char *type, const char *message)
{
    return error_add_problem(&c->error, &c->arena, place, name, type, "%s", message);
}

/* Takes one `--option`, and the word after it if that is its value. */
static void take_option(struct call *c, struct words *words, const struct schema *schema, void *record, uint64_t *given,
                        uint64_t *seen)
{
    struct str name, text = str_from(words->argv[words->next++]);
    struct str value;
    bool inline_value = str_cut(str_slice(text, 2, text.len), '=', &name, &value);
    int index = find_option(schema, name);
    if (index < 0) {
        refuse(c, name, "unknown", "is not an option of this command");
        return;
    }
    const struct field *field = &schema->fields[index];
    if (!inline_value && field->kind == &kind_boolean) {
        value = S("true");
    } else if (!inline_value) {
        if (words->next == words->argc || strncmp(words->argv[words->next], "--", 2) == 0) {
            *seen |= GIVEN(index);
            refuse(c, str_from(field->name), "missing_value", "needs a value");
            return;
        }
        value = str_from(words->argv[words->next++]);
    }
    if (*seen & GIVEN(index))
        refuse(c, str_from(field->name), "duplicate", "is given twice");
    else if (field_take(c, field, record, value_text(value), place, S("")))
        *given |= GIVEN(index);
    *seen |= GIVEN(index);
}

/* The bare words that are left, for the positional field that takes all of them. */
static void take_rest(struct call *c, const struct field *field, void *record, const struct str *bare, int count)
{
    struct str message = STR_NULL;
    const char *trouble = list_check_count(field, count, &c->arena, &message);
    struct str *items = arena_array(&c->arena, struct str, count);
    for (int i = 0; i < count && !trouble; i++)
        trouble = texts_take_item(field, bare[i], &c->arena, &items[i], &message);
    if (trouble)
        error_add_problem(&c->error, &c->arena, place, str_from(field->name), trouble, "%.*s", STR_FMT(message));
    else
        *(struct texts *)(void *)((char *)record + field->offset) = (struct texts){ items, count };
}

static void take_bare(struct call *c, const char *positional, const struct schema *schema, void *record,
                      const struct str *bare, int count, uint64_t *given, uint64_t *seen)
{
    struct str names = str_from(positional), name;
    int used = 0;
    while (names.len && used < count) {
        str_cut(names, ',', &name, &names);
        int index = schema_find(schema, name);
        if (index < 0)
            continue;
        const struct field *field = &schema->fields[index];
        int problems = c->error.problem_count;
        if (field->kind == &kind_texts) {
            take_rest(c, field, record, bare + used, count - used);
            used = count;
        } else if (*seen & GIVEN(index)) {
            refuse(c, name, "duplicate", "is given twice");
            used++;
        } else {
            field_take(c, field, record, value_text(bare[used++]), place, S(""));
        }
        *seen |= GIVEN(index);
        if (c->error.problem_count == problems)
            *given |= GIVEN(index);
    }
    for (; used < count; used++)
        refuse(c, bare[used], "unknown", "this command takes no such word");
}

bool cli_decode(struct call *c, int argc, char **argv, const char *positional, const struct schema *schema,
                void *record, uint64_t *given)
{
    struct words words = { .argc = argc, .argv = argv };
    struct str *bare = arena_array(&c->arena, struct str, argc + 1);
    uint64_t taken = 0, seen = 0;
    int bare_count = 0;
    while (words.next < argc) {
        const char *word = argv[words.next];
        if (words.only_bare || strncmp(word, "--", 2) != 0) {
            bare[bare_count++] = str_from(word);
            words.next++;
        } else if (!word[2]) {
            words.only_bare = true;
            words.next++;
        } else {
            take_option(c, &words, schema, record, &taken, &seen);
        }
    }
    take_bare(c, positional, schema, record, bare, bare_count, &taken, &seen);
    schema_finish(c, schema, record, taken, seen, false, place, S(""));
    if (c->error.code != E_NONE)
        return false;
    *given = taken;
    return true;
}

/* ---- help ---- */

static bool is_positional(const char *positional, const char *name)
{
    struct str rest = str_from(positional), one;
    while (str_next(&rest, ',', &one))
        if (str_equal(one, str_from(name)))
            return true;
    return false;
}

/* "page_size" as "page-size" or "PAGE-SIZE". */
static void put_name(struct text *out, const char *name, bool upper)
{
    for (; *name; name++)
        text_put_char(out, *name == '_' ? '-' : upper ? (char)toupper((unsigned char)*name) : *name);
}

static void put_choices(struct text *out, const char *const *choices)
{
    for (int i = 0; choices[i]; i++) {
        text_put(out, i ? S("|") : S(""));
        text_put(out, str_from(choices[i]));
    }
}

static void put_limits(struct text *out, const struct field *field)
{
    bool has_limits = (field->min || field->max) && field->kind != &kind_text;
    if (!has_limits && !field->fallback && !(field->flags & REQUIRED))
        return;
    const char *separator = " (";
    bool counts = field->kind != &kind_integer && field->kind != &kind_real;
    if (has_limits && counts && field->min == 0)
        text_format(out, " (at most %" PRId64, field->max);
    else if (has_limits && field->max > field->min)
        text_format(out, " (%" PRId64 " to %" PRId64, field->min, field->max);
    else if (has_limits)
        text_format(out, " (at least %" PRId64, field->min);
    if (has_limits)
        separator = "; ";
    if (field->fallback)
        text_format(out, "%sdefault %s", separator, field->fallback);
    else if (field->flags & REQUIRED)
        text_format(out, "%srequired", separator);
    text_put_char(out, ')');
}

static void put_option(struct text *out, const struct field *field, bool bare)
{
    text_put(out, bare ? S("  ") : S("  --"));
    put_name(out, field->name, bare);
    if (!bare && field->kind != &kind_boolean) {
        text_put_char(out, ' ');
        if (field->choices && field->kind != &kind_texts)
            put_choices(out, field->choices);
        else
            put_name(out, field->kind->name, true);
    }
    text_put(out, S("\n        "));
    text_put(out, str_from(field->doc));
    put_limits(out, field);
    text_put_char(out, '\n');
}

void cli_print_help(struct text *out, const char *command, const char *positional, const struct schema *schema)
{
    text_format(out, "Usage: roentgen %s", command);
    int options = 0;
    for (int i = 0; i < schema->count; i++)
        options += !(schema->fields[i].flags & READ_ONLY) && !is_positional(positional, schema->fields[i].name);
    text_put(out, options ? S(" [options]") : S(""));
    for (struct str rest = str_from(positional), name; str_next(&rest, ',', &name);) {
        int index = schema_find(schema, name);
        if (index < 0)
            continue;
        const struct field *field = &schema->fields[index];
        bool required = field->flags & REQUIRED;
        text_put(out, required ? S(" ") : S(" ["));
        put_name(out, field->name, true);
        text_put(out, field->kind == &kind_texts ? S("...") : S(""));
        text_put(out, required ? S("") : S("]"));
    }
    text_put_char(out, '\n');
    if (schema->doc)
        text_format(out, "\n%s\n", schema->doc);
    text_put(out, schema->count ? S("\n") : S(""));
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (!(field->flags & READ_ONLY))
            put_option(out, field, is_positional(positional, field->name));
    }
}
