/* mysql_held.c - rows that somebody holds for long are not waited for.
 *
 * A transaction that asks for a row's lock waits for it in the database, and keeps a connection, a thread and the locks
 * it has got meanwhile. After MYSQL_LOCK_WAIT_S in vain the row is noted here. From then on, until somebody gets it, it
 * is asked for with `nowait`: who does not get it lets go of everything, as after a deadlock, and comes again a little
 * later (mysql_writer.c). So one row, however many want it, keeps nobody from another for longer than the first of them
 * waited.
 *
 *     rows[]   hashes of locking statements with their values
 *
 * A row whose place is needed for another is forgotten: then it is waited for, and noted, once more.
 */
#include "db/mysql_driver.h"

void held_init(struct held_rows *h)
{
    *h = (struct held_rows){ 0 };
    pthread_mutex_init(&h->lock, NULL);
}

void held_release(struct held_rows *h)
{
    pthread_mutex_destroy(&h->lock);
}

/* Its place, or -1. */
static int find(const struct held_rows *h, uint64_t row)
{
    int i = h->count - 1;
    while (i >= 0 && h->rows[i] != row)
        i--;
    return i;
}

static void note(struct held_rows *h, uint64_t row)
{
    if (find(h, row) >= 0)
        return;
    h->next = (h->next + 1) % HELD_ROWS_MAX;
    h->rows[h->count < HELD_ROWS_MAX ? h->count++ : h->next] = row;
}

static void forget(struct held_rows *h, uint64_t row)
{
    int i = find(h, row);
    if (i >= 0)
        h->rows[i] = h->rows[--h->count];
}

const char *mysql_lock_words(struct db_connection *base, uint64_t row)
{
    struct held_rows *h = &((struct mysql *)base->db->state)->held;
    pthread_mutex_lock(&h->lock);
    bool held = find(h, row) >= 0;
    pthread_mutex_unlock(&h->lock);
    return held ? "for update nowait" : "for update";
}

void mysql_lock_asked(struct db_connection *base, uint64_t row, bool granted)
{
    struct mysql_connection *connection = (struct mysql_connection *)base;
    struct held_rows *h = &((struct mysql *)base->db->state)->held;
    pthread_mutex_lock(&h->lock);
    if (granted)
        forget(h, row);
    else if (connection->held)
        note(h, row);
    pthread_mutex_unlock(&h->lock);
}
