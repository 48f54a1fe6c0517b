/* fuzz_encoding.c - the character set of any file can be settled: a known one, by which all text is UTF-8, and the
 * same when the file is read again and asked, or is told the name. */
#include "dicom/encoding.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A number made of all text. */
static uint64_t read_all(const struct dicom_dataset *dataset, struct arena *arena)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < dataset->count; i++) {
        const struct dicom_node *node = &dataset->nodes[i];
        struct str text = dicom_node_text(dataset, node, arena);
        assert(str_is_utf8(text));
        sum = sum * 31 + (text.at ? str_hash(text) : 0);
        for (const struct dicom_dataset *item = node->items; item; item = item->next)
            sum = sum * 31 + read_all(item, arena);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct str fallbacks[] = {
        { NULL, 0 },          { "GB18030", 7 },   { "ISO_IR 192", 10 }, { "ISO 2022 IR 149", 15 },
        { "ISO_IR 144", 10 }, { "ISO_IR 13", 9 },
    };
    struct arena arena;
    struct dicom_object *object;
    struct dicom_charset charset;
    struct error error = { 0 };
    struct str used, again;
    struct str fallback = fallbacks[size ? data[size - 1] % (sizeof(fallbacks) / sizeof(fallbacks[0])) : 0];
    arena_init(&arena);
    dicom_read((struct str){ (const char *)data, (ptrdiff_t)size }, NULL, &arena, &object, &error);
    bool is_foreign = dicom_has_foreign_text(object);
    dicom_settle_encoding(object, fallback, &arena, &used);
    assert(is_foreign || !used.len);
    if (used.len) {
        dicom_charset_init(&charset, used);
        assert(charset.known);
    }
    uint64_t settled = read_all(object->root, &arena);
    dicom_object_release(object);
    for (int told = 0; told < 2; told++) {
        error_clear(&error);
        dicom_read((struct str){ (const char *)data, (ptrdiff_t)size }, NULL, &arena, &object, &error);
        if (told)
            dicom_set_encoding(object, used);
        else
            dicom_settle_encoding(object, fallback, &arena, &again);
        assert(str_equal(used, again) && read_all(object->root, &arena) == settled);
        dicom_object_release(object);
    }
    arena_release(&arena);
    return 0;
}
