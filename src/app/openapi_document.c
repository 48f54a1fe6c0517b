/* openapi_document.c - walks the endpoint tables; what a schema looks like is schema/openapi.c's. */
#include "app/openapi_document.h"

#include "app/endpoint.h"
#include "schema/openapi.h"

#include <ctype.h>

enum { SCHEMAS_MAX = 256, VARIABLES_MAX = PATH_VARIABLES_MAX };

/* ---- components ---- */

struct schemas {
    const struct schema *items[SCHEMAS_MAX];
    int count;
};

static void collect(struct schemas *schemas, const struct schema *schema, unsigned hidden_flags);

static void collect_inside(struct schemas *schemas, const struct schema *schema, unsigned hidden_flags)
{
    for (int i = 0; i < schema->count; i++)
        if (schema->fields[i].of && !(schema->fields[i].flags & hidden_flags))
            collect(schemas, schema->fields[i].of, hidden_flags);
}

static void collect(struct schemas *schemas, const struct schema *schema, unsigned hidden_flags)
{
    for (int i = 0; i < schemas->count; i++)
        if (!strcmp(schemas->items[i]->name, schema->name))
            return;
    if (schemas->count == SCHEMAS_MAX)
        return;
    schemas->items[schemas->count++] = schema;
    collect_inside(schemas, schema, hidden_flags);
}

/* With ?fields= any member may be left out. */
static bool takes_fields(const struct schema *schema)
{
    for (int t = 0; t < endpoint_table_count; t++)
        for (int r = 0; r < endpoint_tables[t]->count; r++) {
            const struct endpoint *e = &endpoint_tables[t]->rows[r];
            if (e->method == HTTP_GET && e->out && !strcmp(e->out->name, schema->name))
                return true;
        }
    return false;
}

static void put_schemas(struct text *out)
{
    struct schemas schemas = { .count = 0 }, inputs = { .count = 0 };
    for (int t = 0; t < endpoint_table_count; t++)
        for (int r = 0; r < endpoint_tables[t]->count; r++) {
            const struct endpoint *e = &endpoint_tables[t]->rows[r];
            if (e->out && !(e->flags & HIDDEN))
                collect(&schemas, e->out, WRITE_ONLY | SECRET);
            if (e->in && e->body == BODY_JSON && !(e->flags & HIDDEN))
                collect_inside(&inputs, e->in, READ_ONLY);
        }
    text_put(out, S("\"schemas\":{"));
    for (int i = 0; i < schemas.count; i++) {
        text_format(out, "\"%s\":", schemas.items[i]->name);
        openapi_put_schema(out, schemas.items[i], false, takes_fields(schemas.items[i]), NULL);
        text_put_char(out, ',');
    }
    for (int i = 0; i < inputs.count; i++) {
        text_format(out, "\"%sInput\":", inputs.items[i]->name);
        openapi_put_schema(out, inputs.items[i], true, false, NULL);
        text_put_char(out, ',');
    }
    text_put(
        out,
        S("\"Problem\":{\"type\":\"object\",\"description\":\"What went wrong (RFC 9457).\",\"required\":[\"type\",\"title\","
          "\"status\",\"detail\",\"instance\",\"request_id\"],\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":"
          "\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},\"instance\":{\"type\":\"string\"},"
          "\"request_id\":{\"type\":\"string\",\"format\":\"uuid\"},\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
          "\"required\":[\"loc\",\"msg\",\"type\"],\"properties\":{\"loc\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
          "\"msg\":{\"type\":\"string\"},\"type\":{\"type\":\"string\"}}}}}},"));
    text_put(
        out,
        S("\"TokenProblem\":{\"type\":\"object\",\"description\":\"RFC 6749 5.2.\",\"properties\":{\"error\":{\"type\":\"string\"},"
          "\"error_description\":{\"type\":\"string\"}}}}"));
}

/* ---- one operation ---- */

static bool is_path_variable(const struct endpoint *e, const char *name)
{
    char braced[80];
    snprintf(braced, sizeof(braced), "{%s}", name);
    return strstr(e->path, braced) != NULL;
}

static bool is_query_parameter(const struct endpoint *e, const struct field *field)
{
    if (is_path_variable(e, field->name) || (field->flags & READ_ONLY))
        return false;
    return e->body == BODY_NONE || (field->flags & IN_QUERY);
}

static void put_parameter(struct text *out, bool *first, const char *in, const struct field *field)
{
    bool required = !strcmp(in, "path") || (field->flags & REQUIRED);
    text_format(out, "%s{\"name\":\"%s\",\"in\":\"%s\",\"required\":%s,\"description\":", *first ? "" : ",",
                field->name, in, required ? "true" : "false");
    text_put_json_string(out, str_from(field->doc));
    if (field->kind == &kind_texts || field->kind == &kind_integers)
        text_put(out, S(",\"style\":\"form\",\"explode\":false"));
    text_put(out, S(",\"schema\":"));
    if (!strcmp(in, "path"))
        openapi_put_path_field(out, field);
    else
        openapi_put_field(out, field);
    text_put_char(out, '}');
    *first = false;
}

static void put_header(struct text *out, bool *first, const char *name, const char *doc, const char *more)
{
    text_format(
        out,
        "%s{\"name\":\"%s\",\"in\":\"header\",\"required\":false,\"description\":\"%s\",\"schema\":{\"type\":\"string\"%s}}",
        *first ? "" : ",", name, doc, more);
    *first = false;
}

static void put_parameters(struct text *out, const struct endpoint *e)
{
    bool first = true;
    text_put(out, S("\"parameters\":["));
    for (int i = 0; e->in && i < e->in->count; i++) {
        const struct field *field = &e->in->fields[i];
        if (is_path_variable(e, field->name))
            put_parameter(out, &first, "path", field);
        else if (is_query_parameter(e, field))
            put_parameter(out, &first, "query", field);
    }
    if (e->method == HTTP_GET && e->out) {
        text_format(
            out,
            "%s{\"name\":\"fields\",\"in\":\"query\",\"required\":false,\"description\":\"Only these members of the answer, "
            "separated by commas.\",\"style\":\"form\",\"explode\":false,\"schema\":{\"type\":\"array\",\"minItems\":1,"
            "\"items\":{\"type\":\"string\",\"enum\":[",
            first ? "" : ",");
        const char *comma = "";
        for (int i = 0; i < e->out->count; i++)
            if (!(e->out->fields[i].flags & (WRITE_ONLY | SECRET))) {
                text_format(out, "%s\"%s\"", comma, e->out->fields[i].name);
                comma = ",";
            }
        text_put(out, S("]}}}"));
        first = false;
    }
    if (e->method == HTTP_GET && endpoint_is_single(e))
        put_header(out, &first, "If-None-Match", "ETag that the client has: 304 when it still fits.", "");
    if (e->method == HTTP_GET && endpoint_is_single(e))
        put_header(out, &first, "If-Match", "ETag that the client counts on: 412 when it no longer fits.", "");
    if (e->method != HTTP_GET && endpoint_is_single(e) && e->method != HTTP_POST)
        put_header(out, &first, "If-Match", "ETag that the change is based on: 412 when it no longer fits.", "");
    if (e->method == HTTP_POST && e->body == BODY_JSON && e->permission != ANYONE)
        put_header(out, &first, "Idempotency-Key",
                   "A request repeated with the same key within 24 hours gets the first answer.", ",\"maxLength\":200");
    text_put_char(out, ']');
}

/* Parts of a form are text, and the file is one of them. */
static void put_form(struct text *out, const struct endpoint *e)
{
    static const char file[] = "{\"type\":\"string\",\"format\":\"binary\",\"description\":\"A file.\"}";
    text_put(
        out,
        S("{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"file\"],\"properties\":{\"file\":"));
    text_format(out, e->status == 207 ? "{\"type\":\"array\",\"minItems\":1,\"items\":%s}" : "%s", file);
    for (int i = 0; e->in && i < e->in->count; i++) {
        text_format(out, ",\"%s\":", e->in->fields[i].name);
        openapi_put_form_field(out, &e->in->fields[i]);
    }
    text_put(out, S("}}"));
}

static void put_body(struct text *out, const struct endpoint *e)
{
    static const char *const types[] = { [BODY_JSON] = "application/json",
                                         [BODY_FORM] = "application/x-www-form-urlencoded",
                                         [BODY_MULTIPART] = "multipart/form-data",
                                         [BODY_RELATED] = "multipart/related",
                                         [BODY_RAW] = "application/octet-stream" };
    const char *skip[VARIABLES_MAX + 1] = { 0 };
    int skipped = 0;
    if (e->body == BODY_NONE)
        return;
    for (int i = 0; e->in && i < e->in->count && skipped < VARIABLES_MAX; i++)
        if (is_path_variable(e, e->in->fields[i].name))
            skip[skipped++] = e->in->fields[i].name;
    text_format(out, ",\"requestBody\":{\"required\":%s,\"content\":{\"%s\":{\"schema\":",
                e->flags & ACTION ? "false" : "true", types[e->body]);
    if (e->body == BODY_RAW || e->body == BODY_RELATED) {
        text_put(out, S("{\"type\":\"string\",\"format\":\"binary\"}"));
    } else if (e->body == BODY_MULTIPART) {
        put_form(out, e);
    } else {
        openapi_put_schema(out, e->in, true, e->method == HTTP_PATCH, skip);
    }
    text_put(out, S("}}}"));
}

/* The media types of an answer that is no record: "application/dicom+json, application/json". */
static void put_answers(struct text *out, struct str types)
{
    struct str type = types, rest = STR_NULL;
    text_put(out, S(",\"content\":{"));
    for (bool more = true, first = true; more; types = rest, first = false) {
        more = str_cut(types, ',', &type, &rest);
        type = str_trim(more ? type : types);
        text_format(out, "%s\"%.*s\":{\"schema\":%s}", first ? "" : ",", STR_FMT(type),
                    str_find(type, S("json")) >= 0 ? "{\"type\":\"object\"}"
                                                   : "{\"type\":\"string\",\"format\":\"binary\"}");
    }
    text_put_char(out, '}');
}

static void put_success(struct text *out, const struct endpoint *e)
{
    int status = e->status ? e->status : (e->out || (e->flags & NOT_JSON)) ? 200 : 204;
    text_format(out, "\"%d\":{\"description\":", status);
    text_put_json_string(out, str_from(e->summary));
    if (e->flags & NOT_JSON) {
        put_answers(out, str_from(e->answers));
    } else if (e->out && (e->flags & LIST)) {
        text_format(
            out,
            ",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\",\"required\":[\"total\",\"page\",\"page_size\",\"items\"],"
            "\"properties\":{\"total\":{\"type\":\"integer\",\"description\":\"Rows in the whole list.\"},\"total_is_lower_bound\":{\"type\":"
            "\"boolean\",\"description\":\"Are there more than total says?\"},\"page\":{\"type\":\"integer\"},\"page_size\":{\"type\":\"integer\"},"
            "\"items\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/%s\"}},\"next\":{\"type\":[\"string\",\"null\"],"
            "\"description\":\"For `after`: the rows that follow.\"}}}}}",
            e->out->name);
    } else if (e->out) {
        text_format(out, ",\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}}",
                    e->out->name);
    }
    text_put_char(out, '}');
}

static void put_problem(struct text *out, enum error_code code)
{
    const struct error_row *row = error_row(code);
    text_format(out, ",\"%d\":{\"$ref\":\"#/components/responses/Problem%d\"}", row->status, row->status);
}

static const enum error_code problems[] = {
    E_BAD_REQUEST,      E_UNAUTHENTICATED, E_FORBIDDEN, E_NOT_FOUND, E_CONFLICT,   E_PRECONDITION_FAILED, E_TOO_LARGE,
    E_UNSUPPORTED_TYPE, E_RANGE,           E_INVALID,   E_TOO_MANY,  E_UNREADABLE, E_UNAVAILABLE,         E_STORAGE_FULL
};

static bool may_answer(const struct endpoint *e, enum error_code code)
{
    bool changes = e->method != HTTP_GET;
    switch (code) {
    case E_UNAUTHENTICATED:
        return e->permission != ANYONE || (e->flags & LOGIN) || strstr(e->path, "refresh");
    case E_FORBIDDEN:
        return e->permission >= 0 || strstr(e->path, "register");
    case E_NOT_FOUND:
        return strchr(e->path, '{') != NULL;
    case E_CONFLICT:
    case E_PRECONDITION_FAILED:
    case E_STORAGE_FULL:
        return changes;
    case E_TOO_LARGE:
        return e->body != BODY_NONE;
    case E_UNSUPPORTED_TYPE:
        return e->body != BODY_NONE || strstr(e->path, "/images/");
    case E_UNREADABLE:
        return strstr(e->path, "{file_id}") != NULL || strstr(e->path, "upload/") != NULL;
    case E_RANGE:
        return strstr(e->path, "download") != NULL;
    default:
        return true;
    }
}

static void put_operation(struct text *out, const struct endpoint *e)
{
    char name[16];
    ptrdiff_t i = 0;
    for (const char *m = http_method_names[e->method]; m[i]; i++)
        name[i] = (char)tolower((unsigned char)m[i]);
    name[i] = '\0';
    text_format(out, "\"%s\":{\"operationId\":\"%s", name, name);
    bool versioned = !strncmp(e->path, "/api/v1", 7);
    if (!versioned)
        text_put(out, S("_server"));
    for (const char *p = versioned ? e->path + 7 : e->path; *p; p++)
        if (isalnum((unsigned char)*p) || (*p == '_' || *p == '/' || *p == '-'))
            text_put_char(out, isalnum((unsigned char)*p) ? *p : '_');
    text_format(out, "\",\"tags\":[\"%s\"],\"summary\":", e->tag);
    text_put_json_string(out, str_from(e->summary));
    if (e->doc) {
        text_put(out, S(",\"description\":"));
        text_put_json_string(out, str_from(e->doc));
    }
    text_put_char(out, ',');
    if (e->permission == ANYONE || (e->flags & LOOPBACK))
        text_put(out, S("\"security\":[],"));
    put_parameters(out, e);
    put_body(out, e);
    text_put(out, S(",\"responses\":{"));
    put_success(out, e);
    if (endpoint_is_single(e) && e->method == HTTP_GET)
        text_put(out, S(",\"304\":{\"description\":\"The client has it already.\"}"));
    if (strstr(e->path, "download"))
        text_put(
            out,
            S(",\"206\":{\"description\":\"The part asked for.\"},\"304\":{\"description\":\"The client has it already.\"}"));
    for (size_t p = 0; p < sizeof(problems) / sizeof(problems[0]); p++)
        if (may_answer(e, problems[p]))
            put_problem(out, problems[p]);
    text_put(out, S(",\"default\":{\"$ref\":\"#/components/responses/Problem\"}}}"));
}

/* ---- the document ---- */

static void put_responses(struct text *out)
{
    text_put(out, S("\"responses\":{"));
    for (size_t p = 0; p < sizeof(problems) / sizeof(problems[0]); p++) {
        const struct error_row *row = error_row(problems[p]);
        text_format(
            out,
            "\"Problem%d\":{\"description\":\"%s\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}%s}},",
            row->status, row->title,
            row->status == 400 ? ",\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/TokenProblem\"}}"
                               : "");
    }
    text_put(
        out,
        S("\"Problem\":{\"description\":\"What went wrong.\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
          "\"#/components/schemas/Problem\"}}}}}"));
}

static void put_tags(struct text *out)
{
    static const char *const tags[][2] = {
        { "auth", "Signing in and out, one's own account. 登录与账户" },
        { "users", "Accounts, roles, permissions. 用户管理" },
        { "patients", "Patients. 患者管理" },
        { "studies", "Studies and their series. 检查与序列" },
        { "upload", "Uploading files. 文件上传" },
        { "image-files", "Uploaded files. 影像文件" },
        { "images", "What is in the files. 影像内容" },
        { "dicomweb", "DICOMweb (PS3.18). DICOM 网络服务" },
        { "system", "State of the server. 系统" },
    };
    text_put(out, S("\"tags\":["));
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        text_format(out, "%s{\"name\":\"%s\",\"description\":\"%s\"}", i ? "," : "", tags[i][0], tags[i][1]);
    text_put_char(out, ']');
}

/* All rows with the same path stand under one key; the first of them prints them all. */
static bool is_first_of_path(int table, int row)
{
    const char *path = endpoint_tables[table]->rows[row].path;
    for (int t = 0; t <= table; t++)
        for (int r = 0; r < (t == table ? row : endpoint_tables[t]->count); r++)
            if (!strcmp(endpoint_tables[t]->rows[r].path, path))
                return false;
    return true;
}

static void put_path(struct text *out, const char *path, bool *first)
{
    bool first_method = true;
    text_format(out, "%s\"%s\":{", *first ? "" : ",", path);
    *first = false;
    for (int t = 0; t < endpoint_table_count; t++)
        for (int r = 0; r < endpoint_tables[t]->count; r++) {
            const struct endpoint *e = &endpoint_tables[t]->rows[r];
            if (strcmp(e->path, path) != 0)
                continue;
            if (!first_method)
                text_put_char(out, ',');
            first_method = false;
            put_operation(out, e);
        }
    text_put_char(out, '}');
}

void openapi_put_document(struct text *out)
{
    bool first = true;
    text_put(
        out,
        S("{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Roentgen\",\"version\":\"" ROENTGEN_VERSION
          "\",\"summary\":\"A self-hosted medical-imaging server\",\"description\":\"Times are UTC (RFC 3339). Errors are problem "
          "details (RFC 9457). 医疗影像服务器接口。\",\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},"
          "\"servers\":[{\"url\":\"/\",\"description\":\"This server\"}],\"security\":[{\"password\":[]},{\"bearer\":[]}],"));
    put_tags(out);
    text_put(out, S(",\"paths\":{"));
    for (int t = 0; t < endpoint_table_count; t++)
        for (int r = 0; r < endpoint_tables[t]->count; r++)
            if (is_first_of_path(t, r) && !(endpoint_tables[t]->rows[r].flags & HIDDEN))
                put_path(out, endpoint_tables[t]->rows[r].path, &first);
    text_put(
        out,
        S("},\"components\":{\"securitySchemes\":{\"password\":{\"type\":\"oauth2\",\"description\":\"Name and password.\",\"flows\":"
          "{\"password\":{\"tokenUrl\":\"/api/v1/auth/token\",\"refreshUrl\":\"/api/v1/auth/token\",\"scopes\":{}}}},"
          "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\",\"description\":\"An access token.\"}},"));
    put_responses(out);
    text_put_char(out, ',');
    put_schemas(out);
    text_put(out, S("}}"));
}
