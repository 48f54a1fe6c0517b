/* mysql_pool.c - a bounded set of connections, lent for the length of a call.
 *
 * A server that goes away while it is spoken to fails that call with E_UNAVAILABLE, the generation goes up, and all
 * older connections are replaced when their turn comes. One that went away before is not lent: its line has ended, or
 * says something that nobody asked for. Such a one, and one idle for a minute, is tried first.
 */
#include "db/mysql_driver.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

static void options(MYSQL *handle, const struct db_url *url, bool slow, bool ends)
{
    unsigned connect = ends ? 1 : MYSQL_CONNECT_TIMEOUT_S, io = slow ? MYSQL_SLOW_TIMEOUT_S : MYSQL_IO_TIMEOUT_S,
             off = 0;
    my_bool on = 1;
    mysql_optionsv(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
    mysql_optionsv(handle, MYSQL_OPT_READ_TIMEOUT, &io);
    mysql_optionsv(handle, MYSQL_OPT_WRITE_TIMEOUT, &io);
    mysql_optionsv(handle, MYSQL_OPT_LOCAL_INFILE, &off); /* a server must not ask for our files */
    mysql_optionsv(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (url->tls)
        mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &on);
    if (url->tls_ca) {
        mysql_optionsv(handle, MYSQL_OPT_SSL_CA, url->tls_ca);
        mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
    }
}

static void disconnect(struct mysql_connection *connection)
{
    if (connection->line >= 0)
        close(connection->line);
    mysql_close(connection->handle); /* first, so that no statement is closed over a dead line */
    connection->handle = NULL;
    statements_release(&connection->base);
    free(connection);
}

/* NO_BACKSLASH_ESCAPES: text and `like` patterns mean what they mean on SQLite. */
static bool set_session(struct mysql_connection *connection, struct error *error)
{
    char sql[400];
    int len = snprintf(
        sql, sizeof(sql),
        "set session time_zone = '+00:00', session innodb_lock_wait_timeout = %d, session sql_mode = "
        "'PIPES_AS_CONCAT,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO,NO_BACKSLASH_ESCAPES'",
        connection->slow ? MYSQL_SLOW_LOCK_WAIT_S : MYSQL_LOCK_WAIT_S);
    return mysql_run(&connection->base, (struct str){ sql, len }, error) &&
           mysql_run(&connection->base, S("set session transaction isolation level read committed"), error);
}

static bool connect_one(struct db *db, bool slow, struct mysql_connection **out, struct error *error)
{
    const struct db_url *url = &db->url;
    struct mysql_connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        abort();
    connection_init(&connection->base, db);
    connection->slow = slow;
    connection->line = -1;
    connection->handle = mysql_init(NULL);
    if (!connection->handle)
        abort();
    options(connection->handle, url, slow, ((struct mysql *)db->state)->ends);
    /* Rows matched, not rows changed: an update to the same value has found its row, as on SQLite. */
    if (!mysql_real_connect(connection->handle, url->host, url->user, url->password, url->name, url->port, url->socket,
                            CLIENT_FOUND_ROWS)) {
        mysql_fail(connection, mysql_errno(connection->handle), mysql_error(connection->handle), NULL, error);
        disconnect(connection);
        return false;
    }
    connection->line = fcntl(mysql_get_socket(connection->handle), F_DUPFD_CLOEXEC, 0);
    if (!set_session(connection, error)) {
        disconnect(connection);
        return false;
    }
    connection->idle_since_us = clock_monotonic_us();
    *out = connection;
    return true;
}

bool mysql_run(struct db_connection *base, struct str sql, struct error *error)
{
    struct mysql_connection *connection = (struct mysql_connection *)base;
    if (!mysql_real_query(connection->handle, sql.at, (unsigned long)sql.len)) {
        MYSQL_RES *result = mysql_store_result(connection->handle);
        mysql_free_result(result);
        if (!mysql_errno(connection->handle))
            return true;
    }
    return mysql_fail(connection, mysql_errno(connection->handle), mysql_error(connection->handle), NULL, error);
}

bool mysql_borrow_slow(struct db *db, struct db_connection **out, struct error *error)
{
    struct mysql_connection *connection;
    if (!connect_one(db, true, &connection, error))
        return false;
    *out = &connection->base;
    return true;
}

/* ---- the pool ---- */

static void unlink_one(struct mysql *mysql, struct db_connection *connection)
{
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        mysql->all = connection->next;
}

static void link_one(struct mysql *mysql, struct db_connection *connection)
{
    connection->previous = NULL;
    connection->next = mysql->all;
    if (mysql->all)
        mysql->all->previous = connection;
    mysql->all = connection;
}

/* Takes one out of the pool's sight; its place may be used by another at once. */
static void retire(struct mysql *mysql, struct mysql_connection *connection)
{
    pthread_mutex_lock(&mysql->lock);
    unlink_one(mysql, &connection->base);
    mysql->count--;
    pthread_cond_signal(&mysql->freed);
    pthread_mutex_unlock(&mysql->lock);
    disconnect(connection);
}

/* An idle connection, or the right to make one (*out NULL). False when the wait was too long. */
static bool take_place(struct mysql *mysql, int64_t until_us, struct mysql_connection **out, int *generation)
{
    bool ok = true;
    *out = NULL;
    pthread_mutex_lock(&mysql->lock);
    mysql->waiting++;
    while (!mysql->free && mysql->count >= mysql->db->pool_size && ok && !mysql->ended)
        ok = thread_wait(&mysql->freed, &mysql->lock, until_us);
    mysql->waiting--;
    if (mysql->ended) {
        ok = false;
    } else if (mysql->free) {
        *out = (struct mysql_connection *)mysql->free;
        mysql->free = mysql->free->next_free;
        ok = true;
    } else if (mysql->count < mysql->db->pool_size) {
        mysql->count++;
        ok = true;
    }
    *generation = mysql->generation;
    pthread_mutex_unlock(&mysql->lock);
    return ok;
}

/* A server that has ended, or ended this connection; or a ticket for the next one of TLS, which does no harm. */
static bool has_something_to_say(const struct mysql_connection *connection)
{
    struct pollfd line = { .fd = connection->line, .events = POLLIN };
    return poll(&line, 1, 0) != 0;
}

/* This one was lost, and those that are as old and idle are no better: of a server that has gone silent each would cost
 * its own wait. */
static void doubt_the_idle(struct mysql *mysql, const struct mysql_connection *lost)
{
    pthread_mutex_lock(&mysql->lock);
    if (lost->generation == mysql->generation)
        mysql->generation++;
    pthread_mutex_unlock(&mysql->lock);
}

static bool is_sound(struct mysql_connection *connection, int generation)
{
    if (connection->generation != generation)
        return false;
    bool rested = clock_monotonic_us() - connection->idle_since_us >= MYSQL_IDLE_PING_US;
    return !(rested || has_something_to_say(connection)) || mysql_ping(connection->handle) == 0;
}

static bool connect_into_pool(struct mysql *mysql, int generation, struct mysql_connection **out, struct error *error)
{
    bool ok = connect_one(mysql->db, false, out, error);
    pthread_mutex_lock(&mysql->lock);
    if (ok && mysql->ended) {
        disconnect(*out);
        error_set(error, E_UNAVAILABLE, "the process ends");
        ok = false;
    }
    if (ok) {
        (*out)->generation = generation;
        link_one(mysql, &(*out)->base);
    } else {
        mysql->count--;
        pthread_cond_signal(&mysql->freed);
    }
    pthread_mutex_unlock(&mysql->lock);
    return ok;
}

bool mysql_borrow(struct db *db, struct db_connection **out, struct error *error)
{
    struct mysql *mysql = db->state;
    struct mysql_connection *connection;
    int64_t until_us = clock_monotonic_us() + (int64_t)db->busy_timeout_ms * 1000;
    int generation;
    for (;;) {
        if (!take_place(mysql, until_us, &connection, &generation)) {
            if (!error->code)
                error->retry_after_s = 2;
            return error_set(error, E_UNAVAILABLE,
                             "no connection to the database was free: %d are in use, or the server stops",
                             db->pool_size);
        }
        bool is_new = !connection;
        if (is_new && !connect_into_pool(mysql, generation, &connection, error))
            return false;
        if (is_new || is_sound(connection, generation))
            break;
        doubt_the_idle(mysql, connection);
        retire(mysql, connection);
    }
    atomic_store(&connection->base.borrowed, true);
    *out = &connection->base;
    return true;
}

void mysql_give_back(struct db_connection *base)
{
    struct mysql_connection *connection = (struct mysql_connection *)base;
    struct mysql *mysql = base->db->state;
    if (connection->slow) {
        disconnect(connection);
        return;
    }
    atomic_store(&base->borrowed, false);
    if (base->lost) {
        doubt_the_idle(mysql, connection);
        retire(mysql, connection);
        return;
    }
    connection->idle_since_us = clock_monotonic_us();
    pthread_mutex_lock(&mysql->lock);
    base->next_free = mysql->free;
    mysql->free = base;
    pthread_cond_signal(&mysql->freed);
    pthread_mutex_unlock(&mysql->lock);
}

void mysql_pool_count(struct db *db, int64_t *open, int64_t *busy, int64_t *waiting)
{
    struct mysql *mysql = db->state;
    pthread_mutex_lock(&mysql->lock);
    *open = mysql->count;
    *busy = 0;
    *waiting = mysql->waiting;
    for (struct db_connection *at = mysql->all; at; at = at->next)
        *busy += atomic_load(&at->borrowed);
    pthread_mutex_unlock(&mysql->lock);
    *waiting += mysql_writers_waiting(mysql->writers);
}

void mysql_pool_release(struct mysql *mysql)
{
    while (mysql->all) {
        struct db_connection *connection = mysql->all;
        mysql->all = connection->next;
        disconnect((struct mysql_connection *)connection);
    }
}
