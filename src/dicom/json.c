/* json.c - the parser's events become nested JSON objects; json_value.c writes what is in them. */
#include "dicom/json.h"

#include "dicom/head.h"
#include "dicom/json_value.h"

#include <inttypes.h>

enum { TAG_PIXEL_DATA = 0x7FE00010, TAG_CHARACTER_SET = 0x00080005, SEEN_AT_FIRST = 1024 };

struct dicom_json_level {
    uint32_t serial; /* tells data sets apart in `seen` */
    bool has_members;
    uint32_t sequence; /* the one open in it; 0: none */
    int64_t items;     /* of that sequence, so far */
    struct dicom_charset charset;
};

static struct dicom_json_level *current(struct dicom_json *json)
{
    return &json->levels[json->level];
}

void dicom_json_begin(struct dicom_json *json, const struct dicom_json_options *options, struct text *out)
{
    *json = (struct dicom_json){ .options = *options, .out = out };
    arena_init(&json->arena);
    json->levels = calloc(PARSER_DEPTH_MAX + 1, sizeof(*json->levels));
    if (!json->levels)
        abort();
    dicom_charset_init(&json->declared, STR_NULL);
    dicom_charset_init(&json->used, options->charset);
    json->levels[0].charset = json->used;
    text_put_char(out, '{');
}

/* ---- which tags were told already ---- */

static uint64_t *slot_of(uint64_t *seen, int64_t capacity, uint64_t key)
{
    uint64_t place = (key * 0x9E3779B97F4A7C15u) >> 20;
    for (;; place++) {
        uint64_t *slot = &seen[place & (uint64_t)(capacity - 1)];
        if (*slot == 0 || *slot == key)
            return slot;
    }
}

static void grow_seen(struct dicom_json *json)
{
    int64_t capacity = json->seen_capacity ? 2 * json->seen_capacity : SEEN_AT_FIRST;
    uint64_t *seen = calloc((size_t)capacity, sizeof(*seen));
    if (!seen)
        abort(); /* bounded by dicom_limits.elements */
    for (int64_t i = 0; i < json->seen_capacity; i++)
        if (json->seen[i])
            *slot_of(seen, capacity, json->seen[i]) = json->seen[i];
    free(json->seen);
    json->seen = seen;
    json->seen_capacity = capacity;
}

/* False: the data set has a member of this tag. */
static bool is_first(struct dicom_json *json, uint32_t tag)
{
    if (2 * json->seen_count >= json->seen_capacity)
        grow_seen(json);
    uint64_t key = ((uint64_t)current(json)->serial << 32 | tag) + 1; /* 0 is an empty slot */
    uint64_t *slot = slot_of(json->seen, json->seen_capacity, key);
    if (*slot)
        return false;
    *slot = key;
    json->seen_count++;
    return true;
}

static bool is_told(struct dicom_json *json, const struct dicom_element *e)
{
    if (json->skipping || ((e->tag & 0xFFFF) == 0 && !(e->tag >> 16 == 0x0002 && json->options.include_meta)))
        return false;
    if (e->tag >> 16 == 0x0002 && e->depth == 0 && !json->options.include_meta)
        return false;
    if (json->options.skip_pixel_data && e->depth == 0 &&
        (e->tag == TAG_PIXEL_DATA || e->tag == 0x7FE00008 || e->tag == 0x7FE00009))
        return false;
    return is_first(json, e->tag);
}

/* ---- members ---- */

static void begin_member(struct dicom_json *json, uint32_t tag, uint16_t vr)
{
    struct dicom_json_level *level = current(json);
    text_format(json->out, "%s\"%08X\":{\"vr\":\"%c%c\"", level->has_members ? "," : "", (unsigned)tag, vr >> 8,
                vr & 0xFF);
    level->has_members = true;
}

static void put_bulk_uri(struct dicom_json *json, uint32_t tag)
{
    struct text uri;
    text_init(&uri, json->out->max);
    text_put(&uri, json->options.bulk_uri_prefix);
    for (int i = 0; i < json->level; i++)
        text_format(&uri, "%08X/%" PRId64 "/", (unsigned)json->levels[i].sequence, json->levels[i].items);
    text_format(&uri, "%08X", (unsigned)tag);
    text_put(json->out, S(",\"BulkDataURI\":"));
    text_put_json_string(json->out, text_str(&uri));
    json->out->overflowed = json->out->overflowed || uri.overflowed;
    text_release(&uri);
}

static bool has_bulk(const struct dicom_json *json)
{
    return !str_is_null(json->options.bulk_uri_prefix);
}

/* Items that declare what the file declares are in what the file is really in, too. */
static void take_charset(struct dicom_json *json, struct str value)
{
    struct dicom_charset *charset = &current(json)->charset;
    dicom_charset_init(charset, value);
    if (json->level == 0)
        json->declared = *charset;
    if (json->options.charset.len && dicom_charset_equal(charset, &json->declared))
        *charset = json->used;
}

static bool on_element(void *context, const struct dicom_element *e)
{
    struct dicom_json *json = context;
    if (e->tag == TAG_CHARACTER_SET && !json->skipping)
        take_charset(json, e->value);
    if (!is_told(json, e))
        return true;
    const struct vr_row *row = vr_row(e->vr);
    if (e->value.len % row->width && row->kind != VR_BYTES) {
        static const uint16_t unknown = VR('U', 'N');
        row = vr_row(unknown);
    }
    begin_member(json, e->tag, row->vr == VR('U', 'N') ? row->vr : e->vr);
    if (has_bulk(json) && row->may_be_bulk && e->length > json->options.bulk_threshold_bytes)
        put_bulk_uri(json, e->tag);
    else if (!e->value.at && e->length)
        json->left_out++;
    else if (e->value.len > json->out->max - json->out->len)
        json->out->overflowed = true; /* before memory is taken to decode it */
    else
        dicom_json_put_value(json->out, e, row, &current(json)->charset, &json->arena);
    text_put_char(json->out, '}');
    arena_reset(&json->arena);
    return !json->out->overflowed;
}

/* ---- sequences ---- */

static bool on_sequence(void *context, const struct dicom_element *e)
{
    struct dicom_json *json = context;
    if (!is_told(json, e)) {
        json->skipping++;
        return true;
    }
    begin_member(json, e->tag, VR('S', 'Q'));
    current(json)->sequence = e->tag;
    current(json)->items = 0;
    return !json->out->overflowed;
}

static bool on_item(void *context, int64_t offset)
{
    struct dicom_json *json = context;
    (void)offset;
    if (json->skipping)
        return true;
    struct dicom_json_level *outer = current(json);
    text_put(json->out, outer->items++ ? S(",{") : S(",\"Value\":[{"));
    json->level++;
    *current(json) = (struct dicom_json_level){ .serial = ++json->serials, .charset = outer->charset };
    return !json->out->overflowed;
}

static bool on_item_end(void *context)
{
    struct dicom_json *json = context;
    if (json->skipping)
        return true;
    json->level--;
    text_put_char(json->out, '}');
    return !json->out->overflowed;
}

static void end_sequence(struct dicom_json *json)
{
    struct dicom_json_level *level = current(json);
    text_put(json->out, level->items ? S("]}") : S("}"));
    level->sequence = 0;
}

/* ---- encapsulated pixel data ---- */

static bool on_fragments(void *context, const struct dicom_element *e)
{
    struct dicom_json *json = context;
    if (!is_told(json, e)) {
        json->skipping++;
        return true;
    }
    begin_member(json, e->tag, e->vr);
    if (has_bulk(json)) {
        put_bulk_uri(json, e->tag);
        text_put_char(json->out, '}');
        json->skipping++;
        return !json->out->overflowed;
    }
    text_put(json->out, S(",\"InlineBinary\":\""));
    json->in_fragments = true;
    json->carry_count = 0;
    return !json->out->overflowed;
}

static bool on_fragment(void *context, int64_t offset, struct str bytes)
{
    struct dicom_json *json = context;
    (void)offset;
    if (json->skipping)
        return true;
    uint32_t length = (uint32_t)bytes.len;
    const char header[8] = { (char)0xFE,           (char)0xFF,          0x00,
                             (char)0xE0,           (char)length,        (char)(length >> 8),
                             (char)(length >> 16), (char)(length >> 24) };
    base64_put(json->out, (struct str){ header, 8 }, json->carry, &json->carry_count);
    base64_put(json->out, bytes, json->carry, &json->carry_count);
    return !json->out->overflowed;
}

static void end_fragments(struct dicom_json *json)
{
    base64_end(json->out, json->carry, json->carry_count);
    text_put(json->out, S("\"}"));
    json->in_fragments = false;
}

static bool on_sequence_end(void *context)
{
    struct dicom_json *json = context;
    if (json->skipping)
        json->skipping--;
    else if (json->in_fragments)
        end_fragments(json);
    else
        end_sequence(json);
    return !json->out->overflowed;
}

const struct dicom_events dicom_json_events = { on_element,      on_sequence,  on_item,    on_item_end,
                                                on_sequence_end, on_fragments, on_fragment };

/* Closes what an error has left open. */
void dicom_json_end(struct dicom_json *json)
{
    if (json->in_fragments)
        end_fragments(json);
    for (;;) {
        if (current(json)->sequence)
            end_sequence(json);
        text_put_char(json->out, '}');
        if (json->level == 0)
            break;
        json->level--;
    }
    free(json->levels);
    free(json->seen);
    arena_release(&json->arena);
    *json = (struct dicom_json){ .left_out = json->left_out };
}
