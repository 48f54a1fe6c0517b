/* fuzz_envelope.c - any text as an envelope: refused with words, or judged. Nobody here has signed for this authority,
 * so nothing is ever valid. */
#include "base/call.h"
#include "signing/envelope.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct instant now = { INT64_C(1772600767000000) };
    static struct call house;
    static struct signer authority;
    struct call c;
    struct envelope_result result;
    if (!authority.chain.count) {
        call_init(&house, NULL, NULL);
        assert(authority_make(&house, S("Fuzz"), now, &authority));
    }
    struct trust trust = { .anchors = authority.chain.der, .anchor_count = 1, .known_time = INSTANT_NULL, .now = now };
    call_init(&c, NULL, NULL);
    if (envelope_check(&c, (struct str){ (const char *)data, (ptrdiff_t)size }, &trust, &result)) {
        assert(result.count >= 1 && result.count <= ENVELOPE_ENTRIES_MAX && result.words.len > 0);
        assert(result.verdict == VERDICT_CHANGED || result.verdict == VERDICT_UNKNOWN_SIGNER);
        for (int i = 0; i < result.count; i++)
            assert(result.signatures[i].signer.words.len > 0 && result.signatures[i].signer.verdict >= result.verdict);
    } else {
        assert((c.error.code == E_INVALID || c.error.code == E_TOO_LARGE) && c.error.message[0]);
    }
    call_release(&c);
    return 0;
}
