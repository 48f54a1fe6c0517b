/* webhook.c - programs that are told what happens: who, and of what. */
#include "web/exchange.h"
#include "web/listing.h"
#include "webhook/webhook.h"

struct webhook_key {
    int64_t id;
};
static const struct field webhook_key_fields[] = { KEY(struct webhook_key, id, "The webhook.") };
static const struct schema webhook_key_schema = SCHEMA("WebhookKey", struct webhook_key, webhook_key_fields);

struct webhook_list {
    struct list_query list;
    bool is_active;
};
#define WEBHOOK_SORTS(X) X("created_at", "w.created_at")
LIST_ORDER(webhook_order, WEBHOOK_SORTS);
static const struct field webhook_list_fields[] = {
    LIST_FIELDS(struct webhook_list, webhook_order, "-created_at"),
    FIELD(struct webhook_list, is_active, .filter = "w.is_active = ?", .doc = "Only those that are told, or not."),
};
static const struct schema webhook_list = SCHEMA("WebhookList", struct webhook_list, webhook_list_fields);
static const struct listing webhook_listing = { .row = &webhook_schema, .id = "w.id", .order = &webhook_order };

static bool webhook_list_get(struct call *c)
{
    return list_answer(c, &webhook_listing, (struct list_among){ 0 });
}

static bool webhook_first(struct call *c)
{
    return webhook_check(c, c->in);
}

static bool webhook_post(struct call *c)
{
    int64_t id;
    if (!webhook_add(c, c->in, &id))
        return false;
    answer_location(c, "/api/v1/system/webhooks/%" PRId64, id);
    return webhook_load(c, id, c->out);
}

static bool webhook_get(struct call *c)
{
    return webhook_load(c, ((const struct webhook_key *)c->in)->id, c->out);
}

static bool webhook_patch(struct call *c)
{
    const struct webhook *in = c->in;
    return webhook_change(c, in, c->given) && webhook_load(c, in->id, c->out);
}

static bool webhook_delete(struct call *c)
{
    return webhook_remove(c, ((const struct webhook_key *)c->in)->id);
}

#define WEBHOOKS .permission = MAY_MANAGE_SYSTEM, .entity = "webhook", .tag = "system"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/system/webhooks", webhook_list_get, &webhook_list, &webhook_schema, WEBHOOKS, .flags = LIST,
      .summary = "Lists the programs that are told what happens" },
    { HTTP_POST, "/api/v1/system/webhooks", webhook_post, &webhook_schema, &webhook_schema, WEBHOOKS, .runs = WRITES,
      .first = webhook_first, .body = BODY_JSON, .status = 201, .audit = "webhook.create",
      .summary = "Adds a program that is told what happens",
      .doc = "Each event that it wants is sent as a POST of the same JSON as in `/events`, signed as Standard Webhooks "
             "says (`webhook-id`, `webhook-timestamp`, `webhook-signature`). Any 2xx is thanks; else it is sent again, "
             "and nothing overtakes it; 410 switches the webhook off." },
    { HTTP_GET, "/api/v1/system/webhooks/{id}", webhook_get, &webhook_key_schema, &webhook_schema, WEBHOOKS,
      .summary = "Shows one webhook" },
    { HTTP_PATCH, "/api/v1/system/webhooks/{id}", webhook_patch, &webhook_schema, &webhook_schema, WEBHOOKS,
      .runs = WRITES, .first = webhook_first, .body = BODY_JSON, .audit = "webhook.update",
      .summary = "Changes a webhook" },
    { HTTP_DELETE, "/api/v1/system/webhooks/{id}", webhook_delete, &webhook_key_schema, NULL, WEBHOOKS, .runs = WRITES,
      .audit = "webhook.delete", .summary = "Removes a webhook" },
};
ENDPOINT_TABLE(webhook_endpoints, rows);
