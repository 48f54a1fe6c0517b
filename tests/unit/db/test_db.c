/* test_db.c - values, rows, records, statements and errors, the same on both databases. */
#include "fixture.h"

#include <math.h>

static const char *const colours[] = { "RED", "GREEN", NULL };

struct note {
    int64_t id;
    struct str title;
    int64_t amount;
    double weight;
    bool done;
    unsigned colour;
    struct date day;
    struct str secret;
    struct instant created_at, updated_at;
    int64_t parent_id;
    struct str parent_name;
    int64_t derived;
};

static const struct field note_fields[] = {
    FIELD(struct note, id, .flags = READ_ONLY, .doc = "Id."),
    FIELD(struct note, title, .doc = "Title."),
    FIELD(struct note, amount, .doc = "Amount."),
    FIELD(struct note, weight, .doc = "Weight."),
    FIELD(struct note, done, .doc = "Done."),
    FIELD(struct note, colour, .choices = colours, .doc = "Colour."),
    FIELD(struct note, day, .doc = "Day."),
    FIELD(struct note, secret, .flags = ENCRYPTED | HASHED, .doc = "Secret."),
    FIELD(struct note, created_at, .flags = SET_ON_INSERT, .doc = "Created."),
    FIELD(struct note, updated_at, .flags = SET_ON_UPDATE, .doc = "Updated."),
    FIELD(struct note, parent_id, .doc = "Parent."),
    FIELD(struct note, parent_name, .sql = "p.name", .doc = "Its name."),
    FIELD(struct note, derived, .flags = NOT_STORED, .doc = "Not a column."),
};
static const struct schema note_schema = SCHEMA("Note", struct note, note_fields, .table = "t_notes", .alias = "n",
                                                .join = "left join t_parent p on p.id = n.parent_id");
/* The same columns without a joined one, for tables on their own. */
static const struct schema plain_schema = SCHEMA("Note", struct note, note_fields, .table = "t_notes",
                                                 .join = "left join t_parent p on p.id = t_notes.parent_id");

static void make_tables(struct fixture *f)
{
    ddl(f,
        f->sqlite
            ? "create table t_parent(id integer primary key, name text not null);"
              "create table t_notes(id integer primary key, title text, amount integer, weight real, done integer,"
              " colour text, day text, secret text, secret_hash text, created_at integer not null,"
              " updated_at integer not null, parent_id integer references t_parent(id));"
              "create unique index uq_t_notes_title on t_notes(title);"
              "create unique index uq_t_notes_secret on t_notes(secret_hash);"
            : "create table t_parent(id bigint not null auto_increment primary key, name text not null) engine=InnoDB;"
              "create table t_notes(id bigint not null auto_increment primary key, title varchar(200), amount bigint,"
              " weight double, done tinyint, colour varchar(10), day varchar(10), secret text, secret_hash varchar(64),"
              " created_at bigint not null, updated_at bigint not null, parent_id bigint,"
              " constraint fk_t_notes_parent foreign key (parent_id) references t_parent(id)) engine=InnoDB"
              " default charset=utf8mb4 collate=utf8mb4_bin;"
              "create unique index uq_t_notes_title on t_notes(title);"
              "create unique index uq_t_notes_secret on t_notes(secret_hash);");
}

static struct note a_note(const char *title)
{
    struct note note;
    schema_clear(&note_schema, &note);
    note.title = str_from(title);
    return note;
}

struct insert {
    struct note *note;
    int64_t id;
};
static bool insert_note(struct call *c, void *context)
{
    struct insert *insert = context;
    return db_insert(c, &note_schema, insert->note, &insert->id);
}

static int64_t put_note(struct fixture *f, struct note *note)
{
    struct insert insert = { note, 0 };
    must(f, db_transact(&f->call, insert_note, &insert));
    return insert.id;
}

static bool run_sql(struct call *c, void *context)
{
    return db_execute(c, (const char *)context);
}

static bool try_sql(struct fixture *f, const char *sql)
{
    return db_transact(&f->call, run_sql, (void *)sql);
}

static int64_t count_of(struct fixture *f, const char *table)
{
    char sql[100];
    int64_t n = -1;
    snprintf(sql, sizeof(sql), "select count(*) from %s", table);
    must(f, db_integer(&f->call, &n, sql));
    return n;
}

/* ---- records ---- */

static void record_comes_back(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, try_sql(f, "insert into t_parent(id, name) values (5, 'Wei')"));
    struct note note = a_note("张伟 \"quoted\" 'too' \\ %"), back;
    note.amount = INT64_MAX;
    note.weight = 0.1;
    note.done = true;
    note.colour = 2;
    note.day = date_from_ymd(2026, 1, 5);
    note.secret = S("  13800001111 Ab ");
    note.parent_id = 5;
    note.derived = 77;
    struct instant before = clock_now();
    int64_t id = put_note(f, &note);
    assert_true(id > 0);
    assert_true(note.created_at.us >= before.us && note.updated_at.us == note.created_at.us);
    must(f, db_get(&f->call, &note_schema, &back, "where n.id = ?", V(id)));
    assert_int_equal(back.id, id);
    assert_true(str_equal(back.title, note.title));
    assert_true(back.amount == INT64_MAX && back.weight == 0.1 && back.done && back.colour == 2);
    assert_int_equal(back.day.days, note.day.days);
    assert_true(str_equal(back.secret, note.secret));
    assert_true(back.created_at.us == note.created_at.us);
    assert_true(str_equal(back.parent_name, S("Wei")));
    assert_true(back.derived == INTEGER_NULL);
    must(f, db_get(&f->call, &plain_schema, &back, "where t_notes.id = ?", V(id)));
    assert_true(back.amount == INT64_MAX);
}

static void nulls_come_back(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note(NULL), back;
    int64_t id = put_note(f, &note);
    must(f, db_get(&f->call, &note_schema, &back, "where n.id = ?", V(id)));
    assert_true(str_is_null(back.title) && back.amount == INTEGER_NULL && isnan(back.weight) && !back.done &&
                !back.colour);
    assert_true(date_is_null(back.day) && str_is_null(back.secret) && str_is_null(back.parent_name));
    int64_t nulls = 0;
    must(f, db_integer(&f->call, &nulls, "select count(*) from t_notes where secret_hash is null and title is null"));
    assert_int_equal(nulls, 1);
}

static void empty_text_is_not_null(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note(""), back;
    int64_t id = put_note(f, &note);
    must(f, db_get(&f->call, &note_schema, &back, "where n.id = ?", V(id)));
    assert_true(!str_is_null(back.title) && back.title.len == 0);
}

static void id_is_kept_when_given(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("a"), next = a_note("b"), back;
    note.id = 41;
    assert_int_equal(put_note(f, &note), 41);
    assert_int_equal(put_note(f, &next), 42);
    must(f, db_get(&f->call, &note_schema, &back, "where n.title = ?", V(S("a"))));
    assert_int_equal(back.id, 41);
}

static void no_row_is_not_a_failure(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note back = a_note("left over");
    int64_t n = 13;
    struct value value = value_int(1);
    assert_false(db_get(&f->call, &note_schema, &back, "where n.id = ?", V(1)));
    assert_int_equal(f->call.error.code, E_NONE);
    assert_true(str_is_null(back.title));
    assert_false(db_integer(&f->call, &n, "select id from t_notes where id = ?", V(1)));
    assert_int_equal(n, 13);
    assert_false(db_value(&f->call, &value, "select id from t_notes"));
    assert_int_equal(f->call.error.code, E_NONE);
    assert_false(db_get(&f->call, &note_schema, &back, "where n.nonsense = ?", V(1)));
    expect_error(f, E_INTERNAL);
}

struct finding {
    struct note *note;
    enum found there, absent, failed, locked, unlocked;
};

static bool find_in_transaction(struct call *c, void *context)
{
    struct finding *find = context;
    int64_t n = 0;
    find->there = db_find_update(c, &note_schema, find->note, UINT64_MAX, "where id = ?", V(find->note->id));
    find->absent = db_find_update(c, &note_schema, find->note, UINT64_MAX, "where id = ?", V(404));
    find->locked = db_find_locked(c, &n, "select id from t_notes where id = ?", V(find->note->id));
    find->unlocked = db_find_locked(c, &n, "select id from t_notes where id = ?", V(404));
    find->failed = db_find_update(c, &note_schema, find->note, UINT64_MAX, "where nonsense = ?", V(1));
    return find->failed != FAILED;
}

static void looking_has_three_answers(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("here"), back;
    struct finding find = { .note = &note };
    struct value value;
    struct cursor rows;
    int64_t id = put_note(f, &note), n = 0;
    assert_int_equal(db_find(&f->call, &note_schema, &back, "where n.id = ?", V(id)), FOUND);
    assert_int_equal(db_find(&f->call, &note_schema, &back, "where n.id = ?", V(404)), NONE);
    assert_int_equal(db_find_integer(&f->call, &n, "select id from t_notes where id = ?", V(id)), FOUND);
    assert_int_equal(db_find_integer(&f->call, &n, "select id from t_notes where id = ?", V(404)), NONE);
    assert_int_equal(db_find_value(&f->call, &value, "select title from t_notes where id = ?", V(id)), FOUND);
    assert_int_equal(db_find_value(&f->call, &value, "select title from t_notes where id = ?", V(404)), NONE);
    db_rows(&f->call, &rows, "select id from t_notes");
    assert_true(cursor_next(&rows));
    assert_false(cursor_next(&rows));
    assert_true(cursor_close(&rows));
    assert_int_equal(f->call.error.code, E_NONE);
    assert_int_equal(db_find(&f->call, &note_schema, &back, "where n.nonsense = ?", V(1)), FAILED);
    expect_error(f, E_INTERNAL);
    assert_int_equal(db_find_integer(&f->call, &n, "select nonsense from t_notes"), FAILED);
    expect_error(f, E_INTERNAL);
    assert_int_equal(db_find_value(&f->call, &value, "select nonsense from t_notes"), FAILED);
    expect_error(f, E_INTERNAL);
    assert_false(db_rows(&f->call, &rows, "select nonsense from t_notes"));
    assert_false(cursor_next(&rows));
    assert_false(cursor_close(&rows));
    expect_error(f, E_INTERNAL);
    note.id = id;
    assert_false(db_transact(&f->call, find_in_transaction, &find));
    expect_error(f, E_INTERNAL);
    assert_int_equal(find.there, FOUND);
    assert_int_equal(find.absent, NONE);
    assert_int_equal(find.locked, FOUND);
    assert_int_equal(find.unlocked, NONE);
    assert_int_equal(find.failed, FAILED);
}

struct update {
    struct note *note;
    uint64_t mask;
    int64_t id;
};
static bool update_note(struct call *c, void *context)
{
    struct update *update = context;
    return db_update(c, &note_schema, update->note, update->mask, "where id = ?", V(update->id));
}

static uint64_t mask_of(const char *name)
{
    return GIVEN(schema_find(&note_schema, str_from(name)));
}

static void update_changes_the_mask_only(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("first"), back, change = a_note("second");
    note.amount = 1;
    int64_t id = put_note(f, &note);
    change.amount = 2;
    change.id = 999;
    struct update update = { &change, mask_of("title") | mask_of("id") | mask_of("parent_name") | mask_of("derived"),
                             id };
    must(f, db_transact(&f->call, update_note, &update));
    must(f, db_get(&f->call, &note_schema, &back, "where n.id = ?", V(id)));
    assert_true(str_equal(back.title, S("second")));
    assert_int_equal(back.amount, 1);
    assert_true(back.updated_at.us == change.updated_at.us && back.created_at.us == note.created_at.us);
    /* To the same value: the row was found all the same. */
    must(f, db_transact(&f->call, update_note, &update));
    update.id = id + 1;
    assert_false(db_transact(&f->call, update_note, &update));
    assert_int_equal(f->call.error.code, E_NONE);
}

static const struct field bare_fields[] = {
    FIELD(struct note, id, .doc = "Id."),
    FIELD(struct note, title, .doc = "Title."),
};
static const struct schema bare_schema = SCHEMA("Bare", struct note, bare_fields, .table = "t_notes");
static bool update_nothing(struct call *c, void *context)
{
    struct note note = a_note("x");
    return db_update(c, &bare_schema, &note, 0, "where id = ?", V(*(int64_t *)context));
}

static void update_of_nothing_finds_the_row(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("first");
    int64_t id = put_note(f, &note), other = id + 1;
    must(f, db_transact(&f->call, update_nothing, &id));
    assert_false(db_transact(&f->call, update_nothing, &other));
    assert_int_equal(f->call.error.code, E_NONE);
}

/* ---- sealed and hashed ---- */

static void secrets_are_sealed_and_found(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("a"), back;
    note.secret = S("Geheim-1234");
    int64_t id = put_note(f, &note), found = 0;
    struct value raw;
    must(f, db_value(&f->call, &raw, "select secret from t_notes where id = ?", V(id)));
    assert_true(raw.type == VALUE_TEXT && str_find(raw.text, S("Geheim")) < 0);
    must(f, db_integer(&f->call, &found, "select id from t_notes where secret_hash = ?",
                       V(db_lookup_hash(&f->call, S(" gEHEIM-1234\n")))));
    assert_int_equal(found, id);
    assert_true(str_is_null(db_lookup_hash(&f->call, S("  "))));
    /* Both change together. */
    note.secret = S("other");
    struct update update = { &note, mask_of("secret"), id };
    must(f, db_transact(&f->call, update_note, &update));
    assert_false(db_integer(&f->call, &found, "select id from t_notes where secret_hash = ?",
                            V(db_lookup_hash(&f->call, S("Geheim-1234")))));
    must(f, db_integer(&f->call, &found, "select id from t_notes where secret_hash = ?",
                       V(db_lookup_hash(&f->call, S("OTHER")))));
    /* Damage is noticed, and told apart from no row. */
    must(f, try_sql(f, "update t_notes set secret = 'AAAA'"));
    assert_false(db_get(&f->call, &note_schema, &back, "where n.id = ?", V(id)));
    assert_null(strstr(f->call.error.message, "AAAA"));
    expect_error(f, E_INTERNAL);
}

static void a_choice_that_nobody_knows(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("a"), back;
    put_note(f, &note);
    must(f, try_sql(f, "update t_notes set colour = 'MAUVE'"));
    assert_false(db_get(&f->call, &note_schema, &back, "where n.title = 'a'"));
    assert_non_null(strstr(f->call.error.message, "its colour is MAUVE"));
    assert_non_null(strstr(f->call.error.message, "t_notes"));
    expect_error(f, E_UNREADABLE);
}

/* ---- rows ---- */

static bool fill_parents(struct call *c, void *context)
{
    char name[5000];
    int count = *(int *)context;
    for (int i = 1; i <= count; i++) {
        int len = i * 37 % 4999; /* lengths up and down, so that buffers have to grow in the midst */
        memset(name, 'a' + i % 26, sizeof(name));
        if (!db_execute(c, "insert into t_parent(id, name) values (?, ?)", V(i), V(((struct str){ name, len }))))
            return false;
    }
    return true;
}

static void rows_of_any_length(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    int count = 300, seen = 0;
    must(f, db_transact(&f->call, fill_parents, &count));
    struct cursor rows;
    for (db_rows(&f->call, &rows, "select id, name, length(name), null from t_parent order by id");
         cursor_next(&rows);) {
        seen++;
        struct str name = cursor_text(&rows, 1);
        assert_int_equal(cursor_integer(&rows, 0), seen);
        assert_int_equal(name.len, seen * 37 % 4999);
        assert_int_equal(name.len, cursor_integer(&rows, 2));
        for (ptrdiff_t i = 0; i < name.len; i++)
            assert_int_equal(name.at[i], 'a' + seen % 26);
        assert_int_equal(cursor_value(&rows, 3).type, VALUE_NOTHING);
        assert_int_equal(cursor_integer(&rows, 3), 0);
        assert_true(str_is_null(cursor_text(&rows, 3)));
    }
    cursor_close(&rows);
    cursor_close(&rows);
    assert_int_equal(seen, count);
    assert_int_equal(f->call.error.code, E_NONE);
}

static void rows_within_rows(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    int count = 5;
    int64_t sum = 0, inner = 0;
    must(f, db_transact(&f->call, fill_parents, &count));
    struct cursor outer, nested;
    /* The same text three times over: each use has a statement of its own. */
    for (db_rows(&f->call, &outer, "select id from t_parent order by id"); cursor_next(&outer);) {
        for (db_rows(&f->call, &nested, "select id from t_parent order by id"); cursor_next(&nested);) {
            sum += cursor_integer(&outer, 0) * cursor_integer(&nested, 0);
            must(f, db_integer(&f->call, &inner, "select id from t_parent order by id"));
            assert_int_equal(inner, 1);
        }
        cursor_close(&nested);
    }
    cursor_close(&outer);
    assert_int_equal(sum, 15 * 15);
}

static void cursor_record_without_copies(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("one"), next = a_note("two");
    note.amount = 1;
    next.amount = 2;
    put_note(f, &note);
    put_note(f, &next);
    struct text sql;
    text_init(&sql, 4096);
    text_put(&sql, S("select 7, "));
    db_select_columns(&sql, &note_schema, ~mask_of("amount"));
    text_put(&sql, S(" from "));
    db_select_from(&sql, &note_schema);
    text_put(&sql, S(" order by n.id"));
    const char *query = arena_cstring(&f->call.arena, text_str(&sql));
    text_release(&sql);
    struct cursor rows;
    struct note back;
    int seen = 0;
    schema_clear(&note_schema, &back);
    ptrdiff_t used = 0;
    for (db_rows(&f->call, &rows, query); cursor_next(&rows); seen++) {
        assert_int_equal(cursor_integer(&rows, 0), 7);
        if (seen == 0)
            used = f->call.arena.used_bytes;
        must(f, cursor_record(&rows, 1, &note_schema, ~mask_of("amount"), &back, false));
        assert_true(str_equal(back.title, seen ? S("two") : S("one")));
        assert_true(back.amount == INTEGER_NULL); /* not in the mask */
    }
    cursor_close(&rows);
    assert_int_equal(seen, 2);
    assert_int_equal(f->call.arena.used_bytes, used);
}

static void sums_are_integers(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("one"), next = a_note("two");
    note.amount = (int64_t)1 << 40;
    next.amount = 3;
    put_note(f, &note);
    put_note(f, &next);
    struct value sum, average;
    must(f, db_value(&f->call, &sum, "select sum(amount) from t_notes"));
    assert_true(sum.type == VALUE_INTEGER && sum.integer == ((int64_t)1 << 40) + 3);
    must(f, db_value(&f->call, &average, "select avg(done) + 0.5 from t_notes"));
    assert_true(average.type == VALUE_REAL && average.real == 0.5);
    int64_t nothing = 5;
    must(f, db_integer(&f->call, &nothing, "select sum(amount) from t_notes where id < 0"));
    assert_int_equal(nothing, 0);
}

static void values_of_every_type(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct value back;
    must(f, db_value(&f->call, &back, "select ?", V(S("x\0y"))));
    assert_true(back.type == VALUE_TEXT && str_equal(back.text, S("x\0y")));
    must(f, db_value(&f->call, &back, "select ?", V(INT64_MIN + 1)));
    assert_true(back.type == VALUE_INTEGER && back.integer == INT64_MIN + 1);
    must(f, db_value(&f->call, &back, "select ?", V(-1.5e300)));
    assert_true(back.type == VALUE_REAL && back.real == -1.5e300);
    must(f, db_value(&f->call, &back, "select ?", V(STR_NULL)));
    assert_int_equal(back.type, VALUE_NOTHING);
    must(f, db_value(&f->call, &back, "select ?", V(true)));
    assert_true(back.type == VALUE_INTEGER && back.integer == 1);
    assert_false(db_value(&f->call, &back, "select ?, ?", V(1)));
    expect_error(f, E_INTERNAL);
    assert_false(db_value(&f->call, &back, "select 1", V(1)));
    expect_error(f, E_INTERNAL);
    must(f, db_ping(&f->call));
}

static void sixteen_values(void **state)
{
    struct fixture *f = fixture_of(state);
    int64_t sum = 0;
    must(f, db_integer(&f->call, &sum, "select ?+?+?+?+?+?+?+?+?+?+?+?+?+?+?+?", V(1), V(2), V(3), V(4), V(5), V(6),
                       V(7), V(8), V(9), V(10), V(11), V(12), V(13), V(14), V(15), V(16)));
    assert_int_equal(sum, 136);
}

/* ---- the statement cache ---- */

static void many_statements(void **state)
{
    struct fixture *f = fixture_of(state);
    /* More than are kept, twice, so that those thrown out come back; text in one buffer, so that only content
     * counts. */
    char sql[64];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < STATEMENTS_MAX + 50; i++) {
            int64_t n = -1;
            snprintf(sql, sizeof(sql), "select %d", i);
            must(f, db_integer(&f->call, &n, sql));
            assert_int_equal(n, i);
        }
    }
    assert_int_equal(f->call.connection->kept.count, STATEMENTS_MAX);
    snprintf(sql, sizeof(sql), "select %d", STATEMENTS_MAX + 49);
    const struct statement_key key = { .verb = STATEMENT_SQL, .text = str_from(sql) };
    bool taken;
    struct statement *newest = statements_find(&f->call.connection->kept, &key, statement_hash(&key), &taken);
    assert_non_null(newest);
    assert_ptr_equal(newest, f->call.connection->kept.newest);
}

static void count_selects(const struct db_statement_stats *stats, void *context)
{
    if (strncmp(stats->sql, "select 4711", 11) == 0) {
        int64_t *out = context;
        out[0] += stats->count;
        for (int i = 0; i < STATS_BUCKETS; i++)
            out[1] += stats->buckets[i];
        out[2]++;
    }
}

static void statements_are_counted(void **state)
{
    struct fixture *f = fixture_of(state);
    int64_t n, seen[3] = { 0 };
    for (int i = 0; i < 10; i++)
        must(f, db_integer(&f->call, &n, "select 4711"));
    for (int i = 0; i < STATEMENTS_MAX; i++) { /* out of the cache, but not out of the count */
        char sql[32];
        snprintf(sql, sizeof(sql), "select %d", i);
        must(f, db_integer(&f->call, &n, sql));
    }
    must(f, db_integer(&f->call, &n, "select 4711"));
    db_statement_stats(f->db, 10000, count_selects, seen);
    assert_int_equal(seen[0], 11);
    assert_int_equal(seen[1], 11);
    assert_int_equal(seen[2], 1);
    struct db_stats stats;
    db_stats(f->db, &stats);
    assert_true(stats.connections_busy >= 1 && stats.connections_open >= stats.connections_busy &&
                stats.size_bytes >= 0);
    db_release(&f->call);
    assert_null(f->call.connection);
    db_release(&f->call);
}

static void left_open_cursors(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    int count = 5;
    must(f, db_transact(&f->call, fill_parents, &count));
    struct cursor rows;
    db_rows(&f->call, &rows, "select id from t_parent");
    assert_true(cursor_next(&rows));
    db_release(&f->call); /* forgotten: the connection goes back clean */
    must(f, try_sql(f, "delete from t_parent"));
    assert_int_equal(count_of(f, "t_parent"), 0);
}

/* ---- errors ---- */

static void unique_clash_names_the_column(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("it's 'taken' for key 'x"), same = note, third = a_note("c"), fourth = a_note("d");
    put_note(f, &note);
    struct insert insert = { &same, 0 };
    assert_false(db_transact(&f->call, insert_note, &insert));
    assert_string_equal(f->call.error.message, "title is taken already");
    expect_error(f, E_CONFLICT);
    third.secret = S("s1");
    fourth.secret = S(" S1 ");
    put_note(f, &third);
    insert.note = &fourth;
    assert_false(db_transact(&f->call, insert_note, &insert));
    assert_string_equal(f->call.error.message, "secret is taken already");
    expect_error(f, E_CONFLICT);
    struct update update = { &third, mask_of("title"), 1 };
    third.title = note.title;
    update.id = 0;
    must(f, db_integer(&f->call, &update.id, "select id from t_notes where title = 'c'"));
    assert_false(db_transact(&f->call, update_note, &update));
    assert_string_equal(f->call.error.message, "title is taken already");
    expect_error(f, E_CONFLICT);
    must(f, try_sql(f, "insert into t_parent(id, name) values (1, 'a')"));
    assert_false(try_sql(f, "insert into t_parent(id, name) values (1, 'b')"));
    expect_error(f, E_CONFLICT);
    assert_int_equal(count_of(f, "t_notes"), 2);
}

static void foreign_keys(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("a");
    note.parent_id = 99;
    struct insert insert = { &note, 0 };
    assert_false(db_transact(&f->call, insert_note, &insert));
    assert_non_null(strstr(f->call.error.message, "refers to something"));
    expect_error(f, E_CONFLICT);
    must(f, try_sql(f, "insert into t_parent(id, name) values (99, 'x')"));
    put_note(f, &note);
    assert_false(try_sql(f, "delete from t_parent"));
    expect_error(f, E_CONFLICT);
}

static void internal_errors_hold_no_values(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    assert_false(try_sql(f, "insert into t_parent(name) values (null)"));
    assert_non_null(strstr(f->call.error.message, "name"));
    expect_error(f, E_INTERNAL);
    assert_false(try_sql(f, "select nonsense from nowhere"));
    assert_non_null(strstr(f->call.error.message, "nowhere"));
    expect_error(f, E_INTERNAL);
    if (!f->sqlite) {
        assert_false(try_sql(f, "insert into t_notes(amount, created_at, updated_at) values ('topsecret', 1, 1)"));
        assert_null(strstr(f->call.error.message, "topsecret"));
        expect_error(f, E_INTERNAL);
    }
}

static void writes_need_a_transaction(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct note note = a_note("a");
    assert_false(db_execute(&f->call, "delete from t_notes"));
    expect_error(f, E_INTERNAL);
    assert_false(db_insert(&f->call, &note_schema, &note, NULL));
    expect_error(f, E_INTERNAL);
    assert_false(db_update(&f->call, &note_schema, &note, 1, "where id = 1"));
    expect_error(f, E_INTERNAL);
    if (f->sqlite) {
        int64_t n;
        assert_false(db_integer(&f->call, &n, "delete from t_notes returning id"));
        expect_error(f, E_INTERNAL);
    }
}

static void first_error_stays(void **state)
{
    struct fixture *f = fixture_of(state);
    int64_t n;
    error_set(&f->call.error, E_FORBIDDEN, "before");
    must(f, db_integer(&f->call, &n, "select 1"));
    assert_false(db_integer(&f->call, &n, "select nonsense"));
    assert_string_equal(f->call.error.message, "before");
    expect_error(f, E_FORBIDDEN);
}

static bool insert_and_count(struct call *c, void *context)
{
    int64_t *out = context, changed = 0;
    struct note note = a_note("mine");
    if (!db_insert(c, &note_schema, &note, NULL) || !db_integer(c, &out[0], "select count(*) from t_notes"))
        return false;
    return db_execute_counted(c, &out[1], "update t_notes set amount = amount where title like ?", V(S("m%"))) &&
           db_execute_counted(c, &changed, "delete from t_notes where id < 0") && changed == 0 && db_in_transaction(c);
}

static void reads_see_own_writes(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    int64_t seen[2] = { 0 };
    assert_int_equal(count_of(f, "t_notes"), 0); /* a reader is borrowed already */
    assert_false(db_in_transaction(&f->call));
    must(f, db_transact(&f->call, insert_and_count, seen));
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 1);
    assert_false(db_in_transaction(&f->call));
    assert_int_equal(count_of(f, "t_notes"), 1);
}

static void others_writes_are_seen(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct call other;
    call_init(&other, NULL, f->db);
    assert_int_equal(count_of(f, "t_parent"), 0); /* on SQLite the call may now hold a snapshot */
    assert_true(db_transact(&other, run_sql, (void *)"insert into t_parent(id, name) values (1, 'a')"));
    db_release(&f->call);
    assert_int_equal(count_of(f, "t_parent"), 1);
    assert_true(db_transact(&other, run_sql, (void *)"insert into t_parent(id, name) values (2, 'b')"));
    must(f, try_sql(f, "insert into t_parent(id, name) values (3, 'c')")); /* its own write ends the snapshot too */
    assert_int_equal(count_of(f, "t_parent"), 3);
    call_release(&other);
}

static void the_schema_is_checked(void **state)
{
    static const struct field wrong_fields[] = {
        FIELD(struct note, title, .doc = "Title."),
        FIELD(struct note, derived, .doc = "Missing."),
        FIELD(struct note, amount, .flags = ENCRYPTED | HASHED, .doc = "No hash."),
    };
    static const struct schema wrong = SCHEMA("Wrong", struct note, wrong_fields, .table = "t_notes");
    static const struct schema gone = SCHEMA("Gone", struct note, wrong_fields, .table = "t_gone");
    static const struct field joined_fields[] = { FIELD(struct note, title, .sql = "q.title", .doc = "Joined.") };
    static const struct schema joined = SCHEMA("Joined", struct note, joined_fields, .table = "t_notes");
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct text out;
    text_init(&out, 4096);
    assert_int_equal(db_check_schema(&f->call, &note_schema, &out), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(db_check_schema(&f->call, &wrong, &out), 2);
    assert_true(str_find(text_str(&out), S("derived")) >= 0 && str_find(text_str(&out), S("amount_hash")) >= 0);
    assert_int_equal(db_check_schema(&f->call, &gone, &out), 1);
    assert_int_equal(db_check_schema(&f->call, &joined, &out), 1);
    assert_int_equal(f->call.error.code, E_NONE);
    text_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(record_comes_back),
        ON_BOTH(nulls_come_back),
        ON_BOTH(empty_text_is_not_null),
        ON_BOTH(id_is_kept_when_given),
        ON_BOTH(no_row_is_not_a_failure),
        ON_BOTH(looking_has_three_answers),
        ON_BOTH(update_changes_the_mask_only),
        ON_BOTH(update_of_nothing_finds_the_row),
        ON_BOTH(secrets_are_sealed_and_found),
        ON_BOTH(a_choice_that_nobody_knows),
        ON_BOTH(rows_of_any_length),
        ON_BOTH(rows_within_rows),
        ON_BOTH(cursor_record_without_copies),
        ON_BOTH(sums_are_integers),
        ON_BOTH(values_of_every_type),
        ON_BOTH(sixteen_values),
        ON_BOTH(many_statements),
        ON_BOTH(statements_are_counted),
        ON_BOTH(left_open_cursors),
        ON_BOTH(unique_clash_names_the_column),
        ON_BOTH(foreign_keys),
        ON_BOTH(internal_errors_hold_no_values),
        ON_BOTH(writes_need_a_transaction),
        ON_BOTH(first_error_stays),
        ON_BOTH(reads_see_own_writes),
        ON_BOTH(others_writes_are_seen),
        ON_BOTH(the_schema_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
