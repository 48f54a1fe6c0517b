/* webhook.c - who is told, and of what. */
#include "webhook/webhook.h"

#include "outbound/outbound.h"
#include "site/app.h"
#include "site/event.h"
#include "webhook/webhook_sign.h"

#define TOLD(member, ...) FIELD(struct webhook, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)

static const struct field webhook_fields[] = {
    FIELD(struct webhook, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "Identifies the webhook here."),
    FIELD(struct webhook, url, .flags = REQUIRED, .min = 1, .max = 2000, .example = "https://ris.example.org/hook",
          .doc = "Where to: a host that `WEBHOOK_HOSTS` lists."),
    FIELD(struct webhook, types, .choices = event_wishes, .type = "EventWish", .max = 16,
          .example = "[\"file.stored\"]",
          .doc = "Only these types of events, or all types of these things; all when it is empty."),
    FIELD(struct webhook, secret, .flags = REQUIRED | SECRET | ENCRYPTED, .min = 32, .max = 100,
          .example = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
          .doc = "What requests are signed with: base64 of 24 to 64 random bytes (`openssl rand -base64 32`). It is "
                 "never shown again."),
    FIELD(struct webhook, is_active, .fallback = "true",
          .doc = "Is it told? One that is switched on again hears of what happens from then on."),
    FIELD(struct webhook, place, .flags = READ_ONLY, .doc = "The place of the last event that it has been told of."),
    FIELD(struct webhook, sent_count, .flags = READ_ONLY, .doc = "How many events it has taken."),
    FIELD(struct webhook, failed_count, .flags = READ_ONLY, .doc = "How many requests it did not take."),
    TOLD(last_sent_at, .doc = "When it last took one."),
    TOLD(failing_since, .doc = "Since when it takes none; null: it does."),
    TOLD(last_error, .max = 400, .doc = "Why it took none."),
    TOLD(created_by, .doc = "The account that made it."),
    FIELD(struct webhook, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was made."),
    FIELD(struct webhook, updated_at, .flags = READ_ONLY | SET_ON_INSERT | SET_ON_UPDATE,
          .doc = "When it was changed."),
};
const struct schema webhook_schema = SCHEMA("Webhook", struct webhook, webhook_fields, .table = "webhooks",
                                            .alias = "w", .doc = "A program that is told what happens.");

static bool refuse(struct call *c, const char *member, const char *type, const char *words)
{
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), type, "%s", words);
}

static bool url_will_do(struct call *c, struct str url)
{
    struct error error = { 0 };
    if (!c->app->webhook_hosts)
        return refuse(c, "url", "not_allowed", "WEBHOOK_HOSTS lists nobody who may be told");
    return outbound_check(c->app->webhook_hosts, url, &error) || refuse(c, "url", "not_allowed", error.message);
}

static bool secret_will_do(struct call *c, struct str secret)
{
    struct str key;
    return webhook_key(secret, &c->arena, &key) ||
           refuse(c, "secret", "invalid", "it is to be base64 of 24 to 64 bytes: openssl rand -base64 32");
}

bool webhook_check(struct call *c, const struct webhook *webhook)
{
    bool url_is_fine = !webhook->url.at || url_will_do(c, webhook->url);
    bool secret_is_fine = !webhook->secret.at || secret_will_do(c, webhook->secret);
    return url_is_fine && secret_is_fine && events_settle(c);
}

bool webhook_add(struct call *c, const struct webhook *webhook, int64_t *id)
{
    struct webhook row = *webhook;
    row.created_by = call_user(c);
    row.last_sent_at = row.failing_since = INSTANT_NULL;
    row.sent_count = row.failed_count = 0;
    return events_last(c, &row.place) && db_insert(c, &webhook_schema, &row, id);
}

bool webhook_change(struct call *c, const struct webhook *change, uint64_t given)
{
    struct webhook before, row = *change;
    int64_t place;
    if (!db_lock(c, "select id from webhooks where id = ?", V(change->id)) || !webhook_load(c, change->id, &before) ||
        !db_update(c, &webhook_schema, &row, given, "where id = ?", V(change->id)))
        return false;
    audit_changed(c, &webhook_schema, &before, change, given);
    if (before.is_active || !schema_was_given(&webhook_schema, given, "is_active") || !change->is_active)
        return true;
    return events_last(c, &place) &&
           db_execute(c, "update webhooks set place = ?, failing_since = null, last_error = null where id = ?",
                      V(place), V(change->id));
}

bool webhook_load(struct call *c, int64_t id, struct webhook *out)
{
    return db_get(c, &webhook_schema, out, "where w.id = ?", V(id)) ||
           fail(c, E_NOT_FOUND, "webhook %" PRId64 " does not exist", id);
}

bool webhook_remove(struct call *c, int64_t id)
{
    int64_t removed;
    return db_execute_counted(c, &removed, "delete from webhooks where id = ?", V(id)) &&
           (removed || fail(c, E_NOT_FOUND, "webhook %" PRId64 " does not exist", id));
}
