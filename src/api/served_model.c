/* served_model.c - /v2: the Open Inference Protocol, version 2 (KServe), for the models that are in use here, so that
 * its clients (tritonclient among them) call them as they are. What goes wrong is told as {"error": "..."}. */
#include "diagnosis/model_ask.h"
#include "inference/open_inference.h"
#include "web/exchange.h"

enum { BODY_BYTES_MAX = 64 << 20, ANSWER_BYTES_MAX = 64 << 20, DESCRIPTION_BYTES_MAX = 1 << 20 };

struct served_key {
    struct str name, version;
};
#define NAME_ROW \
    FIELD(struct served_key, name, .flags = READ_ONLY, .min = 1, .max = 64, .doc = "The model's name, as in its card.")
static const struct field name_fields[] = { NAME_ROW };
static const struct field version_fields[] = {
    NAME_ROW,
    FIELD(struct served_key, version, .flags = READ_ONLY, .min = 1, .max = 32, .doc = "Its version."),
};
static const struct schema name_key = SCHEMA("ServedModelKey", struct served_key, name_fields);
static const struct schema version_key = SCHEMA("ServedModelVersionKey", struct served_key, version_fields);

static bool find(struct call *c, struct model *out)
{
    const struct served_key *key = c->in;
    return model_active(c, key->name, key->version, out);
}

static void answer_text(struct call *c, const char *media_type, struct text *text)
{
    answer_bytes(c, media_type, arena_copy(&c->arena, text_str(text)));
    text_release(text);
}

/* ---- the server ---- */

static bool live_get(struct call *c)
{
    answer_bytes(c, "application/json", S("{\"live\":true}"));
    return true;
}

static bool ready_get(struct call *c)
{
    struct model_pool_stats stats = { 0 };
    if (c->app->models)
        model_pool_stats(c->app->models, &stats);
    bool ready = c->app->models && !stats.trouble[0];
    if (!ready)
        answer_status(c, 503);
    answer_bytes(c, "application/json", ready ? S("{\"ready\":true}") : S("{\"ready\":false}"));
    return true;
}

static bool server_get(struct call *c)
{
    answer_bytes(
        c, "application/json",
        S("{\"name\":\"roentgen\",\"version\":\"" ROENTGEN_VERSION "\",\"extensions\":[\"binary_tensor_data\"]}"));
    return true;
}

/* ---- a model ---- */

static bool model_get(struct call *c)
{
    struct model model;
    struct model_face face;
    struct text text;
    if (!find(c, &model))
        return false;
    struct oip_model said = { .name = model.name, .platform = S("onnxruntime_onnx") }; /* as Triton calls it */
    enum { MOST = sizeof(said.versions) / sizeof(said.versions[0]) };
    if (!model_active_versions(c, model.name, MOST, said.versions, &said.version_count) ||
        !model_face_of(c, &model, &face))
        return false;
    if (model_is_remote(&model))
        said.platform = face.runtime;
    memcpy(said.inputs, face.inputs, sizeof(said.inputs));
    memcpy(said.outputs, face.outputs, sizeof(said.outputs));
    said.input_count = face.input_count;
    said.output_count = face.output_count;
    text_init(&text, DESCRIPTION_BYTES_MAX);
    oip_model_write(&said, &text);
    answer_text(c, "application/json", &text);
    return true;
}

static bool model_ready_get(struct call *c)
{
    struct model model;
    struct text text;
    if (!find(c, &model))
        return false;
    text_init(&text, 4096);
    text_put(&text, S("{\"name\":"));
    text_put_json_string(&text, model.name);
    text_put(&text, S(",\"ready\":true}"));
    answer_text(c, "application/json", &text);
    return true;
}

/* ---- a question ---- */

/* Out of the coding that the client has put around it, if any; `unpacked` then holds it. */
static bool unpack(struct call *c, struct text *unpacked, struct str *body)
{
    struct str coding = str_trim(http_header_list(c->request, "Content-Encoding", &c->arena));
    *body = http_body(c->request);
    if (!coding.len || str_equal_fold(coding, S("identity")))
        return true;
    unpacked->hold = &c->hold;
    bool whole = http_unpack(*body, unpacked);
    *body = text_str(unpacked);
    if (unpacked->starved)
        return unpacked->is_too_large ? hold_never(&c->hold, &c->error)
                                      : fail(c, E_UNAVAILABLE, "too much is under way: try again when that has ended");
    if (unpacked->overflowed)
        return fail(c, E_TOO_LARGE, "unpacked, the body has more than the %d bytes that are allowed", BODY_BYTES_MAX);
    return whole || fail(c, E_BAD_REQUEST, "the body is not packed as its Content-Encoding says, or not whole");
}

static bool read_request(struct call *c, struct text *unpacked, struct oip_request *out)
{
    struct str body;
    struct str header = http_header(c->request, "Inference-Header-Content-Length");
    int64_t header_bytes = -1;
    if (header.at && (!str_to_integer(header, &header_bytes) || header_bytes < 0))
        return fail(c, E_BAD_REQUEST, "Inference-Header-Content-Length is no number of bytes");
    return unpack(c, unpacked, &body) &&
           oip_request_read(body, header_bytes, BODY_BYTES_MAX, &c->arena, out, &c->error);
}

static const struct tensor *output_called(const struct model_answer *answer, struct str name)
{
    for (int i = 0; i < answer->output_count; i++)
        if (str_equal(answer->outputs[i].info.name, name))
            return &answer->outputs[i];
    return NULL;
}

static bool choose_outputs(struct call *c, const struct oip_request *asked, const struct model_answer *answer,
                           struct oip_answer *out)
{
    out->output_count = asked->output_count ? asked->output_count : answer->output_count;
    for (int i = 0; i < out->output_count; i++) {
        const struct tensor *one = asked->output_count ? output_called(answer, asked->outputs[i]) : &answer->outputs[i];
        if (!one)
            return fail(c, E_INVALID, "the model has no output %.*s", STR_FMT(asked->outputs[i]));
        out->outputs[i] = *one;
        out->binary[i] = asked->output_count ? asked->binary[i] : asked->all_binary;
    }
    return true;
}

static bool send_answer(struct call *c, const struct oip_answer *answer)
{
    struct text text;
    int64_t header_bytes;
    text_init(&text, ANSWER_BYTES_MAX);
    if (!oip_answer_write(answer, &text, &header_bytes, &c->error)) {
        text_release(&text);
        return false;
    }
    if (header_bytes >= 0)
        answer_header(c, "Inference-Header-Content-Length", arena_format(&c->arena, "%" PRId64, header_bytes));
    answer_text(c, header_bytes >= 0 ? "application/octet-stream" : "application/json", &text);
    return true;
}

static bool infer(struct call *c, struct text *unpacked)
{
    struct model model;
    struct model_answer answer;
    struct model_face face;
    struct str runtime;
    struct oip_request *asked = arena_new(&c->arena, struct oip_request);
    struct oip_answer *out = arena_new(&c->arena, struct oip_answer);
    if (!find(c, &model) || !read_request(c, unpacked, asked))
        return false;
    struct model_question question = { .model = &model, .inputs = asked->inputs, .input_count = asked->input_count };
    if (!model_ask(c, &question, &answer, &face, &runtime) || !choose_outputs(c, asked, &answer, out))
        return false;
    out->model_name = model.name;
    out->model_version = model.version;
    out->id = asked->id;
    out->parameters = model.research_only ? S("{\"research_only\":true}") : STR_NULL;
    return send_answer(c, out);
}

static bool infer_post(struct call *c)
{
    struct text unpacked; /* tensors point into it until the model has answered */
    text_init(&unpacked, BODY_BYTES_MAX);
    bool ok = infer(c, &unpacked);
    text_release(&unpacked);
    return ok;
}

#define PROBE \
    .permission = ANYONE, .tag = "inference", .flags = QUIET | NOT_JSON | INFERENCE, .lane = LANE_PROBES, \
    .answers = "application/json"
#define SERVED \
    .permission = MAY_RUN_AI, .tag = "inference", .flags = NOT_JSON | INFERENCE, .answers = "application/json"
#define ASKED \
    .permission = MAY_RUN_AI, .runs = WORKS, .body = BODY_RAW, .body_max = BODY_BYTES_MAX, .lane = LANE_PICTURES, \
    .tag = "inference", .flags = NOT_JSON | INFERENCE | CODED, \
    .answers = "application/json, application/octet-stream", .summary = "Runs a model on tensors", \
    .doc = "JSON, or JSON with the tensors' bytes behind it (`Inference-Header-Content-Length`, Triton's binary " \
           "extension); the answer likewise, as the request says. Either may be packed. Nothing is kept of it."
static const struct endpoint rows[] = {
    { HTTP_GET, "/v2/health/live", live_get, NULL, NULL, PROBE, .summary = "Is the process alive?" },
    { HTTP_GET, "/v2/health/ready", ready_get, NULL, NULL, PROBE, .summary = "Can it run models? 503 when not",
      .also = { { 503, "It cannot." } } },
    { HTTP_GET, "/v2", server_get, NULL, NULL, SERVED, .summary = "Says what serves models by this protocol" },
    { HTTP_GET, "/v2/models/{name}", model_get, &name_key, NULL, SERVED, .runs = WORKS, .lane = LANE_PICTURES,
      .summary = "Says what goes into an active model and comes out" },
    { HTTP_GET, "/v2/models/{name}/versions/{version}", model_get, &version_key, NULL, SERVED, .runs = WORKS,
      .lane = LANE_PICTURES, .summary = "Says what goes into this version of a model and comes out" },
    { HTTP_GET, "/v2/models/{name}/ready", model_ready_get, &name_key, NULL, SERVED,
      .summary = "Can this model be asked? 404 when not" },
    { HTTP_GET, "/v2/models/{name}/versions/{version}/ready", model_ready_get, &version_key, NULL, SERVED,
      .summary = "Can this version of a model be asked? 404 when not" },
    { HTTP_POST, "/v2/models/{name}/infer", infer_post, &name_key, NULL, ASKED },
    { HTTP_POST, "/v2/models/{name}/versions/{version}/infer", infer_post, &version_key, NULL, ASKED },
};
ENDPOINT_TABLE(served_model_endpoints, rows);
