/* wire_read.c - messages, results and broadcasts that others wrote. */
#include "celery/wire_parts.h"

#include "base/text.h"
#include "schema/field.h"

enum { WORDS_MAX = 800 };

/* ---- parts ---- */

struct str wire_text(const json_t *object, const char *name, struct arena *arena)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member))
        return STR_NULL;
    return arena_copy(arena, (struct str){ json_string_value(member), (ptrdiff_t)json_string_length(member) });
}

bool wire_says(const json_t *object, const char *name, const char *text)
{
    const json_t *member = json_object_get(object, name);
    return json_is_string(member) && !strcmp(json_string_value(member), text);
}

static struct str tree_of(const json_t *json, ptrdiff_t most, struct arena *arena)
{
    struct text text;
    text_init(&text, most);
    json_put_tree(&text, json);
    struct str copy = text.overflowed ? STR_NULL : arena_copy(arena, text_str(&text));
    text_release(&text);
    return copy;
}

bool wire_is_nothing(const json_t *json)
{
    return !json || json_is_null(json) || json_is_false(json) || (json_is_array(json) && !json_array_size(json)) ||
           (json_is_object(json) && !json_object_size(json));
}

static bool is_name(struct str s, ptrdiff_t most)
{
    if (!s.len || s.len > most)
        return false;
    for (ptrdiff_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7F)
            return false;
    return true;
}

/* The object in `text`; NULL, with words, when it is none. */
static json_t *read_object(struct str text, struct arena *arena, bool *strange, const char **trouble)
{
    struct json_flaw flaw;
    if (text.len > CELERY_MESSAGE_MAX) {
        *trouble = "it is too large";
        return NULL;
    }
    json_t *json = json_read(wire_of_python(text, arena, strange), arena, &flaw);
    *trouble = !json ? flaw.what : json_is_object(json) ? NULL : "it is no JSON object";
    if (*trouble && json)
        json_decref(json);
    return *trouble ? NULL : json;
}

/* ---- results ---- */

static enum celery_state state_of(struct str name)
{
    if (str_equal(name, S("PENDING")))
        return CELERY_PENDING;
    unsigned choice = choice_of(celery_states, name);
    return choice ? (enum celery_state)choice : CELERY_OTHER;
}

bool celery_state_is_final(enum celery_state state)
{
    return state >= CELERY_SUCCESS && state <= CELERY_IGNORED;
}

/* C1, U+0080 to U+009F: terminals take some of them for what ESC begins. */
static bool is_c1(struct str s, ptrdiff_t i)
{
    return (unsigned char)s.at[i] == 0xC2 && i + 1 < s.len && (unsigned char)s.at[i + 1] < 0xA0;
}

static void put_clean(struct text *out, struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++) {
        bool two = is_c1(s, i), control = two || (unsigned char)s.at[i] < ' ' || s.at[i] == 0x7F;
        text_put_char(out, control ? ' ' : s.at[i]);
        i += two;
    }
}

static void put_word(struct text *out, const json_t *json)
{
    if (json_is_string(json))
        put_clean(out, (struct str){ json_string_value(json), (ptrdiff_t)json_string_length(json) });
    else if (json && !json_is_null(json))
        json_put_tree(out, json);
}

/* {"exc_type": "ValueError", "exc_message": ["no such study", 7]}: ValueError: no such study, 7 */
static struct str words_of(const json_t *result, struct arena *arena)
{
    struct text text;
    text_init(&text, CELERY_MESSAGE_MAX);
    const json_t *message = json_object_get(result, "exc_message");
    if (json_is_object(result)) {
        put_word(&text, json_object_get(result, "exc_type"));
        if (!wire_is_nothing(message))
            text_put(&text, S(": "));
        for (size_t i = 0; i < json_array_size(message); i++) {
            if (i)
                text_put(&text, S(", "));
            put_word(&text, json_array_get(message, i));
        }
        if (message && !json_is_array(message))
            put_word(&text, message);
    } else if (!wire_is_nothing(result)) {
        put_word(&text, result);
    }
    struct str copy = arena_copy(arena, str_at_most(text_str(&text), WORDS_MAX));
    text_release(&text);
    return copy;
}

const char *celery_result_read(struct str text, struct arena *arena, struct celery_result *out)
{
    struct celery_result result = { 0 };
    struct str message;
    const char *trouble;
    bool strange;
    json_t *json = read_object(text, arena, &strange, &trouble);
    if (!json)
        return trouble;
    struct str status = wire_text(json, "status", arena);
    result.id = wire_text(json, "task_id", arena);
    result.state = state_of(status);
    const json_t *value = json_object_get(json, "result");
    if (result.state == CELERY_SUCCESS)
        result.value = value ? tree_of(value, CELERY_MESSAGE_MAX, arena) : S("null");
    else
        result.words = words_of(value, arena);
    bool fits = result.state != CELERY_SUCCESS || !(strange || (value && json_check_tree(value, &message)));
    json_decref(json);
    if (!fits)
        return "it holds a number that is none in JSON, or whole and beyond 64 bits";
    if (!status.len || !is_name(result.id, CELERY_ID_MAX))
        return "it has no status, or no task_id";
    *out = result;
    return NULL;
}

/* ---- messages ---- */

/* ISO 8601, as Python writes it. False: there is something, and it is none. */
static bool moment_of(const json_t *headers, const char *name, struct arena *arena, struct instant *out)
{
    const json_t *member = json_object_get(headers, name);
    *out = INSTANT_NULL;
    return wire_is_nothing(member) || instant_parse(wire_text(headers, name, arena), out);
}

static const char *read_headers(const json_t *headers, struct arena *arena, struct celery_request *out)
{
    out->name = wire_text(headers, "task", arena);
    out->id = wire_text(headers, "id", arena);
    out->group_id = wire_text(headers, "group", arena);
    out->parent_id = wire_text(headers, "parent_id", arena);
    if (!is_name(out->id, CELERY_ID_MAX))
        return "headers.id is none";
    if (!is_name(out->name, CELERY_NAME_MAX))
        return "headers.task is none";
    if (out->group_id.len > CELERY_ID_MAX || out->parent_id.len > CELERY_ID_MAX)
        return "headers.group or headers.parent_id is none";
    if (!moment_of(headers, "eta", arena, &out->eta) || !moment_of(headers, "expires", arena, &out->expires))
        return "headers.eta or headers.expires is no moment";
    return NULL;
}

/* [args, kwargs, embed] */
static const char *read_body(const json_t *body, struct arena *arena, struct celery_request *out)
{
    static const char *const followers[] = { "callbacks", "errbacks", "chain", "chord" };
    const json_t *kwargs = json_array_get(body, 1), *embed = json_array_get(body, 2);
    if (json_array_size(body) != 3 || !json_is_array(json_array_get(body, 0)) || !json_is_object(kwargs) ||
        !(json_is_object(embed) || json_is_null(embed)))
        return "the body is not [args, kwargs, embed]";
    out->has_args = json_array_size(json_array_get(body, 0)) > 0;
    for (size_t i = 0; i < sizeof(followers) / sizeof(followers[0]); i++)
        out->has_followers = out->has_followers || !wire_is_nothing(json_object_get(embed, followers[i]));
    out->kwargs = tree_of(kwargs, CELERY_MESSAGE_MAX, arena);
    return str_is_null(out->kwargs) ? "it is too large" : NULL;
}

static int64_t priority_of(const json_t *properties)
{
    const json_t *member = json_object_get(properties, "priority");
    int64_t n = json_is_integer(member) ? (int64_t)json_integer_value(member) : 0;
    return n < 0 ? 0 : n > 9 ? 9 : n;
}

static const char *take_body(const json_t *json, struct arena *arena, struct celery_request *out)
{
    const char *trouble;
    struct json_flaw flaw;
    struct str message, plain = wire_body(json, arena, &trouble);
    if (trouble)
        return trouble;
    json_t *body = json_read(plain, arena, &flaw);
    if (!body)
        return "the body is not JSON";
    trouble =
        json_check_tree(body, &message) ? "the body holds what JSON of ours does not" : read_body(body, arena, out);
    json_decref(body);
    return trouble;
}

static const char *read_envelope(const json_t *json, struct arena *arena, struct celery_request *out)
{
    const json_t *properties = json_object_get(json, "properties");
    const char *trouble = read_headers(json_object_get(json, "headers"), arena, out);
    out->delivery_tag = wire_text(properties, "delivery_tag", arena);
    out->priority = priority_of(properties);
    if (!trouble && !out->delivery_tag.len)
        trouble = "properties.delivery_tag is none";
    if (trouble)
        return trouble;
    out->refused = take_body(json, arena, out);
    return json_is_string(json_object_get(properties, "reply_to")) ? NULL : out->refused;
}

const char *celery_request_read(struct str text, struct arena *arena, struct celery_request *out)
{
    struct celery_request request = { .eta = INSTANT_NULL, .expires = INSTANT_NULL };
    const char *trouble;
    bool strange;
    json_t *json = read_object(text, arena, &strange, &trouble);
    if (!json)
        return trouble;
    trouble = read_envelope(json, arena, &request);
    json_decref(json);
    if (!trouble)
        *out = request;
    return trouble;
}

/* ---- broadcasts ---- */

static int read_revoked(const json_t *body, struct arena *arena, struct str *ids, int most, bool *terminate)
{
    const json_t *arguments = json_object_get(body, "arguments"), *given = json_object_get(arguments, "task_id");
    int count = 0;
    if (!wire_says(body, "method", "revoke"))
        return 0;
    *terminate = json_is_true(json_object_get(arguments, "terminate"));
    if (json_is_string(given) && most > 0)
        ids[count++] = wire_text(arguments, "task_id", arena);
    for (size_t i = 0; i < json_array_size(given) && count < most; i++) {
        const json_t *one = json_array_get(given, i);
        if (json_is_string(one))
            ids[count++] =
                arena_copy(arena, (struct str){ json_string_value(one), (ptrdiff_t)json_string_length(one) });
    }
    return count;
}

int celery_revoked(struct str text, struct arena *arena, struct str *ids, int most, bool *terminate)
{
    const char *trouble;
    struct json_flaw flaw;
    bool strange;
    json_t *json = read_object(text, arena, &strange, &trouble);
    if (!json)
        return 0;
    struct str plain = wire_body(json, arena, &trouble);
    json_t *body = plain.len ? json_read(plain, arena, &flaw) : NULL;
    int count = body ? read_revoked(body, arena, ids, most, terminate) : 0;
    json_decref(body);
    json_decref(json);
    return count;
}

/* ---- what nobody acknowledged ---- */

/* [message, exchange, routing_key] */
struct str celery_redelivered(struct str text, struct arena *arena, struct str *exchange, struct str *routing_key,
                              int64_t *priority)
{
    struct json_flaw flaw;
    struct str whole = STR_NULL;
    json_t *json = json_read(text, arena, &flaw);
    json_t *message = json_array_get(json, 0);
    const json_t *names[] = { json_array_get(json, 1), json_array_get(json, 2) };
    if (json_is_object(message) && json_is_string(names[0]) && json_is_string(names[1])) {
        json_t *properties = json_object_get(message, "properties");
        json_object_set_new(json_object_get(message, "headers"), "redelivered", json_true());
        json_object_set_new(json_object_get(properties, "delivery_info"), "redelivered", json_true());
        *exchange = arena_copy(arena, str_from(json_string_value(names[0])));
        *routing_key = arena_copy(arena, str_from(json_string_value(names[1])));
        *priority = priority_of(properties);
        whole = tree_of(message, 2 * text.len + 1000, arena);
    }
    json_decref(json);
    return whole;
}
