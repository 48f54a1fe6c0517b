/* test_tables.c - every field table and every endpoint row of the program, tried without knowing them: the tables
 * hold together, every limit is kept, what is encoded decodes again, and what is inserted is selected again. */
#include "server/endpoints.h"
#include "site/migrations.h"
#include "site/permission.h"
#include "web/openapi_document.h"
#include "base/text.h"
#include "db/db.h"

#include "../schema/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

static char folder[] = "/tmp/roentgen-test-tables-XXXXXX";
static struct call call;

static int open_database(void **state)
{
    (void)state;
    static char url[200];
    struct error error = { 0 };
    struct db *db = NULL;
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof(url), "sqlite:///%s/test.db", folder);
    struct db_options options = { .url = str_from(url), .pool_size = 2, .cache_kib = 1024, .busy_timeout_ms = 1000 };
    memset(options.key.bytes, 5, sizeof(options.key.bytes));
    assert_true(db_open(&options, &db, &error));
    call_init(&call, NULL, db);
    assert_true(migrate_to(&call, &roentgen_migrations, roentgen_migrations.count, NULL, NULL));
    return 0;
}

static int close_database(void **state)
{
    (void)state;
    struct db *db = call.db;
    char path[100];
    db_release(&call);
    call_release(&call);
    db_close(db);
    snprintf(path, sizeof(path), "%s/test.db", folder);
    unlink(path);
    return rmdir(folder);
}

static void each_schema(void (*try)(const struct schema *schema))
{
    for (int t = 0; t < endpoints_served.count; t++)
        for (int r = 0; r < endpoints_served.tables[t]->count; r++) {
            const struct endpoint *e = &endpoints_served.tables[t]->rows[r];
            if (e->in)
                try(e->in);
            if (e->out)
                try(e->out);
            db_release(&call);
            call_reset(&call);
        }
}

static void tables_hold_together(void **state)
{
    (void)state;
    struct text complaints;
    text_init(&complaints, 1 << 20);
    if (endpoints_check(&call, &endpoints_served, &complaints))
        fail_msg("%.*s", STR_FMT(text_str(&complaints)));
    text_release(&complaints);
}

struct basket {
    unsigned first, second;
};
static const char *const fruits[] = { "apple", "pear", NULL };
static const char *const trees[] = { "oak", NULL };

/* Of each table of choices clients make one type, and of each type one table: else two would share a name. */
static void choices_have_one_type(void **state)
{
    (void)state;
    static const struct {
        const char *const *choices;
        const char *type;
        int wrong; /* members complained of */
    } seconds[] = {
        { fruits, "Fruit", 0 }, { trees, "Tree", 0 }, { fruits, "Food", 1 }, { trees, "Fruit", 2 }, { fruits, NULL, 1 }
    };
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        const struct field fields[] = {
            FIELD(struct basket, first, .choices = fruits, .type = "Fruit", .doc = "What is in it."),
            FIELD(struct basket, second, .choices = seconds[i].choices, .type = seconds[i].type,
                  .doc = "What else is."),
        };
        const struct schema schema = SCHEMA("Basket", struct basket, fields);
        const struct endpoint row = { .path = "/basket", .out = &schema };
        const struct endpoint_table table = { &row, 1 };
        const struct service one = { .tables = (const struct endpoint_table *[]){ &table }, .count = 1 };
        struct text complaints;
        text_init(&complaints, 1 << 20);
        if (openapi_check_choices(&one, &complaints) != seconds[i].wrong)
            fail_msg("%zu: %.*s", i, STR_FMT(text_str(&complaints)));
        text_release(&complaints);
    }
}

struct drawer {
    int64_t id;
    struct str label;
};

static bool never_called(struct call *c)
{
    return error_set(&c->error, E_INTERNAL, "a check calls nothing");
}

/* Of a GET that wants more than what stands in the path nobody could say what it would answer. */
static void what_if_match_is_compared_with_needs_nothing_else(void **state)
{
    (void)state;
    for (unsigned needed = 0; needed < 2; needed++) {
        const struct field key[] = {
            FIELD(struct drawer, id, .flags = READ_ONLY, .doc = "Which."),
            FIELD(struct drawer, label, .flags = needed ? REQUIRED : NULLABLE, .max = 10, .doc = "What it says."),
        };
        const struct schema schema = SCHEMA("Drawer", struct drawer, key);
        const struct endpoint rows[] = {
            { HTTP_GET, "/drawers/{id}", never_called, &schema, &schema, .tag = "x", .summary = "x" },
            { HTTP_PATCH, "/drawers/{id}", never_called, &schema, .body = BODY_JSON, .tag = "x", .summary = "x" },
            { HTTP_POST, "/drawers/{id}/open", never_called, &schema, .body = BODY_JSON, .tag = "x", .summary = "x" },
            { HTTP_POST, "/drawers", never_called, &schema, .body = BODY_JSON, .tag = "x", .summary = "x" },
        };
        const struct endpoint_table table = { rows, 4 };
        const struct service one = { .tables = (const struct endpoint_table *[]){ &table }, .count = 1 };
        struct text complaints;
        text_init(&complaints, 1 << 20);
        if (endpoints_check(&call, &one, &complaints) != (needed ? 2 : 0))
            fail_msg("%.*s", STR_FMT(text_str(&complaints)));
        assert_ptr_equal(endpoint_shown(&one, &rows[1]), &rows[0]);
        assert_ptr_equal(endpoint_shown(&one, &rows[2]), &rows[0]);
        assert_null(endpoint_shown(&one, &rows[0]));
        assert_null(endpoint_shown(&one, &rows[3]));
        text_release(&complaints);
    }
}

static void limits_are_kept(const struct schema *schema)
{
    struct text complaints;
    text_init(&complaints, 1 << 20);
    if (sample_check(schema, &complaints))
        fail_msg("%s: %.*s", schema->name, STR_FMT(text_str(&complaints)));
    text_release(&complaints);
}

static void every_table_keeps_its_limits(void **state)
{
    (void)state;
    each_schema(limits_are_kept);
}

struct trip {
    const struct schema *schema;
    unsigned seed;
    bool nulls; /* what may be null is null */
};

static uint64_t stored_mask(const struct schema *schema)
{
    uint64_t mask = 0;
    for (int i = 0; i < schema->count; i++)
        if (!(schema->fields[i].flags & (NOT_STORED | GENERATED)) && !schema->fields[i].sql &&
            strcmp(schema->fields[i].name, "id") != 0)
            mask |= GIVEN(i);
    return mask;
}

/* The schema may know a part of its table's columns: has it all that a row must have? */
static bool makes_a_row(struct call *c, const struct schema *schema)
{
    struct cursor rows;
    bool all = true;
    for (db_rows(c, &rows, "select name from pragma_table_info(?) where \"notnull\" and dflt_value is null and not pk",
                 value_text(str_from(schema->table)));
         cursor_next(&rows);)
        all = all && schema_find(schema, cursor_text(&rows, 0)) >= 0;
    cursor_close(&rows);
    return all;
}

/* A row that holds what the table asks for, and no more. */
static bool insert_least(struct call *c, const char *table)
{
    struct value sql;
    return db_value(c, &sql,
                    "select 'insert into ' || ?1 || ' (' || group_concat(name) || ') values (' || "
                    "group_concat(case type when 'TEXT' then '''x''' else '1' end) || ')' from pragma_table_info(?1) "
                    "where \"notnull\" and dflt_value is null and not pk",
                    value_text(str_from(table))) &&
           db_execute(c, arena_cstring(&c->arena, sql.text));
}

/* What is NULLABLE may be null in answers; here, what may be null in the table, too. */
static bool may_be_null(struct call *c, const struct schema *schema, const struct field *field)
{
    int64_t found = 0;
    return (field->flags & NULLABLE) &&
           !db_integer(c, &found, "select 1 from pragma_table_info(?) where name = ? and \"notnull\"",
                       value_text(str_from(schema->table)), value_text(str_from(field->name)));
}

/* Undone afterwards, so that keys the sample makes up need not exist. */
static bool write_and_read(struct call *c, void *context)
{
    const struct trip *trip = context;
    const struct schema *schema = trip->schema;
    void *before = schema_new(schema, &c->arena), *after = schema_new(schema, &c->arena);
    int64_t row = 0;
    char tail[64];
    sample_fill(schema, before, trip->seed, &c->arena);
    for (int i = 0; trip->nulls && i < schema->count; i++)
        if (may_be_null(c, schema, &schema->fields[i]))
            schema->fields[i].kind->clear(&schema->fields[i], (char *)before + schema->fields[i].offset);
    int at = schema_find(schema, S("id"));
    if (at >= 0)
        *(int64_t *)((char *)before + schema->fields[at].offset) = INTEGER_NULL;
    bool written = db_execute(c, "pragma defer_foreign_keys = on") &&
                   (makes_a_row(c, schema)
                        ? db_insert(c, schema, before, NULL) && db_integer(c, &row, "select last_insert_rowid()")
                        : insert_least(c, schema->table) && db_integer(c, &row, "select last_insert_rowid()") &&
                              db_update(c, schema, before, stored_mask(schema), "where rowid = ?", V(row)));
    snprintf(tail, sizeof(tail), "where %s.rowid = ?", schema->alias ? schema->alias : schema->table);
    if (!written || !db_get(c, schema, after, tail, V(row)))
        fail_msg("%s, seed %u: %s", schema->name, trip->seed, c->error.message);
    const char *differs = sample_difference(schema, before, after, stored_mask(schema), &c->arena);
    if (differs)
        fail_msg("%s.%s is not what was written (seed %u)", schema->name, differs, trip->seed);
    return error_set(&c->error, E_CONFLICT, "undone on purpose");
}

static int survived; /* schemas */

static void survives_sql(const struct schema *schema)
{
    enum { MOST = 500 };
    static const struct schema *seen[MOST];
    static int count;
    for (int i = 0; i < count; i++)
        if (seen[i] == schema)
            return;
    assert_true(count < MOST);
    seen[count++] = schema;
    for (int i = 0; i < schema->count; i++)
        if (schema->fields[i].of)
            survives_sql(schema->fields[i].of);
    for (int i = 0; schema->table && i < 3; i++) {
        struct trip trip = { schema, i ? SAMPLE_LARGEST : SAMPLE_SMALLEST, i == 2 };
        assert_false(db_transact(&call, write_and_read, &trip));
        assert_int_equal(call.error.code, E_CONFLICT);
        error_clear(&call.error);
    }
    survived += schema->table != NULL;
}

static void every_stored_record_survives_sql(void **state)
{
    (void)state;
    each_schema(survives_sql);
    assert_true(survived >= 12);
}

static void roles_are_seeded_once(void **state)
{
    (void)state;
    int64_t permissions = 0, grants = 0, again = 0;
    assert_true(db_transact(&call, permissions_seed, NULL));
    assert_true(db_integer(&call, &permissions, "select count(*) from permissions"));
    assert_int_equal(permissions, PERMISSIONS);
    assert_true(db_integer(&call, &grants, "select count(*) from role_permissions"));
    assert_true(db_transact(&call, permissions_seed, NULL));
    assert_true(db_integer(&call, &again, "select count(*) from role_permissions"));
    assert_int_equal(grants, again);
}

static void down_undoes_up(void **state)
{
    (void)state;
    int64_t left = 0;
    assert_true(migrate_to(&call, &roentgen_migrations, 0, NULL, NULL));
    assert_true(db_integer(
        &call, &left,
        "select count(*) from sqlite_master where name not like 'sqlite_%' and name not in ('schema_migrations', "
        "'installation')")); /* 0030 says why that stays */
    assert_int_equal(left, 0);
    assert_true(migrate_to(&call, &roentgen_migrations, roentgen_migrations.count, NULL, NULL));
}

static void routes_are_found(void **state)
{
    (void)state;
    struct router *router = router_new(&endpoints_served);
    struct route route;
    router_find(router, HTTP_GET, S("/api/v1/image-files/my-images/"), &route);
    assert_non_null(route.endpoint);
    assert_string_equal(route.endpoint->path, "/api/v1/image-files/my-images");
    router_find(router, HTTP_HEAD, S("/api/v1/image-files/17/download"), &route);
    assert_non_null(route.endpoint);
    assert_int_equal(route.variables, 1);
    assert_true(str_equal(route.values[0], S("17")));
    assert_true(str_equal(route.names[0], S("file_id")));
    router_find(router, HTTP_PUT, S("/api/v1/image-files/17"), &route);
    assert_null(route.endpoint);
    assert_int_equal(route.allowed, 1 << HTTP_GET | 1 << HTTP_PATCH | 1 << HTTP_DELETE);
    router_find(router, HTTP_GET, S("/api/v1//image-files/17"), &route);
    assert_null(route.endpoint);
    assert_int_equal(route.allowed, 0);
    router_find(router, HTTP_GET, S("no-slash"), &route);
    assert_null(route.endpoint);
    router_free(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_hold_together),
        cmocka_unit_test(choices_have_one_type),
        cmocka_unit_test(what_if_match_is_compared_with_needs_nothing_else),
        cmocka_unit_test(every_table_keeps_its_limits),
        cmocka_unit_test(every_stored_record_survives_sql),
        cmocka_unit_test(roles_are_seeded_once),
        cmocka_unit_test(down_undoes_up),
        cmocka_unit_test(routes_are_found),
    };
    return cmocka_run_group_tests(tests, open_database, close_database);
}
