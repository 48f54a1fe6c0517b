/* endpoints.c - every table of endpoints, by hand; and the check that the tables hold together. */
#include "app/endpoint.h"

#include "base/text.h"
#include "db/db.h"

/* In the order of the documentation. */
#define TABLES(X) \
    X(auth_endpoints) \
    X(session_endpoints) \
    X(user_endpoints) \
    X(patient_endpoints) \
    X(patient_history_endpoints) \
    X(study_list_endpoints) \
    X(study_endpoints) \
    X(assignment_endpoints) \
    X(series_endpoints) \
    X(instance_endpoints) \
    X(study_archive_endpoints) \
    X(upload_endpoints) \
    X(upload_batch_endpoints) \
    X(upload_chunked_endpoints) \
    X(stow_endpoints) \
    X(image_file_list_endpoints) \
    X(image_file_endpoints) \
    X(image_file_move_endpoints) \
    X(filing_endpoints) \
    X(image_endpoints) \
    X(thumbnail_endpoints) \
    X(annotation_endpoints) \
    X(measurement_endpoints) \
    X(system_endpoints) \
    X(health_endpoints) \
    X(document_endpoints)

#define DECLARE(name) extern const struct endpoint_table name;
TABLES(DECLARE)

#define ADDRESS(name) &name,
static const struct endpoint_table *const tables[] = { TABLES(ADDRESS) };
const struct endpoint_table *const *const endpoint_tables = tables;
const int endpoint_table_count = (int)(sizeof(tables) / sizeof(tables[0]));

const char *const body_media_types[] = {
    [BODY_JSON] = "application/json",         [BODY_FORM] = "application/x-www-form-urlencoded",
    [BODY_MULTIPART] = "multipart/form-data", [BODY_RELATED] = "multipart/related",
    [BODY_RAW] = "application/octet-stream",
};

bool endpoint_is_single(const struct endpoint *e)
{
    return e->out && !(e->flags & (LIST | NOT_JSON)) && (strchr(e->path, '{') || e->out->table);
}

bool endpoint_is_tagged(const struct endpoint *e)
{
    return endpoint_is_single(e) || (e->flags & TAGGED);
}

/* One that works long (a histogram) is not run once more for the sake of its ETag. */
const struct endpoint *endpoint_shown(const struct endpoint *e)
{
    for (int t = 0; e->method != HTTP_GET && t < endpoint_table_count; t++)
        for (int r = 0; r < endpoint_tables[t]->count; r++) {
            const struct endpoint *get = &endpoint_tables[t]->rows[r];
            if (get->method == HTTP_GET && !strcmp(get->path, e->path))
                return endpoint_is_single(get) && get->runs != WORKS ? get : NULL;
        }
    return NULL;
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

static int check_twins(int table, int row, struct text *complaints)
{
    const struct endpoint *e = &endpoint_tables[table]->rows[row];
    for (int t = 0; t <= table; t++)
        for (int r = 0; r < (t == table ? row : endpoint_tables[t]->count); r++) {
            const struct endpoint *other = &endpoint_tables[t]->rows[r];
            if (other->method == e->method && same_path(other->path, e->path)) {
                text_format(complaints, "%s %s stands twice\n", http_method_names[e->method], e->path);
                return 1;
            }
        }
    return 0;
}

static int check_schema(struct call *c, const struct schema *schema, struct text *complaints)
{
    return schema ? schema_check(schema, complaints) + (schema->table ? db_check_schema(c, schema, complaints) : 0) : 0;
}

int endpoints_check(struct call *c, struct text *complaints)
{
    int wrong = 0;
    for (int t = 0; t < endpoint_table_count; t++)
        for (int r = 0; r < endpoint_tables[t]->count; r++) {
            const struct endpoint *e = &endpoint_tables[t]->rows[r];
            if (!e->summary || !e->handle || !e->tag) {
                text_format(complaints, "%s %s: summary, tag or function missing\n", http_method_names[e->method],
                            e->path);
                wrong++;
            }
            if ((e->body == BODY_MULTIPART || e->body == BODY_RELATED || e->body == BODY_RAW) != (e->receive != NULL)) {
                text_format(complaints, "%s %s: a body that streams needs `receive`, others must not have it\n",
                            http_method_names[e->method], e->path);
                wrong++;
            }
            wrong += check_path(e, complaints) + check_twins(t, r, complaints) + check_schema(c, e->in, complaints) +
                     check_schema(c, e->out, complaints);
        }
    return wrong;
}
