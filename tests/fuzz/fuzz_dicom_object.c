/* fuzz_dicom_object.c - the tree that a file becomes is whole: sorted, linked, and its values can be asked for in
 * every way. */
#include "dicom/object.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t walk(const struct dicom_dataset *dataset, struct arena *arena, int depth);

static void ask(const struct dicom_dataset *dataset, const struct dicom_node *node, struct arena *arena)
{
    uint32_t tag = node->element.tag;
    int64_t integer = 0, count = dicom_node_count(node);
    double real = 0;
    struct date date;
    struct str uid;
    assert(count >= 0);
    assert(str_is_utf8(tag & 1 ? dicom_text_first(dataset, tag, arena) : dicom_text(dataset, tag, arena)));
    for (int64_t i = -1; i <= (count < 6 ? count : 6); i++) {
        bool is_integer = dicom_node_integer(node, i, &integer);
        assert(!is_integer || i >= 0);
        dicom_node_real(node, i, &real);
    }
    dicom_date(dataset, tag, &date);
    dicom_time(dataset, tag, &integer);
    assert(!dicom_uid(dataset, tag, &uid) || uid.len <= 64);
}

static int64_t walk_node(const struct dicom_dataset *dataset, const struct dicom_node *node, struct arena *arena,
                         int depth)
{
    int64_t items = 0, nodes = 1;
    assert(node->element.depth == depth);
    ask(dataset, node, arena);
    for (const struct dicom_dataset *item = node->items; item; item = item->next, items++) {
        assert(item->parent == dataset);
        nodes += walk(item, arena, depth + 1);
    }
    assert(!node->items || items == node->item_count);
    for (int64_t i = 0; node->fragments && i < node->item_count; i++)
        assert(node->fragments->at[i].len >= 0 &&
               (!i || node->fragments->offsets[i] > node->fragments->offsets[i - 1]));
    return nodes;
}

static int64_t walk(const struct dicom_dataset *dataset, struct arena *arena, int depth)
{
    int64_t nodes = 0;
    assert(depth < 65);
    for (int64_t i = 0; i < dataset->count; i++) {
        const struct dicom_node *node = &dataset->nodes[i];
        assert(!i || node[-1].element.tag <= node->element.tag);
        assert(dicom_find(dataset, node->element.tag)->element.tag == node->element.tag);
        nodes += walk_node(dataset, node, arena, depth);
    }
    return nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dicom_limits limits = dicom_default_limits;
    struct dicom_object *object;
    struct error error = { 0 };
    struct arena arena;
    limits.inflated_bytes = 1 << 20;
    limits.elements = 10000;
    arena_init(&arena);
    bool ok = dicom_read((struct str){ (const char *)data, (ptrdiff_t)size }, &limits, &arena, &object, &error);
    assert(ok == (error.code == E_NONE));
    assert(walk(object->meta, &arena, 0) + walk(object->root, &arena, 0) <= limits.elements);
    dicom_object_release(object);
    arena_release(&arena);
    return 0;
}
