/* record.c - the walks between records and SQL: insert, update, get, and reading a row. */
#include "db/driver.h"

#include <assert.h>

/* ---- which fields are columns ---- */

bool field_is_column(const struct field *field)
{
    return !(field->flags & NOT_STORED) && !field->sql && field->kind != &kind_object && field->kind != &kind_list;
}

static bool in_mask(uint64_t mask, int index)
{
    return mask & GIVEN(index);
}

/* Own or joined, and asked for. */
static bool is_selected(const struct schema *schema, int index, uint64_t mask)
{
    const struct field *field = &schema->fields[index];
    return (in_mask(mask, index) || (field->flags & VEILS)) && (field->sql || field_is_column(field));
}

static bool is_written(const struct field *field)
{
    return field_is_column(field) && !(field->flags & GENERATED);
}

static bool is_id(const struct field *field)
{
    return strcmp(field->name, "id") == 0;
}

static void put(struct text *sql, const char *text)
{
    text_put(sql, str_from(text));
}

/* ---- SQL text ---- */

void db_select_columns(struct text *sql, const struct schema *schema, uint64_t mask)
{
    const char *alias = schema->alias ? schema->alias : schema->table, *comma = "";
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (!is_selected(schema, i, mask))
            continue;
        put(sql, comma);
        comma = ", ";
        if (field->sql) {
            put(sql, field->sql);
        } else {
            put(sql, alias);
            text_put_char(sql, '.');
            put(sql, field->name);
        }
    }
    if (!*comma)
        put(sql, "null");
}

void db_select_from(struct text *sql, const struct schema *schema)
{
    put(sql, schema->table);
    if (schema->alias) {
        text_put_char(sql, ' ');
        put(sql, schema->alias);
    }
    if (schema->join) {
        text_put_char(sql, ' ');
        put(sql, schema->join);
    }
}

static void get_sql(const struct statement_key *key, struct text *sql)
{
    put(sql, "select ");
    db_select_columns(sql, key->schema, UINT64_MAX);
    put(sql, " from ");
    db_select_from(sql, key->schema);
    text_put_char(sql, ' ');
    text_put(sql, key->text);
}

static bool is_inserted(const struct field *field, bool with_id)
{
    return is_written(field) && (with_id || !is_id(field));
}

static void insert_sql(const struct statement_key *key, struct text *sql)
{
    const struct schema *schema = key->schema;
    int columns = 0;
    put(sql, "insert into ");
    put(sql, schema->table);
    put(sql, " (");
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (!is_inserted(field, key->mask))
            continue;
        put(sql, columns++ ? ", " : "");
        put(sql, field->name);
        if (field->flags & HASHED) {
            text_format(sql, ", %s_hash", field->name);
            columns++;
        }
    }
    put(sql, ") values (");
    for (int i = 0; i < columns; i++)
        put(sql, i ? ", ?" : "?");
    put(sql, ")");
}

static bool is_updated(const struct field *field, int index, uint64_t mask)
{
    return is_written(field) && !is_id(field) && (in_mask(mask, index) || (field->flags & SET_ON_UPDATE));
}

static void update_sql(const struct statement_key *key, struct text *sql)
{
    const struct schema *schema = key->schema;
    const char *comma = "";
    text_format(sql, "update %s set ", schema->table);
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (!is_updated(field, i, key->mask))
            continue;
        text_format(sql, "%s%s = ?", comma, field->name);
        if (field->flags & HASHED)
            text_format(sql, ", %s_hash = ?", field->name);
        comma = ", ";
    }
    if (!*comma) { /* nothing to change: only whether the row is there */
        text_clear(sql);
        text_format(sql, "select 1 from %s", schema->table);
    }
    text_put_char(sql, ' ');
    text_put(sql, key->text);
}

void statement_sql(const struct statement_key *key, struct text *sql)
{
    switch (key->verb) {
    case STATEMENT_SQL:
        text_put(sql, key->text);
        break;
    case STATEMENT_GET:
        get_sql(key, sql);
        break;
    case STATEMENT_INSERT:
        insert_sql(key, sql);
        break;
    case STATEMENT_UPDATE:
        update_sql(key, sql);
        break;
    }
}

/* ---- sealing and hashing ---- */

static struct str seal_context(struct arena *arena, const struct schema *schema, const struct field *field)
{
    return arena_format(arena, "%s.%s", schema->table, field->name);
}

struct str db_lookup_hash(struct call *c, struct str value)
{
    struct str trimmed = str_trim(value);
    if (!trimmed.len)
        return STR_NULL;
    char *folded = arena_alloc(&c->arena, trimmed.len);
    for (ptrdiff_t i = 0; i < trimmed.len; i++) {
        char letter = trimmed.at[i];
        folded[i] = letter >= 'A' && letter <= 'Z' ? (char)(letter + ('a' - 'A')) : letter;
    }
    return crypto_hmac_hex(&c->db->hash_key, (struct str){ folded, trimmed.len }, &c->arena);
}

/* The member as stored, and after it the hash if it has one. Returns how many values that made. */
static int store_field(struct call *c, const struct schema *schema, const struct field *field, const void *record,
                       struct value *out)
{
    const void *member = (const char *)record + field->offset;
    struct value value = field->kind->store(field, member, &c->arena);
    struct str plain = value.type == VALUE_TEXT ? value.text : STR_NULL;
    if ((field->flags & ENCRYPTED) && !str_is_null(plain))
        value = value_text(crypto_seal(&c->db->seal_key, seal_context(&c->arena, schema, field), plain, &c->arena));
    out[0] = value;
    if (!(field->flags & HASHED))
        return 1;
    out[1] = value_text(db_lookup_hash(c, plain));
    return 2;
}

static void stamp(const struct schema *schema, void *record, unsigned flags)
{
    struct instant now = INSTANT_NULL;
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (!(field->flags & flags))
            continue;
        assert(field->kind == &kind_instant);
        if (instant_is_null(now))
            now = clock_now();
        memcpy((char *)record + field->offset, &now, sizeof(now));
    }
}

/* ---- insert and update ---- */

static bool must_write(struct call *c)
{
    if (db_in_transaction(c))
        return true;
    return fail(c, E_INTERNAL, "a write outside of db_transact");
}

static int64_t record_id(const struct schema *schema, const void *record)
{
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        int64_t id;
        if (!is_id(field) || field->kind != &kind_integer)
            continue;
        memcpy(&id, (const char *)record + field->offset, sizeof(id));
        return id > 0 ? id : 0;
    }
    return 0;
}

bool db_insert(struct call *c, const struct schema *schema, void *record, int64_t *id)
{
    assert(schema->table && schema->count <= 64);
    if (!must_write(c))
        return false;
    stamp(schema, record, SET_ON_INSERT | SET_ON_UPDATE);
    int64_t own_id = record_id(schema, record);
    const struct statement_key key = {
        .verb = STATEMENT_INSERT,
        .schema = schema,
        .mask = own_id ? 1 : 0,
        .text = S(""),
    };
    struct value values[PARAMETERS_MAX];
    int count = 0;
    for (int i = 0; i < schema->count; i++) {
        if (is_inserted(&schema->fields[i], own_id))
            count += store_field(c, schema, &schema->fields[i], record, values + count);
    }
    struct statement *statement = statement_open(c, &key, values, count);
    if (!statement)
        return false;
    bool ok = c->db->driver->step(statement, &c->error) == 0;
    if (ok && id)
        *id = own_id ? own_id : c->db->driver->insert_id(statement);
    statement_close(statement);
    return ok;
}

enum found db_find_update_(struct call *c, const struct schema *schema, void *record, uint64_t mask, const char *tail,
                           struct db_args args)
{
    assert(schema->table && schema->count <= 64);
    if (!must_write(c))
        return FAILED;
    stamp(schema, record, SET_ON_UPDATE);
    const struct statement_key key = {
        .verb = STATEMENT_UPDATE,
        .schema = schema,
        .mask = mask,
        .text = str_from(tail),
    };
    struct value values[PARAMETERS_MAX];
    int count = 0;
    for (int i = 0; i < schema->count; i++) {
        if (is_updated(&schema->fields[i], i, mask))
            count += store_field(c, schema, &schema->fields[i], record, values + count);
    }
    assert(args.count <= PARAMETERS_MAX - count);
    for (int i = 0; i < args.count; i++)
        values[count++] = args.values[i + 1];
    struct statement *statement = statement_open(c, &key, values, count);
    if (!statement)
        return FAILED;
    int step = c->db->driver->step(statement, &c->error);
    bool matched = step == 1 || (step == 0 && c->db->driver->changes(statement) > 0);
    if (statement->columns && step == 0) /* the `select 1` of an update that sets nothing */
        matched = false;
    statement_close(statement);
    return step < 0 ? FAILED : matched ? FOUND : NONE;
}

bool db_update_(struct call *c, const struct schema *schema, void *record, uint64_t mask, const char *tail,
                struct db_args args)
{
    return db_find_update_(c, schema, record, mask, tail, args) == FOUND;
}

/* ---- reading ---- */

static bool load_failed(struct call *c, const struct schema *schema, const struct field *field)
{
    return fail(c, E_INTERNAL, "%s.%s holds something that is not %s", schema->table ? schema->table : schema->name,
                field->name, field->flags & ENCRYPTED ? "sealed with this key" : field->kind->name);
}

/* As a newer version beside this one may write it. Lists leave such rows out (cursor_leaves_out). */
static bool load_unknown(struct call *c, const struct schema *schema, const struct field *field, struct str value)
{
    return fail(c, E_UNREADABLE, "its %s is %.*s, which this version of the program does not know (%s)", field->name,
                STR_FMT(str_at_most(value, 40)), schema->table ? schema->table : schema->name);
}

static bool open_sealed(struct call *c, const struct schema *schema, const struct field *field, struct value *value)
{
    struct str plain;
    if (value->type != VALUE_TEXT)
        return value->type == VALUE_NOTHING;
    if (!crypto_open(&c->db->seal_key, seal_context(&c->arena, schema, field), value->text, &c->arena, &plain))
        return false;
    *value = value_text(plain);
    return true;
}

/* Which fields a statement's columns are is worked out once, not for every row. */
static void plan_load(struct statement *statement, const struct schema *schema, uint64_t mask)
{
    statement->loads = schema;
    statement->load_mask = mask;
    statement->load_count = 0;
    for (int i = 0; i < schema->count; i++)
        if (is_selected(schema, i, mask))
            statement->load_fields[statement->load_count++] = (unsigned char)i;
}

/* The two commonest kinds without a call; false: the kind's own function has to look. */
static inline bool load_plain(const struct field *field, void *member, const struct value *value)
{
    if (field->kind == &kind_text && value->type == VALUE_TEXT)
        *(struct str *)member = value->text;
    else if (field->kind == &kind_text && value->type == VALUE_NOTHING)
        *(struct str *)member = STR_NULL;
    else if (field->kind == &kind_integer && value->type == VALUE_INTEGER)
        *(int64_t *)member = value->integer;
    else
        return false;
    return true;
}

bool record_load(struct call *c, struct statement *statement, int first, const struct schema *schema, uint64_t mask,
                 void *record, bool copy)
{
    struct value (*column)(struct statement *, int) = c->db->driver->column;
    if (statement->loads != schema || statement->load_mask != mask)
        plan_load(statement, schema, mask);
    for (int i = 0; i < statement->load_count; i++) {
        const struct field *field = &schema->fields[statement->load_fields[i]];
        struct value value = column(statement, first + i);
        void *member = (char *)record + field->offset;
        if (field->flags & ENCRYPTED) {
            statement->load_unknown = false;
            if (!open_sealed(c, schema, field, &value))
                return load_failed(c, schema, field);
        } else if (copy && value.type == VALUE_TEXT && field->kind != &kind_choice && field->kind != &kind_date) {
            value.text = arena_copy(&c->arena, value.text);
        }
        if (!load_plain(field, member, &value) && !field->kind->load(field, member, value, &c->arena)) {
            statement->load_unknown = field->kind == &kind_choice && value.type == VALUE_TEXT;
            return statement->load_unknown ? load_unknown(c, schema, field, value.text) : load_failed(c, schema, field);
        }
    }
    if (schema->derive)
        schema->derive(record, &c->arena);
    return true;
}

enum found db_find_(struct call *c, const struct schema *schema, void *record, const char *tail, struct db_args args)
{
    schema_clear(schema, record);
    const struct statement_key key = { .verb = STATEMENT_GET, .schema = schema, .text = str_from(tail) };
    struct statement *statement = statement_open(c, &key, args.values + 1, args.count);
    if (!statement)
        return FAILED;
    enum found found = found_by(c->db->driver->step(statement, &c->error));
    if (found == FOUND && !record_load(c, statement, 0, schema, UINT64_MAX, record, true)) {
        schema_clear(schema, record);
        found = FAILED;
    }
    statement_close(statement);
    return found;
}

bool db_get_(struct call *c, const struct schema *schema, void *record, const char *tail, struct db_args args)
{
    return db_find_(c, schema, record, tail, args) == FOUND;
}
