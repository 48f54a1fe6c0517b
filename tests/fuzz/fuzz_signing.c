/* fuzz_signing.c - any bytes as what this layer takes as DER: refused with words, or read; never valid.
 *
 *   which byte | bytes. PKCS#12 files have the password "x". */
#include "base/call.h"
#include "signing/cms.h"
#include "signing/revocation.h"
#include "signing/sm2.h"
#include "signing/timestamp.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct trust trust = { .known_time = { INT64_MIN }, .now = { INT64_C(1772600767000000) } };

static bool read_signature(struct call *c, struct str bytes)
{
    struct cms_result result;
    struct str content = S("{}"), out, der[4];
    int count;
    if (!cms_check(c, bytes, &content, 1, &trust, &result))
        return false;
    assert(result.count >= 1 && result.verdict < VERDICT_REVOKED && result.signers[0].words.len > 0);
    return cms_signature(c, bytes, &out) && cms_certificates(c, bytes, der, 4, &count);
}

static bool read_answer(struct call *c, struct str bytes)
{
    struct str request;
    struct timestamp stamp;
    assert(timestamp_request(c, S("{}"), &request));
    assert(!timestamp_answer(c, request, bytes, &trust, &stamp));
    return false;
}

static bool read_any(struct call *c, int which, struct str bytes)
{
    struct timestamp stamp;
    struct revocation_list list;
    struct chain chain;
    struct signer signer;
    struct sm2_key key;
    switch (which % 7) {
    case 0:
        return read_signature(c, bytes);
    case 1:
        assert(!timestamp_check(c, bytes, &S("{}"), 1, &trust, &stamp));
        return false;
    case 2:
        return read_answer(c, bytes);
    case 3:
        return revocation_read(c, bytes, &list);
    case 4:
        return certificate_chain_read(c, bytes, &chain);
    case 5:
        return signer_bring(c, bytes, S("x"), trust.now, &signer);
    default:
        return sm2_read(c, bytes, &key);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct call c;
    if (size < 1)
        return 0;
    call_init(&c, NULL, NULL);
    if (!read_any(&c, data[0], (struct str){ (const char *)data + 1, (ptrdiff_t)size - 1 }))
        assert(c.error.code != E_NONE && c.error.message[0]);
    call_release(&c);
    return 0;
}
