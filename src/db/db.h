/* db.h - SQL on SQLite or MySQL/MariaDB behind one face.
 *
 *     if (!db_get(c, &study_schema, &study, "where s.id = ?", V(id)))
 *         return fail(c, E_NOT_FOUND, "study %" PRId64 " does not exist", id);   // keeps a failure of the database
 *     db_update(c, &study_schema, &study, c->given, "where id = ?", V(id))
 *     db_execute(c, "update users set locked_until = null where id = ?", V(user_id))
 *
 * SQL is written once, in the dialect both understand, with plain `?` parameters; what differs (upsert, full-text
 * search, schema changes) lives in this folder or in the migrations. Values travel as parameters, never inside the
 * text.
 *
 *   readers                                   writer (SQLite)                     MySQL/MariaDB
 *   each thread: own connection,              one thread: takes all that waits,   each write: a pooled connection,
 *   own statement cache, no locks             a savepoint each, one commit,       begin .. commit; a deadlock is
 *                                             then answers all                    tried again
 *
 * Reading borrows a connection on first use and holds it until db_release(c) (the dispatcher's job). Writing happens
 * only inside db_transact, which is durable when it returns true: synchronous=FULL on SQLite.
 *
 * Statements are prepared once per connection and kept in a bounded cache.
 *
 * "No row" and "the database failed" are different. Who needs to tell them apart uses db_find and its like, which have
 * three answers (enum found); who takes both for a failure uses db_get and its like, where both are false and only
 * failure has set c->error:
 *
 *     enum found found = db_find_integer(c, &id, "select id from roles where name = ?", V(name));
 *     return found == FAILED ? false : found == NONE ? role_make(c, name, &id) : true;
 *
 * Errors: unique clash -> E_CONFLICT; foreign key -> E_CONFLICT; disk full -> E_STORAGE_FULL; connection lost or busy
 * too long -> E_UNAVAILABLE with Retry-After (and the next use reconnects); others -> E_INTERNAL.
 *
 * A transaction that failed has changed nothing, unless error.in_doubt is set: then nobody can say. The answer to a
 * COMMIT was lost (the server may have done it, or do it yet), or the disk refused the sync of what had been written (a
 * restart may find it whole). Who made something for the rows of such a transaction, as a file, leaves it until the
 * rows have been looked for: with db_lock, which waits for a commit that is still under way, or after the next start.
 */
#ifndef ROENTGEN_DB_H
#define ROENTGEN_DB_H

#include "base/call.h"
#include "base/crypto.h"
#include "base/value.h"
#include "schema/field.h"

struct db_options {
    struct str url;    /* sqlite:///relative/path, sqlite:////absolute/path, mysql://user:password@host:port/name,
                                mysql://user@/name?socket=/run/x.sock ; user and password percent-encoded */
    struct key key;    /* seals ENCRYPTED fields, hashes HASHED ones */
    int pool_size;     /* MySQL: most connections */
    int64_t cache_kib; /* SQLite: page cache per connection */
    int busy_timeout_ms;
    /* MySQL: most callers of db_transact that wait, each on its thread, for a row that somebody holds for long */
    int waiting_max;
};

bool db_open(const struct db_options *options, struct db **out, struct error *error);
void db_close(struct db *db); /* waits for the writer; takes NULL */
/* This process serves the database, until db_close or its end. Of a SQLite file one process does: E_CONFLICT. Those
 * that only use it (commands, workers) ask nobody. */
bool db_serve(struct db *db, struct error *error);
bool db_is_local(const struct db *db);      /* SQLite: reads may run on an I/O thread */
struct str db_dialect(const struct db *db); /* "sqlite" or "mysql" */
void db_release(struct call *c);            /* gives the borrowed connection back; harmless without one */
bool db_ping(struct call *c);               /* a round trip */
/* What time the database has: of several servers, the one whose clock counts for all. */
bool db_clock(struct call *c, struct instant *now);
/* Does the database take changes? Asks for the right to write, and changes nothing. Blocks as db_transact does. */
bool db_takes_changes(struct call *c);
/* Is there room for them? Nothing is asked until a change has found the disk full. From then on, true needs two things:
 * a small transaction that leaves nothing reaches the disk, and no other has found it full within the last second. */
bool db_has_room(struct call *c);
/* The process is to end: after `ms` nothing waits for an answer of the database any more. What is under way then fails
 * as if the connection were lost, and so does what comes. A database in this process needs none of it. */
void db_end_within(struct db *db, int64_t ms);
bool db_has_ended(struct db *db); /* that moment has come */

/* So many parameters, for `in (...)` over a bounded list: one statement, prepared once. Places left over hold an id
 * that no row has. */
#define DB_MARKS_8 "?, ?, ?, ?, ?, ?, ?, ?"
#define DB_MARKS_32 DB_MARKS_8 ", " DB_MARKS_8 ", " DB_MARKS_8 ", " DB_MARKS_8
#define DB_MARKS_64 DB_MARKS_32 ", " DB_MARKS_32

/* The SQL (or tail) and then up to 16 values, V(...) each. The macros below only put the values into an array; without
 * any they use the empty one (ISO C wants at least one argument for `...`, so the choice is made by counting). */
#define DB_ARGS(...) \
    ((struct db_args){ \
        (const struct value[]){ { .type = VALUE_NOTHING }, __VA_ARGS__ }, \
        (int)(sizeof((const struct value[]){ { .type = VALUE_NOTHING }, __VA_ARGS__ }) / sizeof(struct value)) - 1 })
#define DB_NO_ARGS ((struct db_args){ (const struct value[]){ { .type = VALUE_NOTHING } }, 0 })
#define DB_SQL(...) \
    DB_SQL_COUNT(__VA_ARGS__, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, \
                 DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_, \
                 DB_SQL_, DB_SQL_, DB_SQL_, DB_SQL_ALONE, ) \
    (__VA_ARGS__)
#define DB_SQL_COUNT(s, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, t, u, v, w, x, which, ...) which
#define DB_SQL_ALONE(sql) (sql), DB_NO_ARGS
#define DB_SQL_(sql, ...) (sql), DB_ARGS(__VA_ARGS__)
struct db_args {
    const struct value *values; /* values[0] is unused, so that an empty list is legal C */
    int count;
};

#define DB_ASKED __attribute__((warn_unused_result))

/* ---- writing: only inside db_transact ---- */

/* Runs `work` in a transaction and commits durably. When `work` returns false its changes are undone and db_transact
 * returns false with its error (see in_doubt above). `work` may run again (MySQL: after a deadlock; SQLite: after
 * another's failure undid it), so it keeps no state outside the call. Blocks: not for I/O threads. Inside a transaction
 * already: simply runs `work`. A condition of the call (call.h) is asked before `work`, until it has once held. */
bool db_transact(struct call *c, bool (*work)(struct call *c, void *context), void *context);
/* The same for what is noted beside what was asked for (a picture that cannot be decoded, bytes that a disk has
 * turned): the call's condition (call.h) waits for another. Where the request goes on after it, what is noted must not
 * be part of what the condition compares: it would be false from then on. */
bool db_transact_aside(struct call *c, bool (*work)(struct call *c, void *context), void *context);
/* The same without waiting: `done` is called on another thread, with the outcome, after the commit. The call must stay
 * untouched meanwhile. Gives the call's borrowed connection back first. `done` runs on a thread of the writer's: it is
 * short, does not call db_transact, and may call db_transact_later. */
void db_transact_later(struct call *c, bool (*work)(struct call *c, void *context), void *context,
                       void (*done)(struct call *c, bool ok, void *context));
bool db_in_transaction(const struct call *c);
/* Inside a transaction: `run` is called before it commits, once for all that asked for the same; when it returns false
 * nothing commits. For what has to be durable before the rows that name it, and is cheaper to make so for many. */
void db_before_commit(struct call *c, bool (*run)(void *context, struct error *error), void *context);
/* Inside a transaction: `run` is called once for all that asked for the same after the commit and before whoever asked
 * hears of it, on any thread. For waking who looks what there is now: it is short; it may be called where this piece
 * of a group failed, and is not after a crash. Who has ended all that writes may free what the hooks speak to. */
void db_after_commit(struct call *c, void (*run)(void *context), void *context);

#define db_execute(c, ...) db_execute_((c), DB_SQL(__VA_ARGS__), NULL)
#define db_execute_counted(c, changed, ...) db_execute_((c), DB_SQL(__VA_ARGS__), (changed))
bool db_execute_(struct call *c, const char *sql, struct db_args args, int64_t *changed);

/* Inside a transaction: what was selected stays as it is until the commit. `sql` is a select of rows by an index. On
 * MySQL it is run `for update`; on SQLite there is one writer, and nothing to do. For reads that decide what is then
 * written. Two that want one row say it in the same words, so that a row which is held for long is known as the same
 * (mysql_held.c). */
#define db_lock(c, sql, ...) db_lock_((c), (sql), DB_ARGS(__VA_ARGS__))
bool db_lock_(struct call *c, const char *sql, struct db_args args);
/* The same, and reads the first column of the first row as it is now that the lock is granted: db_integer on SQLite. */
#define db_lock_integer(c, out, sql, ...) db_lock_integer_((c), (out), (sql), DB_ARGS(__VA_ARGS__))
bool db_lock_integer_(struct call *c, int64_t *out, const char *sql, struct db_args args);
#define db_find_locked(c, out, sql, ...) db_find_locked_((c), (out), (sql), DB_ARGS(__VA_ARGS__))
enum found db_find_locked_(struct call *c, int64_t *out, const char *sql, struct db_args args) DB_ASKED;
/* The same, of the first row that nobody else has locked. */
#define db_find_free(c, out, sql, ...) db_find_free_((c), (out), (sql), DB_ARGS(__VA_ARGS__))
enum found db_find_free_(struct call *c, int64_t *out, const char *sql, struct db_args args) DB_ASKED;
/* Inside a transaction: what was read before a lock was granted no longer holds, so all of it is undone and the work
 * runs from its beginning. Always false: `return db_again(c)`. On SQLite nothing can change under a transaction, and it
 * is a failure. */
bool db_again(struct call *c);

/* Inserts every stored field except joined and GENERATED ones, and `id` only when it is above 0; sets
 * SET_ON_INSERT/SET_ON_UPDATE members in the record to now. *id (may be NULL) gets the new id. Fields whose member is
 * null are inserted as null. */
bool db_insert(struct call *c, const struct schema *schema, void *record, int64_t *id);
/* Updates the fields in `mask` (never `id`) plus SET_ON_UPDATE ones. False with no error when no row matched. `tail` is
 * "where ..." without alias. */
#define db_update(c, schema, record, mask, ...) db_update_((c), (schema), (record), (mask), DB_SQL(__VA_ARGS__))
bool db_update_(struct call *c, const struct schema *schema, void *record, uint64_t mask, const char *tail,
                struct db_args args);
#define db_find_update(c, schema, record, mask, ...) \
    db_find_update_((c), (schema), (record), (mask), DB_SQL(__VA_ARGS__))
enum found db_find_update_(struct call *c, const struct schema *schema, void *record, uint64_t mask, const char *tail,
                           struct db_args args) DB_ASKED;

/* ---- reading ---- */

/* First row of `select <fields> from <table> <alias> <join> <tail>` into *record (cleared first). Text lives in the
 * call's arena. */
#define db_get(c, schema, record, ...) db_get_((c), (schema), (record), DB_SQL(__VA_ARGS__))
bool db_get_(struct call *c, const struct schema *schema, void *record, const char *tail, struct db_args args);
#define db_find(c, schema, record, ...) db_find_((c), (schema), (record), DB_SQL(__VA_ARGS__))
enum found db_find_(struct call *c, const struct schema *schema, void *record, const char *tail,
                    struct db_args args) DB_ASKED;
/* First column of the first row. */
#define db_value(c, out, ...) db_value_((c), (out), DB_SQL(__VA_ARGS__))
bool db_value_(struct call *c, struct value *out, const char *sql, struct db_args args);
#define db_find_value(c, out, ...) db_find_value_((c), (out), DB_SQL(__VA_ARGS__))
enum found db_find_value_(struct call *c, struct value *out, const char *sql, struct db_args args) DB_ASKED;
#define db_integer(c, out, ...) db_integer_((c), (out), DB_SQL(__VA_ARGS__))
bool db_integer_(struct call *c, int64_t *out, const char *sql, struct db_args args); /* null reads as 0 */
#define db_find_integer(c, out, ...) db_find_integer_((c), (out), DB_SQL(__VA_ARGS__))
enum found db_find_integer_(struct call *c, int64_t *out, const char *sql, struct db_args args) DB_ASKED;

/* Row by row. Values and record text read from a cursor stay valid until the next row (no copies), so encode or copy
 * them at once. Text given as a parameter must live until cursor_close. Always close; db_release and the end of a
 * transaction close what was forgotten.
 *
 *     struct cursor rows;
 *     for (db_rows(c, &rows, "select name from roles order by name"); cursor_next(&rows);)
 *         use(cursor_text(&rows, 0));
 *     return cursor_close(&rows);
 */
struct cursor {
    struct call *call;
    void *statement;            /* the driver's */
    bool open, failed, unknown; /* what failed last was a choice that nobody here knows */
};
#define db_rows(c, cursor, ...) db_rows_((c), (cursor), DB_SQL(__VA_ARGS__))
bool db_rows_(struct call *c, struct cursor *cursor, const char *sql, struct db_args args);
bool cursor_next(struct cursor *cursor);
struct value cursor_value(struct cursor *cursor, int column);
struct str cursor_text(struct cursor *cursor, int column);
int64_t cursor_integer(struct cursor *cursor, int column); /* null reads as 0 */
/* Reads the columns of db_select_columns with the same mask, which begin at `first`, into *record, whose other members
 * stay. `copy`: text goes to the arena. */
bool cursor_record(struct cursor *cursor, int first, const struct schema *schema, uint64_t mask, void *record,
                   bool copy);
/* Behind a false of cursor_record: was it a choice that this program does not know, as a newer version beside it may
 * write one? Then the failure is forgotten, and the cursor may go on behind this row, which is left out. */
bool cursor_leaves_out(struct cursor *cursor);
/* Harmless when it never opened. False: it did not open, or a row could not be read. */
bool cursor_close(struct cursor *cursor);

/* "f.id, f.file_uuid, u.full_name": the fields in `mask`, and those that VEILS, as far as they are stored or joined;
 * "null" when there are none. */
void db_select_columns(struct text *sql, const struct schema *schema, uint64_t mask);
/* "image_files f left join users u on ..." */
void db_select_from(struct text *sql, const struct schema *schema);

/* The keyed hash a HASHED column holds for this value. */
struct str db_lookup_hash(struct call *c, struct str value);

/* ---- substring search (search.c) ----
 *
 * A search table holds, per row of the searched table, the text as overlapping pairs of code points, each a word of
 * base-36 digits (search.c draws it). Any substring is then a phrase, whatever the language and however short: FTS5 on
 * SQLite, FULLTEXT on MySQL. Text is folded (folding_search, base/folding.h). A query looks at its first 100 code
 * points. Chinese names are found by Latin letters, too (base/pinyin.h). A row is found only when its words were put
 * there in the same transaction as its own change; what is not found by mistake does not exist: matches are exact, no
 * LIKE has to follow.
 *
 * Migrations make the table like this. On SQLite it keeps the words too, because a contentless table (content='') of
 * 3.40 cannot forget a row without being told its old words:
 *
 *     sqlite   create virtual table NAME using fts5(grams, tokenize='ascii', columnsize=0);
 *     mysql    create table NAME (
 *                  id bigint not null primary key,
 *                  grams mediumtext character set ascii collate ascii_bin not null,
 *                  fulltext key ft_NAME (grams)
 *              ) engine=InnoDB;
 *
 *     struct text sql;  ...  text_put(&sql, S(" and "));
 *     search_condition(&sql, c->db, "patient_search", "p.id");      // one `?`
 *     db_rows(c, &rows, ..., V(search_phrase(c->db, &c->arena, wanted)));
 */
/* Of the words that are made here: one more where folding changes, or what a record is found by. Rows with words of an
 * earlier version are found as they were by that one; records/renewal.h makes them anew. */
enum { SEARCH_VERSION = 3, SEARCH_TEXTS_MAX = 8 /* of a row */, SEARCH_DESCRIPTION_BYTES = 400 };

struct search_text {
    struct str text;
    bool is_name; /* found by pinyin and initials, too */
};

/* Inserts or replaces. */
bool search_put(struct call *c, const char *search_table, int64_t id, const struct search_text *texts, int count);
bool search_remove(struct call *c, const char *search_table, int64_t id);

/* Words made anew beside others who change the same record:
 *
 *     search_hold(c, table, id, &found)                                 // the row's words stay until the commit
 *     ... now the record is read ...
 *     search_renew(c, table, id, found, texts, count, &changed)         // writes only what differs
 *
 * Everybody writes a record first and then its words, in one transaction. So who has held the words reads either what
 * they say, or what their next writer, who waits for the hold, will overwrite. Without words there is nothing to hold:
 * then those that somebody else has put meanwhile stay. */
bool search_hold(struct call *c, const char *search_table, int64_t id, bool *found);
bool search_renew(struct call *c, const char *search_table, int64_t id, bool found, const struct search_text *texts,
                  int count, bool *changed);

/* The match expression for a search text, to be bound to the `?` of search_condition. A DICOM name with its component
 * groups (A^B=甲^乙) finds the rows that have each of them. Text without a visible character gives null: leave the
 * condition out. */
struct str search_phrase(const struct db *db, struct arena *arena, struct str wanted);
/* Appends "<id_column> in (select ... from <search_table> where ... ?)". */
void search_condition(struct text *sql, const struct db *db, const char *search_table, const char *id_column);

/* ---- migrations (migrate.c) ---- */

struct migration {
    int number;            /* 1, 2, ... without gaps */
    const char *name;      /* "0001_name" */
    const char *up, *down; /* SQL, `;`-separated; a statement may hold `;` inside begin ... end */
};
struct migrations {
    const struct migration *sqlite;
    const struct migration *mysql;
    int count;
};
bool migrate_current(struct call *c, int *number); /* 0: empty database */
/* Up or down to `target`, each step with its version row; SQLite in one transaction each. `tell` is called per step. */
bool migrate_to(struct call *c, const struct migrations *migrations, int target,
                void (*tell)(const char *line, void *context), void *context);
bool migrate_history(struct call *c, const struct migrations *migrations, struct text *out);
/* What going down to `target` would lose: the tables that would be dropped, and the columns ("users.title"), with how
 * many rows have something there; only those that have. */
bool migrate_losses(struct call *c, const struct migrations *migrations, int target,
                    void (*tell)(struct str what, int64_t rows, void *context), void *context);
/* E_UNAVAILABLE with what to do, when the database is older or newer than this binary. */
bool migrate_check(struct call *c, const struct migrations *migrations);
/* Every table and column that `schema` names exists; complaints otherwise. */
int db_check_schema(struct call *c, const struct schema *schema, struct text *complaints);

/* ---- what it costs: per statement count and time, for /metrics and /system/performance ---- */
struct db_statement_stats {
    const char *sql;
    int64_t count;
    int64_t total_us;
    int64_t buckets[16]; /* bucket i: < 2^i * 16 us; last: all above */
};
struct db_stats {
    int64_t commits;      /* durable commits of the writer */
    int64_t transactions; /* pieces of work inside them */
    int64_t connections_open, connections_busy, writer_waiting;
    int64_t size_bytes; /* of the database */
};
void db_stats(struct db *db, struct db_stats *out);
/* Calls `each` for every statement seen, most time first, at most `limit`. */
void db_statement_stats(struct db *db, int limit, void (*each)(const struct db_statement_stats *stats, void *context),
                        void *context);

#endif
