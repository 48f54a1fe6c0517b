/* mysql_end.c - the end of the process does not wait for a database that does not answer.
 *
 * db_end_within starts a thread that sleeps until then, and shuts every line to the server. Whoever waits for an answer hears that the
 * connection was lost, and nobody gets another one. mysql_close_all ends the thread, in most cases long before.
 */
#include "db/mysql_driver.h"

#include <signal.h>
#include <sys/socket.h>

static void cut(struct mysql *mysql)
{
    mysql->ended = true;
    for (struct db_connection *at = mysql->all; at; at = at->next)
        shutdown(((struct mysql_connection *)at)->line, SHUT_RDWR);
    pthread_cond_broadcast(&mysql->freed); /* nobody waits for a connection any more */
}

static void *run(void *context)
{
    struct mysql *mysql = context;
    bool waiting = true;
    pthread_mutex_lock(&mysql->lock);
    while (!mysql->closing && waiting)
        waiting = pthread_cond_timedwait(&mysql->closed, &mysql->lock, &mysql->end) == 0;
    if (!mysql->closing)
        cut(mysql);
    pthread_mutex_unlock(&mysql->lock);
    return NULL;
}

void mysql_end_within(struct db *db, int64_t ms)
{
    struct mysql *mysql = db->state;
    int64_t us = clock_monotonic_us() + ms * 1000;
    sigset_t all, old;
    if (mysql->ends)
        return;
    mysql->end = (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    mysql->ends = pthread_create(&mysql->ender, NULL, run, mysql) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
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
    pthread_mutex_lock(&mysql->lock);
    mysql->closing = true;
    pthread_cond_signal(&mysql->closed);
    pthread_mutex_unlock(&mysql->lock);
    pthread_join(mysql->ender, NULL);
    mysql->ends = false;
}
