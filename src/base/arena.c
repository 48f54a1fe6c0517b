/* arena.c - blocks of memory that are filled from front to back and freed together. */
#include "base/arena.h"

#include <assert.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

/* Under AddressSanitizer what is not handed out is poisoned, and a gap follows each piece. */
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP_BYTES = 16 };
#define POISON(at, len) __asan_poison_memory_region((at), (size_t)(len))
#define UNPOISON(at, len) __asan_unpoison_memory_region((at), (size_t)(len))
#else
enum { GAP_BYTES = 0 };
#define POISON(at, len) ((void)0)
#define UNPOISON(at, len) ((void)0)
#endif

enum {
    ALIGNMENT = _Alignof(max_align_t),
    FIRST_BLOCK_BYTES = 16 * 1024,
    LARGEST_BLOCK_BYTES = 1024 * 1024 /* blocks double up to this; larger pieces get a block of their own */
};

struct arena_block {
    struct arena_block *next;
    ptrdiff_t size; /* of the whole block */
    bool first;     /* kept by arena_reset */
    _Alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){ 0 };
}

static void block_free(struct arena_block *block)
{
    UNPOISON(block->bytes, block->size - (ptrdiff_t)sizeof(*block));
    free(block);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = NULL;
    for (struct arena_block *block = arena->block, *next; block; block = next) {
        next = block->next;
        if (block->first)
            kept = block;
        else
            block_free(block);
    }
    arena_init(arena);
    if (!kept)
        return;
    kept->next = NULL;
    arena->block = kept;
    arena->at = kept->bytes;
    arena->end = (char *)kept + kept->size;
    POISON(arena->at, arena->end - arena->at);
}

void arena_release(struct arena *arena)
{
    for (struct arena_block *block = arena->block, *next; block; block = next) {
        next = block->next;
        block_free(block);
    }
    arena_init(arena);
}

static struct arena_block *block_new(ptrdiff_t size)
{
    struct arena_block *block = malloc((size_t)size);
    if (!block)
        abort();
    *block = (struct arena_block){ .size = size };
    return block;
}

static void add_block(struct arena *arena)
{
    struct arena_block *newest = arena->block;
    ptrdiff_t size = !newest ? FIRST_BLOCK_BYTES : newest->size * 2;
    struct arena_block *block = block_new(size < LARGEST_BLOCK_BYTES ? size : LARGEST_BLOCK_BYTES);
    block->first = !newest;
    block->next = newest;
    arena->block = block;
    arena->at = block->bytes;
    arena->end = (char *)block + block->size;
    POISON(arena->at, arena->end - arena->at);
}

/* A large piece sits behind the newest block, whose free part stays in use. calloc gives large pieces fresh zero
 * pages, which costs less than clearing them. */
static void *alloc_alone(struct arena *arena, ptrdiff_t size, bool zeroed)
{
    ptrdiff_t whole = size + (ptrdiff_t)sizeof(struct arena_block);
    struct arena_block *block = zeroed ? calloc(1, (size_t)whole) : malloc((size_t)whole);
    if (!block)
        abort();
    *block = (struct arena_block){ .size = whole };
    block->next = arena->block->next;
    arena->block->next = block;
    return block->bytes;
}

/* `fresh` NULL: the bytes may be anything; else `*fresh`: they are already zero. */
static char *take(struct arena *arena, ptrdiff_t size, ptrdiff_t alignment, bool *fresh)
{
    assert(size >= 0 && size < PTRDIFF_MAX / 2);
    if (fresh)
        *fresh = false;
    arena->used_bytes += size;
    for (;;) {
        ptrdiff_t skip = (ptrdiff_t)(-(uintptr_t)arena->at & (uintptr_t)(alignment - 1));
        if (arena->at && size + GAP_BYTES <= arena->end - arena->at - skip) {
            char *piece = arena->at + skip;
            arena->at = piece + size + GAP_BYTES;
            UNPOISON(piece, size);
            return piece;
        }
        if (arena->block && size > arena->block->size / 4) {
            if (fresh)
                *fresh = true;
            return alloc_alone(arena, size, fresh != NULL);
        }
        add_block(arena);
    }
}

void *arena_alloc(struct arena *arena, ptrdiff_t size_bytes)
{
    bool fresh;
    char *piece = take(arena, size_bytes, ALIGNMENT, &fresh);
    return fresh ? piece : memset(piece, 0, (size_t)size_bytes);
}

void *arena_try_alloc(struct arena *arena, ptrdiff_t size_bytes)
{
    if (size_bytes < LARGEST_BLOCK_BYTES)
        return take(arena, size_bytes, ALIGNMENT, NULL);
    assert(size_bytes < PTRDIFF_MAX / 2);
    if (!arena->block)
        add_block(arena);
    struct arena_block *block = malloc((size_t)size_bytes + sizeof(*block));
    if (!block)
        return NULL;
    arena->used_bytes += size_bytes;
    *block = (struct arena_block){ .next = arena->block->next, .size = size_bytes + (ptrdiff_t)sizeof(*block) };
    arena->block->next = block;
    return block->bytes;
}

void *arena_alloc_array(struct arena *arena, ptrdiff_t count, ptrdiff_t size_bytes)
{
    ptrdiff_t product;
    if (count < 0 || size_bytes < 0 || __builtin_mul_overflow(count, size_bytes, &product))
        abort();
    return arena_alloc(arena, product);
}

void *arena_copy_array(struct arena *arena, const void *from, ptrdiff_t count, ptrdiff_t size_bytes)
{
    ptrdiff_t product;
    if (count < 0 || size_bytes < 0 || __builtin_mul_overflow(count, size_bytes, &product))
        abort();
    char *copy = take(arena, product, ALIGNMENT, NULL);
    return product ? memcpy(copy, from, (size_t)product) : copy;
}

struct str arena_copy(struct arena *arena, struct str s)
{
    if (!s.at)
        return STR_NULL;
    char *copy = take(arena, s.len + 1, 1, NULL);
    memcpy(copy, s.at, (size_t)s.len);
    copy[s.len] = '\0';
    return (struct str){ copy, s.len };
}

const char *arena_cstring(struct arena *arena, struct str s)
{
    return arena_copy(arena, s).at;
}

struct str arena_format(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str s = arena_vformat(arena, format, args);
    va_end(args);
    return s;
}

struct str arena_vformat(struct arena *arena, const char *format, va_list args)
{
    char text[256];
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(text, sizeof(text), format, args);
    assert(length >= 0);
    struct str s = { text, length };
    if (length < (int)sizeof(text)) {
        s = arena_copy(arena, s);
    } else {
        char *longer = take(arena, (ptrdiff_t)length + 1, 1, NULL);
        vsnprintf(longer, (size_t)length + 1, format, again);
        s.at = longer;
    }
    va_end(again);
    return s;
}
