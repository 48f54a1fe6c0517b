/* sqlite_pages.c - SQLite's cache of pages, without a walk through all of it at every commit.
 *
 * At the end of each transaction SQLite has its cache discard what lies behind the end of the database, which is
 * nothing unless pages were added and taken back. Its cache knows the highest page that it was ever given, and looks
 * for some only when that lies behind the end. But to swap two pages, as it does while it splits some, SQLite gives one
 * of them for a moment the number of the page that is never used (lock_page: it holds the locks' bytes, 1 GiB into the
 * file). From then on the highest lies behind the end of any smaller database, and the commit walks through all pages
 * that are cached: a millisecond for the 256 MiB of the writer.
 *
 * This layer over SQLite's own cache knows the highest page that is in it, but for that one, and passes on only what
 * may find something to discard (https://www.sqlite.org/c3ref/pcache_methods2.html). */
#include "db/sqlite.h"

#include <stdlib.h>

enum { LOCKS_AT = 0x40000000 }; /* https://www.sqlite.org/fileformat2.html#the_lock_byte_page */

struct pages {
    sqlite3_pcache *own; /* SQLite's */
    unsigned highest;    /* no page in it has a higher number, but for lock_page */
    unsigned lock_page;
};

static sqlite3_pcache_methods2 own;

static struct pages *pages_of(sqlite3_pcache *cache)
{
    return (struct pages *)(void *)cache;
}

static sqlite3_pcache *create(int page_bytes, int extra_bytes, int purgeable)
{
    struct pages *pages = malloc(sizeof(*pages));
    if (!pages)
        return NULL;
    *pages =
        (struct pages){ own.xCreate(page_bytes, extra_bytes, purgeable), 0, (unsigned)(LOCKS_AT / page_bytes) + 1 };
    if (!pages->own) {
        free(pages);
        return NULL;
    }
    return (sqlite3_pcache *)(void *)pages;
}

static void destroy(sqlite3_pcache *cache)
{
    own.xDestroy(pages_of(cache)->own);
    free(cache);
}

static void set_size(sqlite3_pcache *cache, int count)
{
    own.xCachesize(pages_of(cache)->own, count);
}

static int count(sqlite3_pcache *cache)
{
    return own.xPagecount(pages_of(cache)->own);
}

static sqlite3_pcache_page *fetch(sqlite3_pcache *cache, unsigned number, int create_it)
{
    struct pages *pages = pages_of(cache);
    if (create_it && number > pages->highest)
        pages->highest = number;
    return own.xFetch(pages->own, number, create_it);
}

static void unpin(sqlite3_pcache *cache, sqlite3_pcache_page *page, int discard)
{
    own.xUnpin(pages_of(cache)->own, page, discard);
}

static void rename_page(sqlite3_pcache *cache, sqlite3_pcache_page *page, unsigned from, unsigned to)
{
    struct pages *pages = pages_of(cache);
    if (to > pages->highest && to != pages->lock_page)
        pages->highest = to;
    own.xRekey(pages->own, page, from, to);
}

/* Discards those from `first` on. */
static void discard(sqlite3_pcache *cache, unsigned first)
{
    struct pages *pages = pages_of(cache);
    if (first > pages->highest)
        return;
    own.xTruncate(pages->own, first);
    pages->highest = first ? first - 1 : 0;
}

static void shrink(sqlite3_pcache *cache)
{
    own.xShrink(pages_of(cache)->own);
}

void sqlite_pages_register(void)
{
    if (sqlite3_config(SQLITE_CONFIG_GETPCACHE2, &own) != SQLITE_OK) /* SQLite is in use already */
        return;
    sqlite3_pcache_methods2 ours = own;
    ours.xCreate = create;
    ours.xDestroy = destroy;
    ours.xCachesize = set_size;
    ours.xPagecount = count;
    ours.xFetch = fetch;
    ours.xUnpin = unpin;
    ours.xRekey = rename_page;
    ours.xTruncate = discard;
    ours.xShrink = shrink;
    sqlite3_config(SQLITE_CONFIG_PCACHE2, &ours);
}
