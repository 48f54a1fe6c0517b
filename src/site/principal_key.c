/* principal_key.c - keys of machines: looked up, and when they were last used. */
#include "site/principal_parts.h"

#include "base/address.h"
#include "schema/field.h"
#include "site/actor.h"
#include "site/key_text.h"

enum { USE_NOTED_US = 60 * 1000000 };

/* ---- looked up ---- */

#define KEY_LOADED \
    "select k.id, k.user_id, k.scopes, k.networks, k.expires_at, k.last_used_at from api_keys k join users u on " \
    "u.id = k.user_id where k.revoked_at is null and u.status = 'ACTIVE' and u.deleted_at is null and "

struct shown_key {
    struct principal principal;
    struct str networks;
    int64_t last_used_us;
};

/* A JSON list of texts as they are stored: the n-th, or a text without an end. */
static bool next_text(struct str *list, struct str *out)
{
    struct str before, rest;
    if (!str_cut(*list, '"', &before, &rest) || !str_cut(rest, '"', out, list))
        return false;
    return true;
}

/* Names that this program does not know open nothing; those that need a person are not for keys. */
static uint64_t scope_of(struct str list)
{
    uint64_t scope = 0;
    for (struct str name; next_text(&list, &name);)
        principal_add(&scope, name);
    for (int i = 0; i < PERMISSIONS; i++)
        if (permission_rows[i].needs_person)
            scope &= ~PERMISSION_BIT(i);
    return scope;
}

static enum found load(struct call *c, struct cursor *rows, uint64_t epoch, struct shown_key *out)
{
    struct principal *p = &out->principal;
    bool found = cursor_next(rows);
    if (found) {
        *p = (struct principal){ .key_id = cursor_integer(rows, 0),
                                 .user_id = cursor_integer(rows, 1),
                                 .scope = scope_of(cursor_text(rows, 2)),
                                 .expires_at_us = cursor_integer(rows, 4),
                                 .epoch = epoch,
                                 .known_us = clock_monotonic_us() };
        out->networks = arena_copy(&c->arena, cursor_text(rows, 3));
        out->last_used_us = cursor_integer(rows, 5);
    }
    if (!cursor_close(rows))
        return FAILED;
    return !found ? NONE : principal_load_permissions(c, p) ? FOUND : FAILED;
}

static bool is_from_there(struct call *c, struct str networks)
{
    struct address client;
    if (!networks.len)
        return true;
    if (!address_parse(call_client(c), &client))
        return false;
    for (struct str one; next_text(&networks, &one);)
        if (address_in(client, one))
            return true;
    return false;
}

static void note_use(struct call *c, struct authority *authority, int64_t key_id);

bool principal_of_key(struct call *c, struct authority *authority, struct str key, uint64_t epoch,
                      struct principal *out)
{
    struct cursor rows;
    struct shown_key shown;
    int64_t now_us = clock_now().us;
    if (!key_text_is_whole(key))
        return fail(c, E_UNAUTHENTICATED, "this is no API key: its check sum is wrong");
    db_rows(c, &rows, KEY_LOADED "k.key_hash = ? and k.expires_at > ?", V(crypto_sha256_hex(key, &c->arena)),
            V(now_us));
    enum found found = load(c, &rows, epoch, &shown);
    if (found == FAILED)
        return false;
    if (found == NONE || !is_from_there(c, shown.networks))
        return fail(c, E_UNAUTHENTICATED, "the API key is not valid, or no longer, or not from this address");
    if (shown.last_used_us <= now_us - USE_NOTED_US)
        note_use(c, authority, shown.principal.key_id);
    *out = shown.principal;
    return true;
}

/* Which has only run out meanwhile was good when this began. */
bool principal_of_key_still(struct call *c, uint64_t epoch, struct principal *who)
{
    struct cursor rows;
    struct shown_key shown;
    db_rows(c, &rows, KEY_LOADED "k.id = ?", V(who->key_id));
    if (load(c, &rows, epoch, &shown) != FOUND)
        return false;
    *who = shown.principal;
    return true;
}

bool principal_find_good_keys(struct call *c, const struct principal *const *who, int count, bool *stands)
{
    struct value values[2 + REVIEWED_AT_ONCE];
    struct cursor rows;
    bool any = false;
    values[0] = values[1] = V(clock_now());
    for (int i = 0; i < REVIEWED_AT_ONCE; i++) {
        values[2 + i] = V(i < count ? who[i]->key_id : INT64_C(0));
        any |= i < count && who[i]->key_id;
    }
    if (!any)
        return true;
    for (db_rows_(c, &rows, KEY_LOADED "k.expires_at > ? and k.id in (" DB_MARKS_32 ")",
                  (struct db_args){ values, 1 + REVIEWED_AT_ONCE });
         cursor_next(&rows);)
        for (int i = 0; i < count; i++)
            stands[i] |= who[i]->key_id == cursor_integer(&rows, 0) && who[i]->user_id == cursor_integer(&rows, 1);
    return cursor_close(&rows);
}

/* ---- when it was last used ---- */

struct key_use {
    struct call call;
    struct key_uses *uses;
    int64_t key_id, at_us;
    char client[64];
};

void key_uses_open(struct key_uses *uses)
{
    pthread_mutex_init(&uses->mutex, NULL);
    pthread_cond_init(&uses->done, NULL);
}

void key_uses_close(struct key_uses *uses)
{
    pthread_mutex_lock(&uses->mutex);
    while (uses->under_way)
        pthread_cond_wait(&uses->done, &uses->mutex);
    pthread_mutex_unlock(&uses->mutex);
    pthread_cond_destroy(&uses->done);
    pthread_mutex_destroy(&uses->mutex);
}

/* Several that look at the same moment write once. */
static bool store_use(struct call *c, void *context)
{
    const struct key_use *use = context;
    return db_execute(c,
                      "update api_keys set last_used_at = ?, last_used_from = ? where id = ? and (last_used_at is null "
                      "or last_used_at <= ?)",
                      V(use->at_us), V(str_from(use->client)), V(use->key_id), V(use->at_us - USE_NOTED_US));
}

static void use_stored(struct call *c, bool ok, void *context)
{
    struct key_use *use = context;
    struct key_uses *uses = use->uses;
    (void)ok; /* the next use will be noted */
    db_release(c);
    call_release(c);
    free(use);
    pthread_mutex_lock(&uses->mutex);
    uses->under_way--;
    pthread_cond_signal(&uses->done);
    pthread_mutex_unlock(&uses->mutex);
}

static void note_use(struct call *c, struct authority *authority, int64_t key_id)
{
    struct key_use *use = calloc(1, sizeof(*use));
    if (!use)
        abort();
    call_init(&use->call, c->app, c->db);
    use->uses = &authority->uses;
    use->key_id = key_id;
    use->at_us = clock_now().us;
    snprintf(use->client, sizeof(use->client), "%.*s", STR_FMT(call_client(c)));
    pthread_mutex_lock(&use->uses->mutex);
    use->uses->under_way++;
    pthread_mutex_unlock(&use->uses->mutex);
    db_transact_later(&use->call, store_use, use, use_stored);
}
