/* audit.c - the queue of rows to come, and the row's way into the table. */
#include "site/audit.h"

#include "base/thread.h"
#include "kv/rate.h"

#include <stdatomic.h>

enum { REFUSED_KEYS = 16384 };

struct audit {
    struct db *db;
    struct background background;          /* woken when rows are there, and when many are */
    struct audit_entry *filling, *writing; /* AUDIT_QUEUE each */
    int filled, to_write;
    struct rate *accounts, *networks, *strangers; /* refusals that may leave a row */
    atomic_int_fast64_t left_out;
};

static struct value text_or_null(const char *text)
{
    return text[0] ? value_text(str_from(text)) : value_nothing();
}

static struct value id_or_null(int64_t id)
{
    return id > 0 ? value_integer(id) : value_nothing();
}

bool audit_insert(struct call *c, const struct audit_entry *entry)
{
    return db_execute(
        c,
        "insert into audit_logs(created_at, user_id, action, entity, entity_id, patient_id, outcome, client, "
        "request_id, detail, api_key_id) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        V(entry->at), id_or_null(entry->user_id), V(str_from(entry->action)), V(str_from(entry->entity)),
        id_or_null(entry->entity_id), id_or_null(entry->patient_id), V((int64_t)entry->outcome),
        text_or_null(entry->client), text_or_null(entry->request_id), V(entry->detail), id_or_null(entry->api_key_id));
}

static bool write_taken(struct call *c, void *context)
{
    const struct audit *audit = context;
    for (int i = 0; i < audit->to_write; i++)
        if (!audit_insert(c, &audit->writing[i]))
            return false;
    return true;
}

static int64_t soon_us(void)
{
    return clock_monotonic_us() + AUDIT_DELAY_MS * 1000;
}

/* Waits until rows are there and either AUDIT_DELAY_MS has passed or many have gathered; takes them. False at the
 * end. */
static bool take_noted(struct audit *audit)
{
    struct background *background = &audit->background;
    background_lock(background);
    while (!audit->filled && !background->stopping)
        background_wait(background, NEVER);
    int64_t until_us = soon_us();
    while (audit->filled < AUDIT_BATCH && !background->stopping && background_wait(background, until_us))
        continue;
    struct audit_entry *swap = audit->writing;
    audit->writing = audit->filling;
    audit->filling = swap;
    audit->to_write = audit->filled;
    audit->filled = 0;
    background_unlock(background);
    return audit->to_write > 0;
}

/* Rows that cannot be written now (disk full, database gone) are tried again until they can; meanwhile the queue
 * fills and readers wait. Only the end of the process gives up, after ten tries or when its time is over. */
static void write_noted(void *context)
{
    struct audit *audit = context;
    struct call call;
    call_init(&call, NULL, audit->db); /* others act: it has no actor */
    while (take_noted(audit)) {
        int tries = 0;
        while (!db_transact(&call, write_taken, audit)) {
            call_reset(&call);
            background_lock(&audit->background);
            bool give_up = audit->background.stopping && (++tries >= 10 || db_has_ended(audit->db));
            background_wait(&audit->background, soon_us());
            background_unlock(&audit->background);
            if (give_up)
                break;
        }
        call_reset(&call);
    }
    db_release(&call);
    call_release(&call);
}

static void release(struct audit *audit)
{
    rate_free(audit->accounts);
    rate_free(audit->networks);
    rate_free(audit->strangers);
    free(audit->filling);
    free(audit->writing);
    free(audit);
}

bool audit_open(struct db *db, struct audit **out, struct error *error)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    if (!audit)
        abort();
    audit->db = db;
    audit->accounts = rate_new(AUDIT_REFUSED_ACCOUNT, AUDIT_REFUSED_ACCOUNT_PER_MINUTE, REFUSED_KEYS);
    audit->networks = rate_new(AUDIT_REFUSED_NETWORK, AUDIT_REFUSED_NETWORK_PER_MINUTE, REFUSED_KEYS);
    audit->strangers = rate_new(AUDIT_REFUSED_STRANGERS, AUDIT_REFUSED_STRANGERS_PER_MINUTE, 1);
    audit->filling = calloc(AUDIT_QUEUE, sizeof(struct audit_entry));
    audit->writing = calloc(AUDIT_QUEUE, sizeof(struct audit_entry));
    if (!audit->filling || !audit->writing)
        abort();
    if (!background_start(&audit->background, "audit", write_noted, audit, error)) {
        release(audit);
        return false;
    }
    *out = audit;
    return true;
}

void audit_close(struct audit *audit)
{
    if (!audit)
        return;
    background_stop(&audit->background);
    background_release(&audit->background);
    release(audit);
}

bool audit_admits(struct audit *audit, int64_t user_id, struct str network)
{
    int ignored;
    struct str account = { (const char *)&user_id, (ptrdiff_t)sizeof(user_id) };
    bool room = user_id
                    ? rate_take(audit->accounts, account, &ignored)
                    : rate_take(audit->networks, network, &ignored) && rate_take(audit->strangers, S("all"), &ignored);
    if (!room)
        atomic_fetch_add(&audit->left_out, 1);
    return room;
}

int64_t audit_left_out(struct audit *audit)
{
    return atomic_load(&audit->left_out);
}

bool audit_note(struct audit *audit, const struct audit_entry *entry)
{
    background_lock(&audit->background);
    bool room = audit->filled < AUDIT_QUEUE;
    if (room)
        audit->filling[audit->filled++] = *entry;
    if (audit->filled == 1 || audit->filled == AUDIT_BATCH)
        background_wake(&audit->background);
    background_unlock(&audit->background);
    return room;
}
