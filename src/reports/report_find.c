/* report_find.c - see report_find.h. */
#include "reports/report_find.h"

#include "reports/content_form.h"
#include "reports/template.h"
#include "reports/template_values.h"

/* ---- words ---- */

enum { WORDS_BYTES_MAX = 2 << 20 };

/* Between two texts: what nobody types, so that no phrase runs from one into the next. */
#define BETWEEN "\xEE\x80\x80"

static void put_texts(struct text *out, const json_t *value)
{
    size_t i;
    const char *name;
    json_t *part;
    if (json_is_string(value)) {
        text_put(out, json_text(value));
        text_put(out, S(BETWEEN));
    } else if (json_is_array(value)) {
        json_array_foreach((json_t *)(uintptr_t)value, i, part) put_texts(out, part);
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, name, part) put_texts(out, part);
    }
}

static void put_json(struct call *c, struct text *out, struct str json)
{
    struct json_flaw flaw;
    json_t *value = json.len ? json_read(json, &c->arena, &flaw) : NULL;
    put_texts(out, value);
    json_decref(value);
}

/* Of addenda the words alone: who added them is no word of theirs. */
static void put_addenda(struct call *c, struct text *out, struct str json)
{
    struct json_flaw flaw;
    json_t *all = json.len ? json_read(json, &c->arena, &flaw) : NULL, *one;
    size_t i;
    json_array_foreach(all, i, one) put_texts(out, json_object_get(one, "text"));
    json_decref(all);
}

/* title, sections, fields, addenda */
static int texts_of(struct call *c, const struct str *columns, struct search_text *out)
{
    struct text words;
    text_init(&words, WORDS_BYTES_MAX);
    text_put(&words, columns[0]);
    text_put(&words, S(BETWEEN));
    put_json(c, &words, columns[1]);
    put_json(c, &words, columns[2]);
    put_addenda(c, &words, columns[3]);
    out[0] = (struct search_text){ arena_copy(&c->arena, text_str(&words)) };
    text_release(&words);
    return 1;
}

/* ---- codes ---- */

struct codes {
    struct call *c;
    struct str at[REPORT_CODES_MAX];
    int count;
};

struct str report_code_key(struct call *c, struct str asked)
{
    struct str key = arena_copy(&c->arena, str_at_most(str_trim(asked), REPORT_CODE_MAX));
    char *at = (char *)(uintptr_t)key.at;
    for (ptrdiff_t i = 0; i < key.len; i++)
        if (at[i] >= 'a' && at[i] <= 'z')
            at[i] = (char)(at[i] - 'a' + 'A');
    return key;
}

static void add(struct codes *codes, struct str before, char between, struct str code)
{
    struct arena *arena = &codes->c->arena;
    struct str key = arena_format(arena, "%.*s%c%.*s", STR_FMT(before), between, STR_FMT(code));
    key = report_code_key(codes->c, key);
    for (int i = 0; i < codes->count; i++)
        if (str_equal(codes->at[i], key))
            return;
    if (codes->count < REPORT_CODES_MAX)
        codes->at[codes->count++] = key;
}

/* "Lung-RADS-2022" is "Lung-RADS", whatever its edition. */
static struct str without_edition(struct str scheme)
{
    ptrdiff_t end = scheme.len;
    while (end > 0 && ((scheme.at[end - 1] >= '0' && scheme.at[end - 1] <= '9') || scheme.at[end - 1] == '.'))
        end--;
    return end > 1 && end < scheme.len && (scheme.at[end - 1] == '-' || scheme.at[end - 1] == ' ')
               ? str_slice(scheme, 0, end - 1)
               : scheme;
}

static void add_of_system(struct codes *codes, struct str scheme, struct str code)
{
    if (!scheme.len || !code.len)
        return;
    add(codes, scheme, ':', code);
    add(codes, without_edition(scheme), ':', code);
}

static void add_choice(struct codes *codes, const struct template_field *field, const json_t *code)
{
    const struct template_choice *choice = template_choice_of(field, code);
    if (!choice)
        return;
    add(codes, field->name, '=', choice->code);
    add_of_system(codes, choice->code_system, choice->code);
}

static void add_field(struct codes *codes, const struct template_field *field, const json_t *value)
{
    if (!value)
        return;
    add_of_system(codes, field->code_system, field->code);
    if (json_is_array(value))
        for (size_t i = 0; i < json_array_size(value); i++)
            add_choice(codes, field, json_array_get(value, i));
    else
        add_choice(codes, field, value);
}

static bool find_codes(struct call *c, const struct report_content *content, struct codes *out)
{
    struct content_form form;
    out->c = c;
    out->count = 0;
    if (content->template_id == INTEGER_NULL || !content->fields.text.len)
        return true;
    if (!content_form_of(c, content, &form))
        return false;
    json_t *values = template_values(c, content->fields);
    for (ptrdiff_t i = 0; form.definition && i < form.definition->fields.count; i++) {
        const struct template_field *field = (const struct template_field *)form.definition->fields.items + i;
        add_field(out, field, template_value(values, field->name));
    }
    json_decref(values);
    return true;
}

/* ---- both, of a face ---- */

struct face {
    const char *search_table;
    int64_t is_face;
    const char *version; /* which one it shows of `reports r`; null: none */
};
static const struct face faces[] = {
    { "report_search", 0, "r.version" },
    { "report_face_search", 1,
      "coalesce(r.signed_version, case when r.status not in ('DRAFT', 'CANCELLED') then r.version end)" },
};
enum { FACES = sizeof(faces) / sizeof(faces[0]) };

static bool find_version(struct call *c, const struct face *face, int64_t id, struct report_version *out, bool *found)
{
    const char *sql = arena_format(&c->arena,
                                   "where v.report_id = ? and v.version = (select %s from reports r where r.id = "
                                   "v.report_id)",
                                   face->version)
                          .at;
    enum found there = db_find(c, &report_version_schema, out, sql, V(id));
    *found = there == FOUND;
    return there != FAILED;
}

static bool put_codes(struct call *c, const struct face *face, int64_t id, const struct report_content *content)
{
    struct codes *codes = arena_new(&c->arena, struct codes);
    if (!db_execute(c, "delete from report_codes where report_id = ? and is_face = ?", V(id), V(face->is_face)) ||
        (content && !find_codes(c, content, codes)))
        return false;
    for (int i = 0; i < codes->count; i++)
        if (!db_execute(c,
                        "insert into report_codes(report_id, is_face, code, created_at) select r.id, ?, ?, "
                        "r.created_at from reports r where r.id = ?",
                        V(face->is_face), V(codes->at[i]), V(id)))
            return false;
    return true;
}

static bool index_face(struct call *c, const struct face *face, int64_t id)
{
    struct report_version version;
    struct search_text words;
    bool found;
    if (!find_version(c, face, id, &version, &found))
        return false;
    if (!found)
        return search_remove(c, face->search_table, id) && put_codes(c, face, id, NULL);
    const struct report_content *content = &version.content;
    const struct str columns[] = { content->title, content->sections.text, content->fields.text,
                                   content->addenda.text };
    int count = texts_of(c, columns, &words);
    return search_put(c, face->search_table, id, &words, count) && put_codes(c, face, id, content);
}

bool report_index(struct call *c, int64_t id)
{
    for (int i = 0; i < FACES; i++)
        if (!index_face(c, &faces[i], id))
            return false;
    return true;
}

/* ---- made anew ---- */

static bool codes_of_current(struct call *c, int64_t id)
{
    struct report_version version;
    bool found;
    return find_version(c, &faces[0], id, &version, &found) &&
           put_codes(c, &faces[0], id, found ? &version.content : NULL);
}

static bool codes_of_face(struct call *c, int64_t id)
{
    struct report_version version;
    bool found;
    return find_version(c, &faces[1], id, &version, &found) &&
           put_codes(c, &faces[1], id, found ? &version.content : NULL);
}

#define IS_SHOWN "r.signed_version is not null or r.status not in ('DRAFT', 'CANCELLED')"
#define REPORTS_AFTER "select r.id from reports r where r.id > ? order by r.id limit ?"
#define CONTENT_OF(VERSION) \
    "v.title, v.sections, v.fields, v.addenda from reports r join report_versions v on v.report_id = r.id and " \
    "v.version = " VERSION " where r.id = ?"
const struct findable report_findables[] = {
    { "reports", "report_search", REPORTS_AFTER, "select 1, " CONTENT_OF("r.version"), 4, texts_of,
      "select max(id) from reports", codes_of_current },
    { "report_faces", "report_face_search", REPORTS_AFTER,
      "select case when " IS_SHOWN " then 1 else 0 end, " CONTENT_OF(REPORT_FACE_VERSION), 4, texts_of,
      "select max(id) from reports", codes_of_face },
    { .name = NULL },
};
