/* stats.c - what statements cost: counted per prepared statement without locks, added up per text when asked. */
#include "db/driver.h"

#include <assert.h>

struct meter_node {
    struct meter_node *chain;
    struct meter *meters;           /* of statements that are prepared now */
    struct db_statement_stats gone; /* of those that were; .sql is this node's text */
    uint64_t hash;
    struct str sql;
};

static const char other_statements[] = "(other statements)";

void meters_init(struct meters *meters)
{
    *meters = (struct meters){ 0 };
    pthread_mutex_init(&meters->lock, NULL);
}

void meters_release(struct meters *meters)
{
    for (int i = 0; i < STATEMENT_BUCKETS; i++) {
        while (meters->buckets[i]) {
            struct meter_node *node = meters->buckets[i];
            assert(!node->meters);
            meters->buckets[i] = node->chain;
            free((void *)node->sql.at);
            free(node);
        }
    }
    pthread_mutex_destroy(&meters->lock);
}

static int64_t peek(_Atomic int64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* One thread writes a meter, so that adding needs no locked instruction. */
static void add(_Atomic int64_t *counter, int64_t n)
{
    atomic_store_explicit(counter, peek(counter) + n, memory_order_relaxed);
}

static void merge(struct db_statement_stats *into, struct meter *meter)
{
    into->count += peek(&meter->count);
    into->total_us += peek(&meter->total_us);
    for (int i = 0; i < STATS_BUCKETS; i++)
        into->buckets[i] += peek(&meter->buckets[i]);
}

static struct meter_node *node_of(struct meters *meters, struct str sql)
{
    const struct statement_key key = { .text = sql };
    uint64_t hash = statement_hash(&key);
    struct meter_node **bucket = &meters->buckets[hash & (STATEMENT_BUCKETS - 1)];
    for (struct meter_node *node = *bucket; node; node = node->chain) {
        if (node->hash == hash && str_equal(node->sql, sql))
            return node;
    }
    if (meters->count >= STATS_NODES_MAX && !str_equal(sql, str_from(other_statements)))
        return node_of(meters, str_from(other_statements));
    struct meter_node *node = calloc(1, sizeof(*node));
    char *text = malloc((size_t)sql.len + 1);
    if (!node || !text)
        abort();
    memcpy(text, sql.at, (size_t)sql.len);
    text[sql.len] = '\0';
    node->sql = (struct str){ text, sql.len };
    node->gone.sql = text;
    node->hash = hash;
    node->chain = *bucket;
    *bucket = node;
    meters->count++;
    return node;
}

void meter_add(struct meters *meters, struct meter *meter, struct str sql)
{
    pthread_mutex_lock(&meters->lock);
    struct meter_node *node = node_of(meters, sql);
    meter->node = node;
    meter->previous = NULL;
    meter->next = node->meters;
    if (node->meters)
        node->meters->previous = meter;
    node->meters = meter;
    pthread_mutex_unlock(&meters->lock);
}

void meter_remove(struct meters *meters, struct meter *meter)
{
    pthread_mutex_lock(&meters->lock);
    struct meter_node *node = meter->node;
    merge(&node->gone, meter);
    if (meter->next)
        meter->next->previous = meter->previous;
    if (meter->previous)
        meter->previous->next = meter->next;
    else
        node->meters = meter->next;
    pthread_mutex_unlock(&meters->lock);
}

void meter_count(struct meter *meter, int64_t us)
{
    int bucket = 0;
    while (bucket < STATS_BUCKETS - 1 && us >= (INT64_C(16) << bucket))
        bucket++;
    add(&meter->count, 1);
    add(&meter->total_us, us > 0 ? us : 0);
    add(&meter->buckets[bucket], 1);
}

static int most_time_first(const void *left, const void *right)
{
    const struct db_statement_stats *a = left, *b = right;
    if (a->total_us != b->total_us)
        return a->total_us < b->total_us ? 1 : -1;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->sql, b->sql);
}

void db_statement_stats(struct db *db, int limit, void (*each)(const struct db_statement_stats *stats, void *context),
                        void *context)
{
    struct meters *meters = &db->meters;
    pthread_mutex_lock(&meters->lock);
    struct db_statement_stats *all = calloc((size_t)meters->count + 1, sizeof(*all));
    if (!all)
        abort();
    int count = 0;
    for (int i = 0; i < STATEMENT_BUCKETS; i++) {
        for (struct meter_node *node = meters->buckets[i]; node; node = node->chain) {
            all[count] = node->gone;
            for (struct meter *meter = node->meters; meter; meter = meter->next)
                merge(&all[count], meter);
            count += all[count].count > 0;
        }
    }
    pthread_mutex_unlock(&meters->lock);
    /* Texts live as long as the db, so they may be read without the lock. */
    qsort(all, (size_t)count, sizeof(*all), most_time_first);
    for (int i = 0; i < count && i < limit; i++)
        each(&all[i], context);
    free(all);
}

/* The size is asked of the database at most every ten seconds: information_schema is slow. */
static int64_t size_bytes(struct db *db)
{
    int64_t now = clock_monotonic_us(), read = atomic_load(&db->size_read_us), size = atomic_load(&db->size_bytes);
    if (read && now - read < INT64_C(10000000) && now >= read)
        return size;
    struct call call;
    call_init(&call, NULL, db);
    if (db_integer_(&call, &size, db->driver->sql_size, DB_NO_ARGS)) {
        atomic_store(&db->size_bytes, size);
        atomic_store(&db->size_read_us, now);
    }
    db_release(&call);
    call_release(&call);
    return size;
}

void db_stats(struct db *db, struct db_stats *out)
{
    *out = (struct db_stats){
        .commits = atomic_load(&db->commits),
        .transactions = atomic_load(&db->transactions),
    };
    db->driver->count(db, &out->connections_open, &out->connections_busy, &out->writer_waiting);
    out->size_bytes = size_bytes(db);
}
