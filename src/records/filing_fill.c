/* filing_fill.c - from a DICOM data set into records: one walk over the field rows, by their tags. */
#include "records/filing.h"

#include "base/folding.h"
#include "base/text.h"

enum { TEXT_MAX = 4000, NAME_MAX = 100, NUMBER_MAX = 64 }; /* code points of any text member, of a name, of a number */
enum { REPLACEMENT = 0xFFFD };                             /* stands for what could not be decoded (charset.h) */

static bool is_control(uint32_t point)
{
    return point < 0x20 || point == 0x7f;
}

/* Of one or many lines, without control characters, cut to `max` code points, ends trimmed; in the arena. */
static struct str clean_text(struct arena *arena, struct str raw, int64_t max)
{
    char *out = arena_alloc(arena, raw.len + 1);
    ptrdiff_t len = 0;
    for (int64_t points = 0; raw.len && points < max; points++) {
        struct str before = raw;
        uint32_t point = str_next_code_point(&raw);
        ptrdiff_t taken = raw.at - before.at;
        if (is_control(point)) {
            out[len++] = ' ';
        } else {
            memcpy(out + len, before.at, (size_t)taken);
            len += taken;
        }
    }
    struct str clean = str_trim((struct str){ out, len });
    return clean.len ? clean : STR_NULL;
}

void filing_clean(struct arena *arena, struct str raw, struct str *out)
{
    *out = clean_text(arena, raw, NAME_MAX);
}

struct str filing_unlike(struct call *c, const struct dicom_dataset *dataset, uint32_t tag, const char *name)
{
    struct str text = str_trim(dicom_text(dataset, tag, &c->arena)),
               is = arena_format(&c->arena, "%s (%04X,%04X)", name, tag >> 16, tag & 0xFFFF);
    int64_t points = 0;
    while (text.len) {
        uint32_t point = str_next_code_point(&text);
        points++;
        if (is_control(point))
            return arena_format(&c->arena, "%.*s has a control character (PS3.5 6.2, LO)", STR_FMT(is));
        if (point == REPLACEMENT)
            return arena_format(&c->arena, "%.*s has bytes that are no text in the file's character set (0008,0005)",
                                STR_FMT(is));
    }
    return points > NUMBER_MAX ? arena_format(&c->arena, "%.*s has %" PRId64 " characters; %d are the most (PS3.5 6.2)",
                                              STR_FMT(is), points, NUMBER_MAX)
                               : STR_NULL;
}

static unsigned choice_by_initial(const char *const *choices, struct str code)
{
    unsigned found = choice_of(choices, code);
    for (unsigned i = 0; !found && code.len == 1 && choices[i]; i++)
        if (choices[i][0] == code.at[0])
            found = i + 1;
    return found;
}

static bool within(const struct field *field, double n)
{
    return (!field->min && !field->max) ||
           (n >= (double)field->min && (field->max < field->min || n <= (double)field->max));
}

static void fill_text(struct call *c, const struct dicom_dataset *dataset, const struct field *field,
                      struct str *member)
{
    const struct dicom_node *node = dicom_find(dataset, field->tag);
    if (!node)
        return;
    struct str text = dicom_text(dataset, field->tag, &c->arena), latin, phonetic;
    if (node->element.vr == VR('P', 'N'))
        filing_person_name(&c->arena, text, &text, &latin, &phonetic);
    text = clean_text(&c->arena, text, field->max > 0 ? field->max : TEXT_MAX);
    if (text.len)
        *member = text;
}

static void fill_integer(const struct dicom_dataset *dataset, const struct field *field, int64_t *member)
{
    int64_t n;
    if (dicom_integer(dataset, field->tag, &n) && within(field, (double)n))
        *member = n;
}

static void fill_real(const struct dicom_dataset *dataset, const struct field *field, double *member)
{
    double n;
    if (dicom_real(dataset, field->tag, &n) && within(field, n))
        *member = n;
}

void filing_fill(struct call *c, const struct dicom_dataset *dataset, const struct schema *schema, void *record)
{
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        void *member = (char *)record + field->offset;
        if (!field->tag)
            continue;
        if (field->kind == &kind_text) {
            fill_text(c, dataset, field, member);
        } else if (field->kind == &kind_integer) {
            fill_integer(dataset, field, member);
        } else if (field->kind == &kind_real) {
            fill_real(dataset, field, member);
        } else if (field->kind == &kind_date) {
            dicom_date(dataset, field->tag, member);
        } else if (field->kind == &kind_choice) {
            unsigned choice = choice_by_initial(field->choices, dicom_text_first(dataset, field->tag, &c->arena));
            if (choice)
                *(unsigned *)member = choice;
        }
    }
}

/* ---- names of persons ---- */

static bool has_east_asian(struct str text)
{
    while (text.len)
        if (folding_is_east_asian(str_next_code_point(&text)))
            return true;
    return false;
}

/* Family, given and middle name, prefix and suffix of one group, in this order. */
static struct str join_components(struct arena *arena, struct str group)
{
    bool tight = has_east_asian(group);
    char *out = arena_alloc(arena, group.len + 1);
    ptrdiff_t len = 0;
    for (struct str component; str_next(&group, '^', &component);) {
        component = str_trim(component);
        if (component.len && len && !tight)
            out[len++] = ' ';
        if (component.len)
            memcpy(out + len, component.at, (size_t)component.len);
        len += component.len;
    }
    return len ? (struct str){ out, len } : STR_NULL;
}

void filing_person_name(struct arena *arena, struct str pn, struct str *name, struct str *latin, struct str *phonetic)
{
    struct str others, groups[3] = { STR_NULL, STR_NULL, STR_NULL };
    str_cut(pn, '\\', &pn, &others); /* of several names the first */
    for (int i = 0; i < 3 && str_next(&pn, '=', &groups[i]);)
        i++;
    struct str alphabetic = join_components(arena, groups[0]), ideographic = join_components(arena, groups[1]),
               spoken = join_components(arena, groups[2]);
    bool is_latin = alphabetic.len && !has_east_asian(alphabetic);
    *name = ideographic.len ? ideographic : alphabetic.len ? alphabetic : spoken; /* spoken is better than nothing */
    *latin = is_latin ? alphabetic : STR_NULL;
    *phonetic = spoken.len ? spoken : is_latin ? STR_NULL : alphabetic;
    if (str_equal(*phonetic, *name))
        *phonetic = STR_NULL;
}
