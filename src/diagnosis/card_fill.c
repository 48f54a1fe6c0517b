/* card_fill.c - what a model's file, or the bundle that it came in, says of itself, in the words of a card.
 *
 * What is found is a beginning that card_read judges like any other: nothing here is believed, and what cannot be read
 * is left out rather than refused.
 */
#include "diagnosis/card_parts.h"

#include "schema/json_read.h"

/* ---- JSON ---- */

static json_t *read_json(struct call *c, struct str text)
{
    struct json_flaw flaw;
    return text.len && text.len <= CARD_BYTES_MAX ? json_read(text, &c->arena, &flaw) : NULL;
}

static json_t *text_of(struct str text)
{
    return json_stringn(text.at ? text.at : "", (size_t)text.len); /* NULL: not UTF-8 */
}

static json_t *text_at_most(struct str text, ptrdiff_t bytes)
{
    return text_of(str_trim(str_at_most(str_trim(text), bytes)));
}

/* A member that is not there yet. Takes `value`, which may be NULL. */
static void put(json_t *object, const char *name, json_t *value)
{
    if (value && !json_object_get(object, name))
        json_object_set_new(object, name, value);
    else
        json_decref(value);
}

static struct str written(struct call *c, json_t *json)
{
    struct str all = json_tree_text(json, 4 * CARD_BYTES_MAX, &c->arena);
    json_decref(json);
    return all.at ? all : S("{}");
}

/* ---- labels ---- */

enum { CODE_MAX = 16, MEANING_MAX = 64, LABEL_MAX = 100 };

/* A name that means no more than its own house knows. The threshold is for people to say. */
static void put_label(json_t *labels, struct str name)
{
    if (str_is_empty(str_trim(name)) || !str_is_utf8(name) || json_array_size(labels) >= CARD_LABELS_MAX)
        return;
    json_t *code = json_object(), *label = json_object();
    put(code, "scheme", json_string("99LOCAL"));
    put(code, "value", text_at_most(name, CODE_MAX));
    put(code, "meaning", text_at_most(name, MEANING_MAX));
    put(label, "code", code);
    put(label, "label", text_at_most(name, LABEL_MAX));
    json_array_append_new(labels, label);
}

/* {0: 'heart', 1: "lung"}, as Python writes a dictionary; places in a row from 0. */
static json_t *labels_of_names(struct str names)
{
    json_t *labels = json_array();
    while (names.len) {
        ptrdiff_t from = 0;
        while (from < names.len && names.at[from] != '\'' && names.at[from] != '"')
            from++;
        ptrdiff_t to = from + 1;
        while (to < names.len && names.at[to] != names.at[from])
            to += names.at[to] == '\\' ? 2 : 1;
        if (to < names.len)
            put_label(labels, str_slice(names, from + 1, to));
        names = str_slice(names, to + 1, names.len);
    }
    if (json_array_size(labels))
        return labels;
    json_decref(labels);
    return NULL;
}

/* ---- the graph ---- */

static json_t *sizes(int64_t height, int64_t width)
{
    json_t *size = json_array();
    json_array_append_new(size, json_integer(height));
    json_array_append_new(size, json_integer(width));
    return size;
}

/* Four axes, one of which, the second or the last, is 1 or 3 channels. */
static void put_shape(json_t *input, const struct tensor_info *info)
{
    const int64_t *at = info->shape.at;
    if (info->shape.rank != 4)
        return;
    bool first = at[1] == 1 || at[1] == 3, last = !first && (at[3] == 1 || at[3] == 3);
    if (!first && !last)
        return;
    put(input, "layout", json_string(last ? "NHWC" : "NCHW"));
    put(input, "colour", json_string(at[last ? 3 : 1] == 3 ? "rgb" : "gray"));
    if (at[last ? 1 : 2] > 0 && at[last ? 2 : 3] > 0)
        put(input, "size", sizes(at[last ? 1 : 2], at[last ? 2 : 3]));
}

static json_t *input_of(const struct onnx_file *file)
{
    json_t *input = json_object();
    if (file->input_count != 1)
        return input;
    const struct tensor_info *info = &file->inputs[0];
    put(input, "name", text_of(info->name));
    put_shape(input, info);
    put(input, "type",
        info->type == TENSOR_FP32    ? json_string("float32")
        : info->type == TENSOR_FP16  ? json_string("float16")
        : info->type == TENSOR_UINT8 ? json_string("uint8")
                                     : NULL);
    return input;
}

/* ---- YOLO exports ---- */

static const struct {
    const char *yolo, *task, *role;
} yolo_tasks[] = {
    { "detect", "detection", "boxes" },
    { "pose", "keypoints", "keypoints" },
    { "classify", "classification", "probability" },
};

static json_t *yolo_output(const struct onnx_file *file, const char *role)
{
    json_t *outputs = json_array(), *output = json_object();
    put(output, "name", text_of(file->outputs[0].name));
    put(output, "role", json_string(role));
    if (str_equal(str_from(role), S("boxes"))) {
        put(output, "box", json_string("cxcywh"));
        put(output, "scored", json_true());
        put(output, "iou", json_real(0.7)); /* what their own programs take */
    }
    if (!str_equal(str_from(role), S("probability")))
        put(output, "by_column", json_true());
    json_array_append_new(outputs, output);
    return outputs;
}

/* Trained on pictures of 0 to 1 with grey borders (114 of 255); classification has a centre cut out. */
static void put_yolo(struct call *c, json_t *card, json_t *input, const struct onnx_file *file)
{
    struct str task = onnx_property(file, S("task"));
    json_t *labels = labels_of_names(onnx_property(file, S("names")));
    if (!labels)
        return;
    put(card, "labels", labels);
    put(input, "size", read_json(c, onnx_property(file, S("imgsz"))));
    put(input, "resample", json_string("bilinear"));
    put(input, "range", json_pack("[i,i]", 0, 1));
    for (size_t i = 0; i < sizeof(yolo_tasks) / sizeof(yolo_tasks[0]); i++) {
        if (!str_equal(task, str_from(yolo_tasks[i].yolo)))
            continue;
        bool cut = i == 2;
        put(card, "task", json_string(yolo_tasks[i].task));
        put(card, "outputs", yolo_output(file, yolo_tasks[i].role));
        put(input, "fit", json_string(cut ? "crop" : "letterbox"));
        put(input, "padding", cut ? NULL : json_real(0.447));
    }
}

/* ---- properties named as members of the card ---- */

static bool is_structure(const struct field *field)
{
    return field->kind == &kind_object || field->kind == &kind_list || field->kind == &kind_texts ||
           field->kind == &kind_json;
}

static json_t *value_of(struct call *c, const struct field *field, struct str text)
{
    int64_t number;
    if (is_structure(field)) {
        json_t *json = read_json(c, text);
        bool fits =
            field->kind == &kind_object ? json_is_object(json) : json_is_array(json) || field->kind == &kind_json;
        if (fits)
            return json;
        json_decref(json);
        return NULL;
    }
    if (field->kind == &kind_integer)
        return str_to_integer(text, &number) ? json_integer(number) : NULL;
    if (field->kind == &kind_boolean)
        return str_equal(text, S("true")) ? json_true() : str_equal(text, S("false")) ? json_false() : NULL;
    if (field->kind == &kind_choice && !choice_of(field->choices, text))
        return NULL;
    return text_of(text);
}

static json_t *whole_card(struct call *c, const struct onnx_file *file)
{
    json_t *card = read_json(c, onnx_property(file, S("card")));
    if (json_is_object(card))
        return card;
    json_decref(card);
    return json_object();
}

struct str card_of_file(struct call *c, const struct onnx_file *file)
{
    json_t *card = whole_card(c, file);
    for (int i = 0; i < card_schema.count; i++) {
        const struct field *field = &card_schema.fields[i];
        struct str text = onnx_property(file, str_from(field->name));
        if (text.at)
            put(card, field->name, value_of(c, field, text));
    }
    json_t *given = json_object_get(card, "input"), *input = json_is_object(given) ? json_incref(given) : json_object();
    put_yolo(c, card, input, file);
    json_t *found = input_of(file);
    json_object_update_missing(input, found);
    json_decref(found);
    json_object_set_new(card, "input", input);
    put(card, "format", json_integer(CARD_FORMAT));
    put(card, "title", str_is_empty(file->description) ? NULL : text_at_most(file->description, 200));
    put(card, "opset", file->opset > 0 ? json_integer(file->opset) : NULL);
    return written(c, card);
}

/* ---- MONAI bundles (metadata.json, schema of docs.monai.io) ---- */

static json_t *copied_text(const json_t *from, const char *name)
{
    const json_t *text = json_object_get(from, name);
    return json_is_string(text) ? json_string(json_string_value(text)) : NULL;
}

/* The first member of an object, and its name. */
static json_t *first_of(json_t *object, const char **name)
{
    void *at = json_object_iter(object);
    *name = at ? json_object_iter_key(at) : NULL;
    return at ? json_object_iter_value(at) : NULL;
}

static json_t *bundle_input(json_t *formats)
{
    const char *name;
    json_t *from = first_of(json_object_get(formats, "inputs"), &name), *input = json_object();
    json_t *size = json_object_get(from, "spatial_shape"), *range = json_object_get(from, "value_range");
    int64_t channels = json_integer_value(json_object_get(from, "num_channels"));
    put(input, "name", name ? json_string(name) : NULL);
    if (json_array_size(size) == 2 && json_is_integer(json_array_get(size, 0)) &&
        json_is_integer(json_array_get(size, 1)))
        put(input, "size", json_incref(size));
    put(input, "colour", channels == 1 ? json_string("gray") : channels == 3 ? json_string("rgb") : NULL);
    put(input, "range", json_array_size(range) == 2 ? json_incref(range) : NULL);
    put(input, "layout", json_string("NCHW"));
    return input;
}

/* {"0": "background", "1": "spleen"}: the channel's number is the label's index; what is behind all is no label. */
static json_t *bundle_labels(json_t *channels)
{
    json_t *labels = json_array(), *name;
    const char *key;
    json_object_foreach(channels, key, name)
    {
        int64_t index;
        struct str text = str_from(json_string_value(name));
        size_t before = json_array_size(labels);
        if (!text.at || str_equal_fold(text, S("background")) || !str_to_integer(str_from(key), &index))
            continue;
        put_label(labels, text);
        if (json_array_size(labels) > before)
            put(json_array_get(labels, before), "index", json_integer(index));
    }
    if (json_array_size(labels))
        return labels;
    json_decref(labels);
    return NULL;
}

static void put_bundle_output(json_t *card, json_t *formats)
{
    const char *name;
    json_t *from = first_of(json_object_get(formats, "outputs"), &name);
    struct str format = str_from(json_string_value(json_object_get(from, "format")));
    bool is_mask = str_equal(format, S("segmentation"));
    if (!name)
        return;
    json_t *outputs = json_array(), *output = json_object();
    put(output, "name", json_string(name));
    put(output, "role", is_mask ? json_string("mask") : str_equal(format, S("classes")) ? json_string("logits") : NULL);
    json_array_append_new(outputs, output);
    put(card, "outputs", outputs);
    put(card, "task", is_mask ? json_string("segmentation") : NULL);
    put(card, "labels", bundle_labels(json_object_get(from, "channel_def")));
}

bool card_of_bundle(struct call *c, struct str metadata, struct str *json)
{
    json_t *from = read_json(c, metadata);
    if (!json_is_object(from)) {
        json_decref(from);
        return fail(c, E_BAD_REQUEST, "the bundle's metadata is no JSON object of at most %d bytes", CARD_BYTES_MAX);
    }
    json_t *card = json_object(), *formats = json_object_get(from, "network_data_format");
    put(card, "format", json_integer(CARD_FORMAT));
    put(card, "title", copied_text(from, "name"));
    put(card, "version", copied_text(from, "version"));
    put(card, "intended_use", copied_text(from, "intended_use"));
    put(card, "licence", copied_text(from, "license"));
    put(card, "licence", copied_text(from, "copyright"));
    put(card, "training_data", copied_text(from, "data_source"));
    put(card, "figures", json_incref(json_object_get(from, "eval_metrics")));
    put(card, "input", bundle_input(formats));
    put_bundle_output(card, formats);
    json_decref(from);
    *json = written(c, card);
    return true;
}

/* ---- together ---- */

bool card_merge(struct call *c, struct str given, struct str found, struct str *json)
{
    json_t *card = given.at ? read_json(c, given) : json_object(), *rest = read_json(c, found);
    bool ok = json_is_object(card) && json_is_object(rest);
    if (ok) {
        json_t *input = json_object_get(card, "input"), *more = json_object_get(rest, "input");
        if (json_is_object(input) && json_is_object(more))
            json_object_update_missing(input, more);
        json_object_update_missing(card, rest);
        *json = written(c, json_incref(card));
    }
    json_decref(card);
    json_decref(rest);
    return ok || fail(c, E_BAD_REQUEST, "the card is no JSON object of at most %d bytes", CARD_BYTES_MAX);
}
