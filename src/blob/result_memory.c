/* result_memory.c - results in memory: a hash table whose entries are also in a list, most recently used first.
 *
 * An entry that is being copied out is held by a reference, so that the copy needs no lock. */
#include "blob/result_parts.h"

#include <pthread.h>

enum { BUCKETS = 4096 };

struct entry {
    struct entry *next;          /* in its bucket */
    struct entry *newer, *older; /* in the list */
    struct result_key key;
    int references; /* the table's own, and one of each reader */
    ptrdiff_t len;
    char bytes[];
};

struct result_memory {
    pthread_mutex_t lock;
    int64_t bytes, max_bytes;
    struct entry *newest, *oldest;
    struct entry *buckets[BUCKETS];
};

struct result_memory *result_memory_new(int64_t max_bytes)
{
    struct result_memory *m = calloc(1, sizeof(*m));
    if (!m)
        abort();
    pthread_mutex_init(&m->lock, NULL);
    m->max_bytes = max_bytes;
    return m;
}

static struct entry **bucket_of(struct result_memory *m, const struct result_key *key)
{
    uint64_t hash = str_hash((struct str){ (const char *)key, (ptrdiff_t)sizeof(*key) });
    return &m->buckets[hash % BUCKETS];
}

static int64_t cost(const struct entry *entry)
{
    return entry->len + (int64_t)sizeof(*entry);
}

static void unreference(struct entry *entry)
{
    if (--entry->references == 0)
        free(entry);
}

static void unlink_from_list(struct result_memory *m, struct entry *entry)
{
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        m->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        m->oldest = entry->newer;
}

static void link_first(struct result_memory *m, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = m->newest;
    if (m->newest)
        m->newest->newer = entry;
    else
        m->oldest = entry;
    m->newest = entry;
}

static void drop(struct result_memory *m, struct entry *entry)
{
    struct entry **at = bucket_of(m, &entry->key);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    unlink_from_list(m, entry);
    m->bytes -= cost(entry);
    unreference(entry);
}

void result_memory_free(struct result_memory *m)
{
    if (!m)
        return;
    while (m->newest)
        drop(m, m->newest);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static struct entry *find(struct result_memory *m, const struct result_key *key)
{
    struct entry *entry = *bucket_of(m, key);
    while (entry && memcmp(&entry->key, key, sizeof(*key)) != 0)
        entry = entry->next;
    return entry;
}

bool result_memory_get(struct result_memory *m, const struct result_key *key, struct arena *arena, struct str *bytes)
{
    pthread_mutex_lock(&m->lock);
    struct entry *entry = find(m, key);
    if (entry) {
        entry->references++;
        unlink_from_list(m, entry);
        link_first(m, entry);
    }
    pthread_mutex_unlock(&m->lock);
    if (!entry)
        return false;
    *bytes = arena_copy(arena, (struct str){ entry->bytes, entry->len });
    pthread_mutex_lock(&m->lock);
    unreference(entry);
    pthread_mutex_unlock(&m->lock);
    return true;
}

void result_memory_put(struct result_memory *m, const struct result_key *key, struct str bytes)
{
    struct entry *entry = malloc(sizeof(*entry) + (size_t)bytes.len);
    if (!entry)
        abort();
    *entry = (struct entry){ .key = *key, .references = 1, .len = bytes.len };
    memcpy(entry->bytes, bytes.at, (size_t)bytes.len);
    pthread_mutex_lock(&m->lock);
    if (cost(entry) > m->max_bytes / 4 || find(m, key)) { /* one result must not push out all others */
        free(entry);
    } else {
        struct entry **bucket = bucket_of(m, key);
        entry->next = *bucket;
        *bucket = entry;
        link_first(m, entry);
        m->bytes += cost(entry);
        while (m->bytes > m->max_bytes)
            drop(m, m->oldest);
    }
    pthread_mutex_unlock(&m->lock);
}

void result_memory_forget(struct result_memory *m, struct str content)
{
    pthread_mutex_lock(&m->lock);
    for (struct entry *entry = m->newest, *older; entry; entry = older) {
        older = entry->older;
        if (str_equal(content, str_from(entry->key.content)))
            drop(m, entry);
    }
    pthread_mutex_unlock(&m->lock);
}

int64_t result_memory_bytes(struct result_memory *m)
{
    pthread_mutex_lock(&m->lock);
    int64_t bytes = m->bytes;
    pthread_mutex_unlock(&m->lock);
    return bytes;
}
