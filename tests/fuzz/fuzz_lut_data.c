/* fuzz_lut_data.c - any data set: its lookup tables and palettes are read within bounds, or refused. */
#include "raster/lut_data.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const struct lut *lut, const struct error *error)
{
    assert(ok == (error->code == E_NONE));
    if (ok && lut->count)
        assert(lut->count > 0 && lut->count <= LUT_ENTRIES_MAX && lut->bits >= 1 && lut->bits <= 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lut luts[3];
    static const struct lut_place place = { .descriptor = 0x00283002, .data = 0x00283006, .name = "LUT" };
    struct arena arena;
    struct dicom_object *object;
    struct error ignored = { 0 };
    arena_init(&arena);
    dicom_read((struct str){ (const char *)data, (ptrdiff_t)size }, NULL, &arena, &object, &ignored);
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        struct error error = { 0 };
        bool ok = palette_read(object->root, is_signed, luts, &error);
        check(ok, &luts[0], &error);
        struct error other = { 0 };
        ok = lut_read(object->root, &place, is_signed, &luts[0], &other);
        check(ok, &luts[0], &other);
    }
    dicom_object_release(object);
    arena_release(&arena);
    return 0;
}
