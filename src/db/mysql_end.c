/* mysql_end.c - the end of the process does not wait for a database that does not answer.
 *
 * db_end_within starts a thread that sleeps until then, and shuts every line to the server. Whoever waits for an answer
 * hears that the connection was lost, and nobody gets another one. mysql_close_all ends the thread, in most cases long
 * before.
 */
#include "db/mysql_driver.h"

#include <sys/socket.h>

static void cut(struct mysql *mysql)
{
    pthread_mutex_lock(&mysql->lock);
    mysql->ended = true;
    for (struct db_connection *at = mysql->all; at; at = at->next)
        shutdown(((struct mysql_connection *)at)->line, SHUT_RDWR);
    pthread_cond_broadcast(&mysql->freed); /* nobody waits for a connection any more */
    pthread_mutex_unlock(&mysql->lock);
}

static void cut_at_the_end(void *context)
{
    struct mysql *mysql = context;
    struct background *ender = &mysql->ender;
    background_lock(ender);
    while (!ender->stopping && background_wait(ender, mysql->end_us))
        continue;
    bool late = !ender->stopping;
    background_unlock(ender);
    if (late)
        cut(mysql);
}

void mysql_end_within(struct db *db, int64_t ms)
{
    struct mysql *mysql = db->state;
    struct error ignored = { 0 }; /* without the thread, statements end when they do */
    if (mysql->ends)
        return;
    mysql->end_us = clock_monotonic_us() + ms * 1000;
    mysql->ends = background_start(&mysql->ender, "db-ender", cut_at_the_end, mysql, &ignored);
}

bool mysql_has_ended(struct db *db)
{
    struct mysql *mysql = db->state;
    pthread_mutex_lock(&mysql->lock);
    bool ended = mysql->ended;
    pthread_mutex_unlock(&mysql->lock);
    return ended;
}

void mysql_end_release(struct mysql *mysql)
{
    if (!mysql->ends)
        return;
    background_stop(&mysql->ender);
    background_release(&mysql->ender);
    mysql->ends = false;
}
