/* remote_model.c - the Open Inference Protocol, as the one who asks. */
#include "inference/remote_model.h"

#include "base/clock.h"
#include "schema/json_read.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WORDS_MAX = 200, DESCRIPTION_BYTES = 1 << 20, JSON_ROOM = 64 << 10 };
static const int64_t pauses_ms[REMOTE_ATTEMPTS - 1] = { 200, 1000 };

/* ---- where ---- */

static void put_escaped(struct text *out, struct str s)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"; /* RFC 3986 2.3 */
    for (ptrdiff_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (memchr(plain, c, sizeof(plain) - 1))
            text_put_char(out, (char)c);
        else
            text_format(out, "%%%02X", c);
    }
}

static struct str server_url(const struct remote_model *at, struct arena *arena)
{
    return arena_format(arena, "%.*s/v2", STR_FMT(str_slice(at->url, 0, at->url.len - str_ends(at->url, S("/")))));
}

static struct str url_of(const struct remote_model *at, const char *verb, struct arena *arena)
{
    struct text url;
    text_init(&url, 8192);
    text_put(&url, server_url(at, arena));
    text_put(&url, S("/models/"));
    put_escaped(&url, at->name);
    if (at->version.len) {
        text_put(&url, S("/versions/"));
        put_escaped(&url, at->version);
    }
    text_put(&url, str_from(verb));
    struct str out = arena_copy(arena, text_str(&url));
    text_release(&url);
    return out;
}

/* ---- what went wrong ---- */

/* Of a text: its last line, which in a traceback of Python's (MLServer) says what went wrong. Null: none, or a page. */
static struct str last_line(struct str body)
{
    struct str text = str_trim(body), line = STR_NULL;
    if (!str_is_utf8(text) || str_starts(text, S("<")) || str_starts(text, S("{")))
        return line;
    while (str_next(&text, '\n', &line))
        continue;
    return str_trim(line);
}

/* The server's own words, cut, as one line of plain text: they are a stranger's. */
static void words_of(struct str body, struct arena *arena, char out[WORDS_MAX + 1])
{
    struct json_flaw flaw;
    json_t *json = json_read(body, arena, &flaw);
    const json_t *said = json_object_get(json, "error");
    if (!said)
        said = json_object_get(json, "detail");
    struct str words = json ? STR_NULL : last_line(body);
    if (json_is_string(said))
        words = (struct str){ json_string_value(said), (ptrdiff_t)json_string_length(said) };
    if (!words.len)
        words = S("it does not say why");
    words = str_at_most(words, WORDS_MAX);
    for (ptrdiff_t i = 0; i < words.len; i++)
        out[i] = (unsigned char)words.at[i] < ' ' || words.at[i] == 0x7F ? ' ' : words.at[i];
    out[words.len] = '\0';
    json_decref(json);
}

static bool passes(int status)
{
    return status == 408 || status == 429 || (status >= 502 && status <= 504);
}

static bool tell(const struct remote_model *at, const struct outbound_answer *answer, struct arena *arena,
                 struct error *error)
{
    char words[WORDS_MAX + 1];
    words_of(answer->body, arena, words);
    enum error_code code =
        answer->status >= 400 && answer->status < 500 && !passes(answer->status) ? E_INVALID : E_UNAVAILABLE;
    return error_set(error, code, "the server of the model %.*s answered %d: %s", STR_FMT(at->name), answer->status,
                     answer->status >= 300 && answer->status < 400 ? "it points elsewhere, which is not followed"
                                                                   : words);
}

/* False: somebody wants it to stop. */
static bool pause_for(const struct remote_options *options, int64_t ms)
{
    enum { PIECE_MS = 100 };
    for (; ms > 0; ms -= PIECE_MS) {
        if (options->is_stopping && options->is_stopping(options->context))
            return false;
        clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = PIECE_MS * 1000000L }, NULL);
    }
    return true;
}

/* Asks until there is an answer that stays; 200 is the only one that is not told as an error. */
static bool ask(const struct remote_options *options, const struct remote_model *at, struct outbound_request *request,
                struct arena *arena, struct outbound_answer *out, struct error *error)
{
    request->timeout_ms = options->timeout_ms;
    request->is_stopping = options->is_stopping;
    request->context = options->context;
    for (int i = 0;; i++) {
        error_clear(error);
        bool answered = outbound_send(options->outbound, request, arena, out, error);
        if (answered && out->status == 200)
            return true;
        bool again = answered ? passes(out->status) : error->code == E_UNAVAILABLE && !error->retry_after_s;
        if (!again || i == REMOTE_ATTEMPTS - 1 || !pause_for(options, pauses_ms[i]))
            return answered ? tell(at, out, arena, error) : false;
    }
}

/* ---- describe ---- */

bool remote_model_face(struct str said, struct arena *arena, struct model_face *out, struct error *error)
{
    struct oip_model model;
    if (!oip_model_read(said, arena, &model, error))
        return false;
    *out = (struct model_face){ .input_count = model.input_count,
                                .output_count = model.output_count,
                                .runtime = model.platform };
    memcpy(out->inputs, model.inputs, sizeof(out->inputs));
    memcpy(out->outputs, model.outputs, sizeof(out->outputs));
    return true;
}

static bool has_extension(struct str body, const char *name, struct arena *arena)
{
    struct json_flaw flaw;
    json_t *json = json_read(body, arena, &flaw);
    const json_t *list = json_object_get(json, "extensions"), *one;
    size_t i;
    bool has = false;
    json_array_foreach(list, i, one)
    {
        has = has || (json_is_string(one) && str_equal(str_from(json_string_value(one)), str_from(name)));
    }
    json_decref(json);
    return has;
}

/* A server that does not say what it is (4xx) has no extensions. */
static bool ask_extensions(const struct remote_options *options, const struct remote_model *at, struct arena *arena,
                           bool *is_binary, struct error *error)
{
    struct outbound_request request = { .url = server_url(at, arena), .answer_bytes = DESCRIPTION_BYTES };
    struct outbound_answer answer;
    bool answered = ask(options, at, &request, arena, &answer, error);
    if (!answered && error->code != E_INVALID)
        return false;
    error_clear(error);
    *is_binary = answered && has_extension(answer.body, "binary_tensor_data", arena);
    return true;
}

bool remote_model_describe(const struct remote_options *options, const struct remote_model *at, struct arena *arena,
                           struct remote_said *out, struct error *error)
{
    struct outbound_request request = { .url = url_of(at, "", arena), .answer_bytes = DESCRIPTION_BYTES };
    struct outbound_answer answer;
    if (!ask(options, at, &request, arena, &answer, error))
        return false;
    out->text = answer.body;
    return remote_model_face(answer.body, arena, &out->face, error) &&
           ask_extensions(options, at, arena, &out->is_binary, error);
}

/* ---- run ---- */

static int64_t header_bytes_of(struct str wanted)
{
    int64_t bytes;
    return str_is_null(wanted) ? -1 : str_to_integer(wanted, &bytes) && bytes > 0 ? bytes : 0;
}

static const struct tensor *tensor_called(const struct tensor *tensors, int count, struct str name)
{
    for (int i = 0; i < count; i++)
        if (str_equal(tensors[i].info.name, name))
            return &tensors[i];
    return NULL;
}

/* Each tensor of `wanted` is among `given`, and as it should be. */
static bool suit(const struct tensor_info *wanted, int wanted_count, const struct tensor *given, int count,
                 const char *what, struct error *error)
{
    for (int i = 0; i < wanted_count; i++) {
        const struct tensor *one = tensor_called(given, count, wanted[i].name);
        if (!one)
            return error_set(error, E_INVALID, "the model's %s %.*s is not there", what, STR_FMT(wanted[i].name));
        if (!tensor_suits(one, &wanted[i], error) || !tensor_check(one, error))
            return false;
    }
    return count == wanted_count ||
           error_set(error, E_INVALID, "the model has %d %ss; there are %d", wanted_count, what, count);
}

bool remote_answer_read(const struct model_face *face, struct str body, int64_t header_bytes, int64_t tensor_bytes,
                        struct arena *arena, struct model_answer *out, struct error *error)
{
    struct oip_answer read;
    if (!oip_answer_read(body, header_bytes, tensor_bytes, arena, &read, error) ||
        !suit(face->outputs, face->output_count, read.outputs, read.output_count, "output", error)) {
        error->code = E_INVALID; /* whatever is wrong with it: it is the model's, and asking again would not help */
        return false;
    }
    for (int i = 0; i < face->output_count; i++)
        out->outputs[i] = *tensor_called(read.outputs, read.output_count, face->outputs[i].name);
    out->output_count = face->output_count;
    return true;
}

bool remote_request_write(const struct remote_order *order, struct text *out, int64_t *header_bytes,
                          struct error *error)
{
    struct oip_request request = { .id = order->id, .input_count = order->input_count, .all_binary = order->is_binary };
    if (!suit(order->face->inputs, order->face->input_count, order->inputs, order->input_count, "input", error))
        return false;
    memcpy(request.inputs, order->inputs, (size_t)order->input_count * sizeof(*order->inputs));
    return oip_request_write(&request, order->is_binary, out, header_bytes, error);
}

static bool send_run(const struct remote_options *options, const struct remote_order *order, struct str body,
                     int64_t header_bytes, struct arena *arena, struct model_answer *out, struct error *error)
{
    char header[64];
    struct outbound_answer answer;
    snprintf(header, sizeof(header), "Inference-Header-Content-Length: %lld", (long long)header_bytes);
    struct outbound_request request = {
        .url = url_of(&order->at, "/infer", arena),
        .body = body,
        .content_type = header_bytes < 0 ? "application/json" : "application/octet-stream",
        .headers = { header_bytes < 0 ? NULL : header },
        .wanted = "Inference-Header-Content-Length",
        /* An output that is not sent as bytes takes up to 25 characters a number. */
        .answer_bytes = 4 * options->tensor_bytes + DESCRIPTION_BYTES,
    };
    int64_t begun_us = clock_monotonic_us();
    bool ok = ask(options, &order->at, &request, arena, &answer, error) &&
              remote_answer_read(order->face, answer.body, header_bytes_of(answer.wanted), options->tensor_bytes, arena,
                                 out, error);
    out->run_us = clock_monotonic_us() - begun_us;
    return ok;
}

bool remote_model_run(const struct remote_options *options, const struct remote_order *order, struct arena *arena,
                      struct model_answer *out, struct error *error)
{
    struct text body;
    int64_t header_bytes;
    *out = (struct model_answer){ 0 };
    text_init(&body, (ptrdiff_t)options->tensor_bytes + JSON_ROOM);
    bool ok = remote_request_write(order, &body, &header_bytes, error) &&
              send_run(options, order, text_str(&body), header_bytes, arena, out, error);
    text_release(&body);
    return ok;
}
