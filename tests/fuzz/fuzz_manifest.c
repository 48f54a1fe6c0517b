/* fuzz_manifest.c - the list of a backup's files as strangers may have written it: what is taken stays below the
 * folder, comes once and in order, and is found. */
#include "upkeep/manifest.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const struct manifest *m, ptrdiff_t i)
{
    struct manifest_line line = manifest_line(m, i), found;
    assert(line.sha256.len == SHA256_TEXT);
    assert(line.path.len > 0 && line.path.len <= MANIFEST_PATH_MAX);
    assert(line.path.at[0] != '/' && line.path.at[0] != '.' && str_find(line.path, S("/.")) < 0);
    assert(manifest_find(m, line.path, &found) && found.path.at == line.path.at);
    assert(!i || str_compare(manifest_line(m, i - 1).path, line.path) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, (ptrdiff_t)size };
    for (int repeats = 0; repeats < 2; repeats++) {
        struct manifest *m = NULL;
        struct error error = { 0 };
        if (manifest_read(text, repeats, &m, &error)) {
            for (ptrdiff_t i = 0; i < m->count; i++)
                check_line(m, i);
            manifest_free(m);
        } else {
            assert(!m && error.code == E_INVALID);
        }
    }
    return 0;
}
