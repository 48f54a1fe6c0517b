/* endpoint.c - what a row says between its lines, and the check that the tables hold together. */
#include "web/endpoint.h"

#include "base/text.h"
#include "db/db.h"
#include "web/openapi_document.h"
#include "base/names.h"

const char *const body_media_types[] = {
    [BODY_JSON] = "application/json",         [BODY_FORM] = "application/x-www-form-urlencoded",
    [BODY_MULTIPART] = "multipart/form-data", [BODY_RELATED] = "multipart/related",
    [BODY_RAW] = "application/octet-stream",
};
NAMES_REACH(body_media_types, BODY_RAW);

bool endpoint_needs_person(const struct endpoint *e)
{
    return (e->flags & PERSON) || (e->permission >= 0 && permission_rows[e->permission].needs_person);
}

bool endpoint_is_single(const struct endpoint *e)
{
    return e->out && !(e->flags & (LIST | NOT_JSON)) && (strchr(e->path, '{') || e->out->table);
}

bool endpoint_is_kept(const struct endpoint *e)
{
    return e->method == HTTP_GET && e->out && e->permission != ANYONE && !(e->flags & (NOT_JSON | LOOPBACK)) &&
           !endpoint_is_single(e);
}

bool endpoint_is_tagged(const struct endpoint *e)
{
    return endpoint_is_single(e) || (e->flags & TAGGED);
}

/* One that works long (a histogram) is not run once more for the sake of its ETag. */
static const struct endpoint *shown_at(const struct service *served, struct str path)
{
    for (int t = 0; t < served->count; t++)
        for (int r = 0; r < served->tables[t]->count; r++) {
            const struct endpoint *get = &served->tables[t]->rows[r];
            if (get->method == HTTP_GET && str_equal(str_from(get->path), path))
                return endpoint_is_single(get) && get->runs != WORKS ? get : NULL;
        }
    return NULL;
}

/* "/api/v1/reports/{id}" of "/api/v1/reports/{id}/sign"; null: the path ends with a thing's own name. */
static struct str thing_of(const char *path)
{
    const char *word = strrchr(path, '/');
    return word > path && word[-1] == '}' ? (struct str){ path, word - path } : STR_NULL;
}

static const struct endpoint *get_of(const struct service *served, const struct endpoint *e)
{
    const struct endpoint *same = shown_at(served, str_from(e->path));
    struct str thing = thing_of(e->path);
    return same || !thing.len ? same : shown_at(served, thing);
}

const struct endpoint *endpoint_shown(const struct service *served, const struct endpoint *e)
{
    return e->method == HTTP_GET || e->flags & REVIVES ? NULL : get_of(served, e);
}

bool endpoint_shows_thing(const struct service *served, const struct endpoint *e)
{
    if (e->method == HTTP_GET)
        return endpoint_is_single(e);
    const struct endpoint *get = endpoint_is_single(e) ? get_of(served, e) : NULL;
    return get && get->out == e->out;
}

int endpoint_status(const struct endpoint *e)
{
    return e->status ? e->status : (e->out || (e->flags & NOT_JSON)) ? 200 : 204;
}

static int check_path(const struct endpoint *e, struct text *complaints)
{
    int wrong = 0;
    struct str rest = str_from(e->path), before;
    while (str_cut(rest, '{', &before, &rest)) {
        struct str name;
        if (!str_cut(rest, '}', &name, &rest))
            break;
        int index = e->in ? schema_find(e->in, name) : -1;
        const char *trouble = index < 0 ? "the input lacks"
                              : e->body != BODY_NONE && !(e->in->fields[index].flags & READ_ONLY)
                                  ? "the body may hold, too, what the path says:"
                                  : NULL;
        if (trouble) {
            text_format(complaints, "%s %s: %s {%.*s}\n", http_method_names[e->method], e->path, trouble,
                        STR_FMT(name));
            wrong++;
        }
    }
    return wrong;
}

static bool same_path(const char *a, const char *b)
{
    struct str x = str_from(a), y = str_from(b);
    while (x.len && y.len) {
        struct str p, q;
        str_cut(x, '/', &p, &x);
        str_cut(y, '/', &q, &y);
        if (!str_equal(p, q) && !(str_starts(p, S("{")) && str_starts(q, S("{"))))
            return false;
    }
    return !x.len && !y.len;
}

static int check_twins(const struct service *served, int table, int row, struct text *complaints)
{
    const struct endpoint *e = &served->tables[table]->rows[row];
    for (int t = 0; t <= table; t++)
        for (int r = 0; r < (t == table ? row : served->tables[t]->count); r++) {
            const struct endpoint *other = &served->tables[t]->rows[r];
            if (other->method == e->method && same_path(other->path, e->path)) {
                text_format(complaints, "%s %s stands twice\n", http_method_names[e->method], e->path);
                return 1;
            }
        }
    return 0;
}

/* If-Match has dispatch call the GET's function with nothing but what the path says. */
static int check_shown(const struct service *served, const struct endpoint *e, struct text *complaints)
{
    const struct endpoint *get = endpoint_shown(served, e);
    int wrong = 0;
    for (int i = 0; get && get->in && i < get->in->count; i++) {
        const struct field *field = &get->in->fields[i];
        if ((field->flags & REQUIRED) && !(field->flags & READ_ONLY)) {
            text_format(complaints, "%s %s: If-Match cannot be compared, since GET %s wants %s\n",
                        http_method_names[e->method], e->path, get->path, field->name);
            wrong++;
        }
    }
    return wrong;
}

static int check_schema(struct call *c, const struct schema *schema, struct text *complaints)
{
    return schema ? schema_check(schema, complaints) + (schema->table ? db_check_schema(c, schema, complaints) : 0) : 0;
}

int endpoints_check(struct call *c, const struct service *served, struct text *complaints)
{
    int wrong = 0;
    for (int t = 0; t < served->count; t++)
        for (int r = 0; r < served->tables[t]->count; r++) {
            const struct endpoint *e = &served->tables[t]->rows[r];
            if (!e->summary || !e->handle || !e->tag) {
                text_format(complaints, "%s %s: summary, tag or function missing\n", http_method_names[e->method],
                            e->path);
                wrong++;
            }
            bool is_gathered = e->body == BODY_RAW && e->body_max && !e->receive;
            if ((e->body == BODY_MULTIPART || e->body == BODY_RELATED || e->body == BODY_RAW) !=
                (e->receive != NULL || is_gathered)) {
                text_format(complaints, "%s %s: a body that streams needs `receive`, others must not have it\n",
                            http_method_names[e->method], e->path);
                wrong++;
            }
            wrong += check_path(e, complaints) + check_twins(served, t, r, complaints) +
                     check_shown(served, e, complaints) + check_schema(c, e->in, complaints) +
                     check_schema(c, e->out, complaints);
        }
    return wrong + openapi_check_choices(served, complaints);
}
