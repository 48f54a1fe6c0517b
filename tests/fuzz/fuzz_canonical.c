/* fuzz_canonical.c - any text: refused with words, or a canonical form that is its own, and the same value. */
#include "base/call.h"
#include "signing/canonical.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct call c;
    struct str once, twice;
    call_init(&c, NULL, NULL);
    if (canonical_text(&c, (struct str){ (const char *)data, (ptrdiff_t)size }, &once)) {
        assert(str_is_utf8(once) && canonical_text(&c, once, &twice) && str_equal(once, twice));
        json_t *before = canonical_read(&c, (struct str){ (const char *)data, (ptrdiff_t)size });
        json_t *after = canonical_read(&c, once);
        assert(before && after && json_equal(before, after));
        json_decref(before);
        json_decref(after);
    } else {
        assert((c.error.code == E_INVALID || c.error.code == E_TOO_LARGE) && c.error.message[0]);
    }
    call_release(&c);
    return 0;
}
