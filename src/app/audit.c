/* audit.c - the queue of rows to come, and the row's way into the table. */
#include "app/audit.h"

#include "kv/rate.h"

#include <pthread.h>
#include <stdatomic.h>

enum { REFUSED_KEYS = 16384 };

struct audit {
    struct db *db;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;                   /* rows are there, or the end */
    struct audit_entry *filling, *writing; /* AUDIT_QUEUE each */
    int filled, to_write;
    bool stopping;
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
        "request_id, detail) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        V(entry->at), id_or_null(entry->user_id), V(str_from(entry->action)), V(str_from(entry->entity)),
        id_or_null(entry->entity_id), id_or_null(entry->patient_id), V((int64_t)entry->outcome),
        text_or_null(entry->client), text_or_null(entry->request_id), V(entry->detail));
}

static bool write_taken(struct call *c, void *context)
{
    const struct audit *audit = context;
    for (int i = 0; i < audit->to_write; i++)
        if (!audit_insert(c, &audit->writing[i]))
            return false;
    return true;
}

static struct timespec deadline(int delay_ms)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += (long)delay_ms * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

/* Waits until rows are there and either AUDIT_DELAY_MS has passed or many have gathered; takes them. False at the end. */
static bool take_noted(struct audit *audit)
{
    pthread_mutex_lock(&audit->mutex);
    while (!audit->filled && !audit->stopping)
        pthread_cond_wait(&audit->wake, &audit->mutex);
    struct timespec until = deadline(AUDIT_DELAY_MS);
    while (audit->filled < AUDIT_BATCH && !audit->stopping)
        if (pthread_cond_timedwait(&audit->wake, &audit->mutex, &until))
            break;
    struct audit_entry *swap = audit->writing;
    audit->writing = audit->filling;
    audit->filling = swap;
    audit->to_write = audit->filled;
    audit->filled = 0;
    pthread_mutex_unlock(&audit->mutex);
    return audit->to_write > 0;
}

/* Rows that cannot be written now (disk full, database gone) are tried again until they can; meanwhile the queue fills and
 * readers wait. Only the end of the process gives up, after ten tries or when its time is over. */
static void *run(void *context)
{
    struct audit *audit = context;
    struct call call;
    call_init(&call, NULL, audit->db); /* others act: it has no actor */
    while (take_noted(audit)) {
        int tries = 0;
        while (!db_transact(&call, write_taken, audit)) {
            call_reset(&call);
            pthread_mutex_lock(&audit->mutex);
            bool give_up = audit->stopping && (++tries >= 10 || db_has_ended(audit->db));
            struct timespec until = deadline(AUDIT_DELAY_MS);
            pthread_cond_timedwait(&audit->wake, &audit->mutex, &until);
            pthread_mutex_unlock(&audit->mutex);
            if (give_up)
                break;
        }
        call_reset(&call);
    }
    db_release(&call);
    call_release(&call);
    return NULL;
}

struct audit *audit_open(struct db *db)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    if (!audit)
        abort();
    audit->db = db;
    pthread_mutex_init(&audit->mutex, NULL);
    pthread_cond_init(&audit->wake, NULL);
    audit->accounts = rate_new(AUDIT_REFUSED_ACCOUNT, AUDIT_REFUSED_ACCOUNT_PER_MINUTE, REFUSED_KEYS);
    audit->networks = rate_new(AUDIT_REFUSED_NETWORK, AUDIT_REFUSED_NETWORK_PER_MINUTE, REFUSED_KEYS);
    audit->strangers = rate_new(AUDIT_REFUSED_STRANGERS, AUDIT_REFUSED_STRANGERS_PER_MINUTE, 1);
    audit->filling = calloc(AUDIT_QUEUE, sizeof(struct audit_entry));
    audit->writing = calloc(AUDIT_QUEUE, sizeof(struct audit_entry));
    if (!audit->filling || !audit->writing || pthread_create(&audit->thread, NULL, run, audit))
        abort();
    return audit;
}

void audit_close(struct audit *audit)
{
    if (!audit)
        return;
    pthread_mutex_lock(&audit->mutex);
    audit->stopping = true;
    pthread_cond_signal(&audit->wake);
    pthread_mutex_unlock(&audit->mutex);
    pthread_join(audit->thread, NULL);
    pthread_cond_destroy(&audit->wake);
    pthread_mutex_destroy(&audit->mutex);
    rate_free(audit->accounts);
    rate_free(audit->networks);
    rate_free(audit->strangers);
    free(audit->filling);
    free(audit->writing);
    free(audit);
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
    pthread_mutex_lock(&audit->mutex);
    bool room = audit->filled < AUDIT_QUEUE;
    if (room)
        audit->filling[audit->filled++] = *entry;
    if (audit->filled == 1 || audit->filled == AUDIT_BATCH)
        pthread_cond_signal(&audit->wake);
    pthread_mutex_unlock(&audit->mutex);
    return room;
}
