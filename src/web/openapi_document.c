/* openapi_document.c - walks the endpoint tables; what a schema looks like is schema/openapi.c's. */
#include "web/openapi_document.h"

#include "web/endpoint.h"
#include "schema/openapi.h"

#include <ctype.h>

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
    bool in_path = !strcmp(in, "path");
    text_format(out, "%s{\"name\":\"%s\",\"in\":\"%s\"%s,\"description\":", *first ? "" : ",", field->name, in,
                in_path || (field->flags & REQUIRED) ? ",\"required\":true" : "");
    text_put_json_string(out, str_from(field->doc));
    if (field->kind == &kind_texts || field->kind == &kind_integers)
        text_put(out, S(",\"style\":\"form\",\"explode\":false"));
    text_put(out, S(",\"schema\":"));
    (in_path ? openapi_put_path_parameter : openapi_put_parameter)(out, field);
    text_put_char(out, '}');
    *first = false;
}

static void put_further(struct text *out, bool *first, const char *json)
{
    text_put(out, *first ? S("") : S(","));
    openapi_put_json(out, json);
    *first = false;
}

static void put_parameters(struct text *out, const struct service *served, const struct endpoint *e)
{
    bool first = true, is_get = e->method == HTTP_GET;
    text_put(out, S("\"parameters\":["));
    for (int i = 0; e->in && i < e->in->count; i++) {
        const struct field *field = &e->in->fields[i];
        if (is_path_variable(e, field->name))
            put_parameter(out, &first, "path", field);
        else if (is_query_parameter(e, field))
            put_parameter(out, &first, "query", field);
    }
    if (is_get && e->out && !(e->flags & NOT_JSON))
        put_further(out, &first,
                    "{'name':'fields','in':'query','description':'Only these members of the answer.','style':'form',"
                    "'explode':false,'schema':{'type':'array','items':{'type':'string'}}}");
    if (e->answers && !strcmp(e->answers, "text/event-stream"))
        put_further(out, &first,
                    "{'name':'Last-Event-ID','in':'header','description':'The last `id` that the client has: goes on "
                    "after it.','schema':{'type':'integer','minimum':0,'maximum':999999999999999999}}");
    if (is_get && endpoint_is_tagged(e))
        put_further(out, &first,
                    "{'name':'If-None-Match','in':'header','description':'ETag that the client has: 304 when it still "
                    "fits.','schema':{'type':'string'}}");
    if (is_get ? endpoint_is_tagged(e) : endpoint_shown(served, e) != NULL)
        put_further(out, &first,
                    "{'name':'If-Match','in':'header','description':'ETag that the client counts on: 412 when it no "
                    "longer fits.','schema':{'type':'string'}}");
    if (e->flags & RANGES)
        put_further(out, &first,
                    "{'name':'Range','in':'header','description':'Which bytes, as in `bytes=0-1023`.','schema':"
                    "{'type':'string'}}");
    if (e->method == HTTP_POST && e->body == BODY_JSON && e->permission != ANYONE && !(e->flags & TELLS_SECRET))
        put_further(
            out, &first,
            "{'name':'Idempotency-Key','in':'header','description':'A request repeated with the same key within "
            "24 hours gets the first answer.','schema':{'type':'string','maxLength':200}}");
    text_put_char(out, ']');
}

/* Parts of a form are text, and the file is one of them. */
static void put_form(struct text *out, const struct endpoint *e)
{
    static const char file[] = "{\"type\":\"string\",\"format\":\"binary\",\"description\":\"A file.\"}";
    text_format(out, "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[%s],\"properties\":{\"file\":",
                e->flags & FILE_OPTIONAL ? "" : "\"file\"");
    text_format(out, e->status == 207 ? "{\"type\":\"array\",\"minItems\":1,\"items\":%s}" : "%s", file);
    for (int i = 0; e->in && i < e->in->count; i++) {
        text_format(out, ",\"%s\":", e->in->fields[i].name);
        openapi_put_form_field(out, &e->in->fields[i]);
    }
    text_put(out, S("}}"));
}

static void put_body(struct text *out, const struct service *served, const struct endpoint *e)
{
    if (e->body == BODY_NONE)
        return;
    text_format(out, ",\"requestBody\":{\"required\":%s,\"content\":{\"%s\":{\"schema\":",
                e->flags & ACTION ? "false" : "true", body_media_types[e->body]);
    if (e->body == BODY_RAW || e->body == BODY_RELATED)
        openapi_put_json(out, "{'type':'string','format':'binary'}");
    else if (e->body == BODY_MULTIPART)
        put_form(out, e);
    else
        openapi_put_body_reference(out, served, e);
    text_put(out, S("}}}"));
}

/* The media types of an answer that is no record: "application/dicom+json, application/json". */
static void put_answers(struct text *out, const struct endpoint *e)
{
    struct str types = str_from(e->answers);
    bool first = true;
    if (str_equal(types, S("text/event-stream"))) {
        openapi_put_json(out, ",'content':{'text/event-stream':{'schema':{'type':'string','description':'The data of "
                              "each event is this record.','contentMediaType':'text/event-stream','contentSchema':");
        openapi_put_answer_reference(out, e);
        text_put(out, S("}}}"));
        return;
    }
    text_put(out, S(",\"content\":{"));
    for (struct str type; str_next(&types, ',', &type); first = false) {
        type = str_trim(type);
        text_format(out, "%s\"%.*s\":{\"schema\":%s}", first ? "" : ",", STR_FMT(type),
                    str_find(type, S("json")) >= 0 ? "{\"type\":\"object\"}"
                                                   : "{\"type\":\"string\",\"format\":\"binary\"}");
    }
    text_put_char(out, '}');
}

static const char *meaning(int status)
{
    static const struct {
        int status;
        const char *meaning;
    } rows[] = { { 200, "Done." },
                 { 201, "Made." },
                 { 202, "Taken, and done later." },
                 { 204, "Done, no answer." },
                 { 207, "How each went." } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].status == status)
            return rows[i].meaning;
    return "Done.";
}

static void put_answer(struct text *out, const struct endpoint *e, int status, const char *doc)
{
    text_format(out, "\"%d\":{\"description\":\"%s\"", status, doc);
    if (e->flags & NOT_JSON) {
        put_answers(out, e);
    } else if (e->out) {
        text_put(out, S(",\"content\":{\"application/json\":{\"schema\":"));
        openapi_put_answer_reference(out, e);
        text_put(out, S("}}"));
    }
    text_put_char(out, '}');
}

static void put_refusal(struct text *out, const struct endpoint *e)
{
    text_format(out, ",\"%d\":{\"description\":\"%s\",", e->refusal.status, e->refusal.doc);
    openapi_put_json(out, "'content':{'application/problem+json':{'schema':{'allOf':[{'$ref':"
                          "'#/components/schemas/Problem'},{'$ref':'#/components/schemas/");
    text_format(out, "%s\"}]}}}}", e->refusal.members->name);
}

/* What every operation may answer beside is one reference; the introduction says which status means what. */
static void put_responses(struct text *out, const struct endpoint *e)
{
    text_put(out, S(",\"responses\":{"));
    put_answer(out, e, endpoint_status(e), meaning(endpoint_status(e)));
    for (size_t i = 0; i < sizeof(e->also) / sizeof(e->also[0]) && e->also[i].status; i++) {
        text_put_char(out, ',');
        put_answer(out, e, e->also[i].status, e->also[i].doc);
    }
    if (e->flags & RANGES)
        openapi_put_json(out, ",'206':{'$ref':'#/components/responses/Part'}");
    if (e->method == HTTP_GET && (endpoint_is_tagged(e) || endpoint_is_kept(e)))
        openapi_put_json(out, ",'304':{'$ref':'#/components/responses/NotModified'}");
    if (e->flags & OAUTH)
        openapi_put_json(out, ",'400':{'$ref':'#/components/responses/TokenProblem'}");
    if (e->refusal.status)
        put_refusal(out, e);
    if (e->flags & INFERENCE) {
        openapi_put_json(out, ",'default':{'$ref':'#/components/responses/InferenceError'}}");
        return;
    }
    openapi_put_json(out, ",'422':{'$ref':'#/components/responses/Invalid'},"
                          "'default':{'$ref':'#/components/responses/Problem'}}");
}

static void put_operation(struct text *out, const struct service *served, const struct endpoint *e)
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
    if (e->permission == ANYONE)
        text_put(out, S("\"security\":[],"));
    else if (e->flags & LOOPBACK) /* with or without, as it depends on where the caller is */
        openapi_put_json(out, "'security':[{'password':[]},{'bearer':[]},{'cookieAuth':[]},{'api_key':[]},{}],");
    else if (endpoint_needs_person(e))
        openapi_put_json(out, "'security':[{'password':[]},{'bearer':[]},{'cookieAuth':[]}],");
    if (e->permission >= 0)
        text_format(out, "\"x-permission\":\"%s\",", permission_rows[e->permission].name);
    put_parameters(out, served, e);
    put_body(out, served, e);
    put_responses(out, e);
    text_put_char(out, '}');
}

/* ---- the document ---- */

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
        { "inference", "Models by the Open Inference Protocol (KServe v2, tritonclient). 推理协议" },
        { "system", "State of the server. 系统" },
    };
    text_put(out, S("\"tags\":["));
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        text_format(out, "%s{\"name\":\"%s\",\"description\":\"%s\"}", i ? "," : "", tags[i][0], tags[i][1]);
    text_put_char(out, ']');
}

/* All rows with the same path stand under one key; the first of them prints them all. */
static bool is_first_of_path(const struct service *served, int table, int row)
{
    const char *path = served->tables[table]->rows[row].path;
    for (int t = 0; t <= table; t++)
        for (int r = 0; r < (t == table ? row : served->tables[t]->count); r++)
            if (!strcmp(served->tables[t]->rows[r].path, path))
                return false;
    return true;
}

static void put_path(struct text *out, const struct service *served, const char *path, bool *first)
{
    bool first_method = true;
    text_format(out, "%s\"%s\":{", *first ? "" : ",", path);
    *first = false;
    for (int t = 0; t < served->count; t++)
        for (int r = 0; r < served->tables[t]->count; r++) {
            const struct endpoint *e = &served->tables[t]->rows[r];
            if (strcmp(e->path, path) != 0)
                continue;
            if (!first_method)
                text_put_char(out, ',');
            first_method = false;
            put_operation(out, served, e);
        }
    text_put_char(out, '}');
}

void openapi_put_document(struct text *out, const struct service *served)
{
    bool first = true;
    openapi_put_json(out, "{'openapi':'3.1.0','info':{'title':'Roentgen','version':'" ROENTGEN_VERSION
                          "','summary':'A self-hosted medical-imaging server','description':");
    openapi_put_introduction(out);
    openapi_put_json(out, ",'license':{'name':'Apache-2.0','identifier':'Apache-2.0'}},'servers':[{'url':'/',"
                          "'description':'This server'}],'security':[{'password':[]},{'bearer':[]},"
                          "{'cookieAuth':[]},{'api_key':[]}],");
    put_tags(out);
    text_put(out, S(",\"paths\":{"));
    for (int t = 0; t < served->count; t++)
        for (int r = 0; r < served->tables[t]->count; r++)
            if (is_first_of_path(served, t, r) && !(served->tables[t]->rows[r].flags & HIDDEN))
                put_path(out, served, served->tables[t]->rows[r].path, &first);
    text_put(out, S("},"));
    openapi_put_components(out, served);
    text_put_char(out, '}');
}
