/* model.c - models: brought in, listed, switched on and off. */
#include "api/form.h"
#include "diagnosis/model.h"
#include "web/listing.h"

struct model_list {
    struct list_query list;
    unsigned state;
};
#define MODEL_SORTS(X) X("created_at", "m.created_at")
LIST_ORDER(model_order, MODEL_SORTS);
static const struct field model_list_fields[] = {
    LIST_FIELDS(struct model_list, model_order, "-created_at"),
    FIELD(struct model_list, state, .choices = model_states, .type = "ModelState", .filter = "m.state = ?",
          .doc = "Only those of this state."),
};
static const struct schema model_list = SCHEMA("ModelList", struct model_list, model_list_fields);
static const struct listing model_listing = { .row = &model_schema, .id = "m.id", .order = &model_order };

static bool model_list_get(struct call *c)
{
    struct condition shown = { "m.state in ('ACTIVE', 'RETIRED')" };
    bool manages = call_may(c, MAY_MANAGE_SYSTEM);
    return list_answer(c, &model_listing, (struct list_among){ .conditions = &shown, .condition_count = !manages });
}

struct model_form {
    struct json card, bundle;
};
static const struct field model_form_fields[] = {
    FIELD(struct model_form, card, .flags = NULLABLE, .max = CARD_BYTES_MAX,
          .doc = "The model's card (docs/ai.md), as JSON; what it leaves out is taken from the file's own properties."),
    FIELD(struct model_form, bundle, .flags = NULLABLE, .max = CARD_BYTES_MAX,
          .doc = "The metadata.json of a MONAI bundle, for what the card leaves out."),
};
static const struct schema model_form = SCHEMA("ModelUpload", struct model_form, model_form_fields);

static bool model_post(struct call *c)
{
    struct form *form = exchange_of(c)->upload;
    struct model_form in;
    struct model *out = c->out;
    schema_clear(&model_form, &in);
    if (!form_take_members(c, form, &model_form, &in) ||
        !model_upload(c, form->files, in.card.text, in.bundle.text, out))
        return false;
    answer_location(c, "/api/v1/diagnosis/models/%" PRId64, out->id);
    return model_load(c, out->id, out);
}

struct model_key {
    int64_t id;
};
static const struct field model_key_fields[] = { KEY(struct model_key, id, "The model.") };
static const struct schema model_key = SCHEMA("ModelKey", struct model_key, model_key_fields);

static int64_t asked(struct call *c)
{
    return ((const struct model_key *)c->in)->id;
}

static bool model_get(struct call *c)
{
    struct model *out = c->out;
    return model_load(c, asked(c), out) &&
           (call_may(c, MAY_MANAGE_SYSTEM) || out->state == MODEL_ACTIVE || out->state == MODEL_RETIRED ||
            fail(c, E_NOT_FOUND, "model %" PRId64 " does not exist", asked(c)));
}

static bool model_patch(struct call *c)
{
    const struct model *in = c->in;
    return model_change(c, in, c->given) && model_load(c, in->id, c->out);
}

static bool model_delete(struct call *c)
{
    return model_remove(c, asked(c));
}

static bool model_activate_post(struct call *c)
{
    return model_activate(c, asked(c), MODEL_ACTIVE, c->out) && model_load(c, asked(c), c->out);
}

static bool model_shadow_post(struct call *c)
{
    return model_activate(c, asked(c), MODEL_SHADOW, c->out) && model_load(c, asked(c), c->out);
}

static bool model_retire_post(struct call *c)
{
    return model_retire(c, asked(c), c->out) && model_load(c, asked(c), c->out);
}

#define MANAGED .permission = MAY_MANAGE_SYSTEM, .entity = "model", .tag = "diagnosis"
#define SHOWN .permission = MAY_RUN_AI, .entity = "model", .tag = "diagnosis"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/diagnosis/models", model_list_get, &model_list, &model_schema, SHOWN, .flags = LIST,
      .summary = "Lists models", .doc = "Who does not manage the system sees those that are, or were, in use." },
    { HTTP_POST, "/api/v1/diagnosis/models", model_post, &model_form, &model_schema, MANAGED, .runs = WORKS,
      .body = BODY_MULTIPART, .status = 201, .flags = FILE_OPTIONAL, .receive = form_receive_one,
      .audit = "model.create", .summary = "Brings a model in",
      .doc = "An ONNX file and its card, or a card that says which other server runs the model (`remote`), which is "
             "asked. The file is loaded, and the card compared with its inputs and outputs: 422 names all that does "
             "not fit, and nothing is kept. It is a DRAFT, which nobody can ask." },
    { HTTP_GET, "/api/v1/diagnosis/models/{id}", model_get, &model_key, &model_schema, SHOWN,
      .summary = "Shows one model" },
    { HTTP_PATCH, "/api/v1/diagnosis/models/{id}", model_patch, &model_schema, &model_schema, MANAGED, .runs = WRITES,
      .body = BODY_JSON, .audit = "model.update", .summary = "Changes a model's title or preference",
      .doc = "A card is not changed: another card is another version." },
    { HTTP_DELETE, "/api/v1/diagnosis/models/{id}", model_delete, &model_key, NULL, MANAGED, .runs = WORKS,
      .audit = "model.delete", .summary = "Removes a model",
      .doc = "One that is in use, or was ever asked anything, stays: 409. Retire it instead." },
    { HTTP_POST, "/api/v1/diagnosis/models/{id}/activate", model_activate_post, &model_key, &model_schema, MANAGED,
      .runs = WORKS, .audit = "model.activate", .summary = "Lets everybody with ai.run ask a model",
      .doc = "After a trial run on a grey picture, whose outcome is kept (`trial`): 409 when it failed." },
    { HTTP_POST, "/api/v1/diagnosis/models/{id}/shadow", model_shadow_post, &model_key, &model_schema, MANAGED,
      .runs = WORKS, .audit = "model.shadow", .summary = "Lets those who manage the system ask a model",
      .doc = "They alone see what it says. After a trial run, as in activate." },
    { HTTP_POST, "/api/v1/diagnosis/models/{id}/retire", model_retire_post, &model_key, &model_schema, MANAGED,
      .runs = WRITES, .audit = "model.retire", .summary = "Lets nobody ask a model any more",
      .doc = "What it said stays." },
};
ENDPOINT_TABLE(model_endpoints, rows);
