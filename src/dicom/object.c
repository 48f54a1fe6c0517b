/* object.c - the tree, built from the parser's events.
 *
 * Nodes of all open data sets lie on one stack; when an item ends, its part of the stack is copied into the arena and
 * taken off:
 *
 *   stack   | root's nodes so far | nodes of the item that is open | nodes of an item inside it ...
 *             ^ levels[0].first     ^ levels[1].first                ^ levels[2].first
 */
#include "dicom/object.h"

#include "dicom/head.h"

enum { FIRST_NODES = 384 }; /* of most files, all */

struct level {
    ptrdiff_t first; /* of its nodes on the stack */
    struct dicom_dataset *dataset;
    struct dicom_dataset *last_item; /* of the sequence that is open in it */
};

struct builder {
    struct arena *arena;
    struct dicom_object *object;
    struct dicom_node *nodes; /* the stack: first_nodes, until those are too few */
    ptrdiff_t count, capacity;
    struct level levels[PARSER_DEPTH_MAX + 1];
    int level;
    bool in_data; /* past group 0002 */
    bool in_pixels;
    int64_t pieces_capacity;
    struct hold *hold;      /* NULL: the tree is not counted */
    ptrdiff_t before, held; /* of the arena's bytes; of the tree's, counted so far */
    struct error refused;
    struct dicom_node first_nodes[FIRST_NODES];
};

static void grow(struct builder *b)
{
    size_t size = (size_t)b->capacity * sizeof(*b->nodes);
    struct dicom_node *nodes = realloc(b->nodes == b->first_nodes ? NULL : b->nodes, 2 * size);
    if (!nodes)
        abort(); /* bounded by dicom_limits.elements */
    if (b->nodes == b->first_nodes)
        memcpy(nodes, b->first_nodes, size);
    b->nodes = nodes;
    b->capacity *= 2;
}

/* Small trees are not counted. The stack counts twice, since it is copied into the arena where a data set ends. */
static bool may_grow(struct builder *b)
{
    enum { STEP = 1 << 20 };
    ptrdiff_t bytes = b->arena->used_bytes - b->before + 2 * b->count * (ptrdiff_t)sizeof(*b->nodes);
    if (bytes < b->held || !b->hold)
        return true;
    if (!hold_more(b->hold, bytes - b->held + STEP, &b->refused))
        return false;
    b->held = bytes + STEP;
    return true;
}

static struct dicom_element *on_room(void *context)
{
    struct builder *b = context;
    if (b->count == b->capacity)
        grow(b);
    return &b->nodes[b->count].element;
}

/* The element becomes a node: where it was written already, unless the stack has been emptied since (leave_meta). */
static struct dicom_node *push_node(struct builder *b, const struct dicom_element *e)
{
    struct dicom_node *node = &b->nodes[b->count++];
    if (e != &node->element)
        node->element = *e;
    node->items = NULL;
    node->item_count = 0;
    node->fragments = NULL;
    return node;
}

static struct dicom_node *newest(struct builder *b)
{
    return &b->nodes[b->count - 1];
}

static int by_tag(const void *a, const void *b)
{
    const struct dicom_element *x = &((const struct dicom_node *)a)->element,
                               *y = &((const struct dicom_node *)b)->element;
    if (x->tag != y->tag)
        return x->tag < y->tag ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The level's nodes become its data set's. */
static void finish(struct builder *b)
{
    struct level *level = &b->levels[b->level];
    struct dicom_dataset *dataset = level->dataset;
    bool sorted = true;
    dataset->count = b->count - level->first;
    if (!dataset->count)
        return;
    const struct dicom_node *from = b->nodes + level->first;
    for (ptrdiff_t i = 1; i < dataset->count && sorted; i++)
        sorted = from[i - 1].element.tag <= from[i].element.tag;
    dataset->nodes = arena_copy_array(b->arena, from, dataset->count, (ptrdiff_t)sizeof(*from));
    if (!sorted)
        qsort(dataset->nodes, (size_t)dataset->count, sizeof(*dataset->nodes), by_tag);
    b->count = level->first;
}

/* The meta information ends where the first element of another group begins. */
static void leave_meta(struct builder *b)
{
    b->in_data = true;
    finish(b);
    b->levels[0].dataset = b->object->root;
}

static bool on_element(void *context, const struct dicom_element *e)
{
    struct builder *b = context;
    if (!b->in_data && (e->tag >> 16 != 0x0002 || e->depth))
        leave_meta(b);
    push_node(b, e);
    if (e->tag == DICOM_SpecificCharacterSet)
        dicom_charset_init(&b->levels[b->level].dataset->charset, e->value);
    return may_grow(b);
}

static bool on_sequence(void *context, const struct dicom_element *e)
{
    struct builder *b = context;
    if (!b->in_data)
        leave_meta(b);
    push_node(b, e);
    b->levels[b->level].last_item = NULL;
    return true;
}

static bool on_item(void *context, int64_t offset)
{
    struct builder *b = context;
    struct level *outer = &b->levels[b->level];
    struct dicom_dataset *dataset = arena_new(b->arena, struct dicom_dataset);
    dataset->charset = outer->dataset->charset;
    dataset->parent = outer->dataset;
    dataset->offset = offset;
    if (outer->last_item)
        outer->last_item->next = dataset;
    else
        newest(b)->items = dataset;
    outer->last_item = dataset;
    newest(b)->item_count++;
    b->levels[++b->level] = (struct level){ b->count, dataset, NULL };
    return may_grow(b);
}

static bool on_item_end(void *context)
{
    struct builder *b = context;
    finish(b);
    b->level--;
    return true;
}

static bool on_fragments(void *context, const struct dicom_element *e)
{
    struct builder *b = context;
    if (!b->in_data)
        leave_meta(b);
    struct dicom_node *node = push_node(b, e);
    node->item_count = -1; /* the offset table comes first */
    node->fragments = arena_new(b->arena, struct dicom_fragments);
    b->pieces_capacity = 0;
    return true;
}

static bool on_fragment(void *context, int64_t offset, struct str bytes)
{
    struct builder *b = context;
    struct dicom_node *node = newest(b);
    struct dicom_fragments *pieces = node->fragments;
    if (node->item_count < 0) {
        pieces->table = bytes;
        node->item_count = 0;
        return true;
    }
    if (node->item_count == b->pieces_capacity) { /* doubling leaves at most as much again behind in the arena */
        int64_t capacity = b->pieces_capacity ? 2 * b->pieces_capacity : 8;
        struct str *at = arena_array(b->arena, struct str, capacity);
        int64_t *offsets = arena_array(b->arena, int64_t, capacity);
        if (node->item_count) {
            memcpy(at, pieces->at, (size_t)node->item_count * sizeof(*at));
            memcpy(offsets, pieces->offsets, (size_t)node->item_count * sizeof(*offsets));
        }
        pieces->at = at;
        pieces->offsets = offsets;
        b->pieces_capacity = capacity;
    }
    pieces->at[node->item_count] = bytes;
    pieces->offsets[node->item_count++] = offset;
    return may_grow(b);
}

static bool on_sequence_end(void *context)
{
    struct builder *b = context;
    struct dicom_node *node = newest(b);
    if (node->item_count < 0)
        node->item_count = 0;
    return true;
}

static void on_remark(void *context, const char *text)
{
    struct builder *b = context;
    if (b->object->remark_count < DICOM_REMARKS_MAX)
        b->object->remarks[b->object->remark_count++] = arena_copy(b->arena, str_from(text));
}

bool dicom_read(struct str bytes, const struct dicom_limits *limits, struct arena *arena, struct dicom_object **out,
                struct error *error)
{
    static const struct dicom_events events = { on_element,   on_sequence, on_item,   on_item_end, on_sequence_end,
                                                on_fragments, on_fragment, on_remark, on_room };
    struct dicom_object *object = arena_new(arena, struct dicom_object);
    struct builder b;
    b.arena = arena;
    b.object = object;
    b.nodes = b.first_nodes;
    b.count = 0;
    b.capacity = FIRST_NODES;
    b.level = 0;
    b.in_data = false;
    b.pieces_capacity = 0;
    b.hold = limits ? limits->hold : NULL;
    b.before = arena->used_bytes;
    b.held = 1 << 20;
    error_clear(&b.refused);
    object->meta = arena_new(arena, struct dicom_dataset);
    object->root = arena_new(arena, struct dicom_dataset);
    b.levels[0] = (struct level){ 0, object->meta, NULL };
    dicom_input_memory(&object->input, bytes);
    bool ok = dicom_parse(&object->input, limits ? limits : &dicom_default_limits, &events, &b, &object->file, error);
    while (b.level > 0) /* what could be read of items that were cut off */
        on_item_end(&b);
    if (!b.in_data)
        leave_meta(&b);
    finish(&b);
    if (!ok && b.object->root->count) {
        struct dicom_node *last = &object->root->nodes[object->root->count - 1];
        if (last->item_count < 0)
            last->item_count = 0;
    }
    if (b.nodes != b.first_nodes)
        free(b.nodes);
    *out = object;
    if (b.refused.code) {
        *error = b.refused;
        return false;
    }
    return ok;
}

void dicom_object_release(struct dicom_object *object)
{
    if (object)
        dicom_input_release(&object->input);
}

const struct dicom_node *dicom_find(const struct dicom_dataset *dataset, uint32_t tag)
{
    int64_t low = 0, high = dataset->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (dataset->nodes[middle].element.tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low < dataset->count && dataset->nodes[low].element.tag == tag ? &dataset->nodes[low] : NULL;
}

const struct dicom_dataset *dicom_item(const struct dicom_dataset *dataset, uint32_t sequence, int64_t index)
{
    const struct dicom_node *node = dicom_find(dataset, sequence);
    const struct dicom_dataset *item = node && index >= 0 ? node->items : NULL;
    while (item && index--)
        item = item->next;
    return item;
}

const struct dicom_dataset *dicom_group_holder(const struct dicom_object *object, uint32_t sequence, int64_t number)
{
    const struct dicom_dataset *own = dicom_item(object->root, DICOM_PerFrameFunctionalGroupsSequence, number - 1),
                               *shared = dicom_item(object->root, DICOM_SharedFunctionalGroupsSequence, 0);
    if (own && dicom_item(own, sequence, 0))
        return own;
    return shared && dicom_item(shared, sequence, 0) ? shared : object->root;
}

const struct dicom_dataset *dicom_functional_group(const struct dicom_object *object, uint32_t sequence, int64_t number)
{
    const struct dicom_dataset *holder = dicom_group_holder(object, sequence, number);
    return holder == object->root ? holder : dicom_item(holder, sequence, 0);
}
