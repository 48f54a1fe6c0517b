/* fuzz_charset.c - any bytes under any character set become valid UTF-8 of bounded length. Input: terms, NUL, VR (two
 * letters), text. */
#include "dicom/charset.h"
#include "dicom/reader.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = { (const char *)data, (ptrdiff_t)size }, terms, raw;
    struct dicom_charset charset;
    struct arena arena;
    if (!str_cut(all, '\0', &terms, &raw) || raw.len < 2)
        return 0;
    uint16_t vr = VR((unsigned char)raw.at[0], (unsigned char)raw.at[1]);
    raw = str_slice(raw, 2, raw.len);
    arena_init(&arena);
    dicom_charset_init(&charset, terms);
    assert(charset.count >= 0 && charset.count <= DICOM_CHARSETS_MAX);
    struct str text = dicom_charset_utf8(&charset, vr, raw, &arena);
    assert(str_is_utf8(text));
    assert(text.len <= 4 * raw.len);
    arena_release(&arena);
    return 0;
}
