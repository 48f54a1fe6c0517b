/* fuzz_pdf_file.c - any bytes as a PDF: refused as E_INVALID, or all that is said of its signatures and attached files
 * holds. It is then signed once more, and the new signature has to be found. */
#include "pdf/pdf.h"
#include "pdf/signature.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct str part, struct str whole)
{
    return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

static void check_signatures(struct call *c, struct str pdf)
{
    struct pdf_found_signatures found;
    if (!pdf_signatures(c, pdf, &found)) {
        assert(c->error.code == E_INVALID && c->error.message[0]);
        error_clear(&c->error);
        return;
    }
    assert(found.count >= 0 && found.count <= PDF_SIGNATURES_MAX);
    for (int i = 0; i < found.count; i++) {
        const struct pdf_found_signature *one = &found.items[i];
        assert(lies_in(one->parts[0], pdf) && lies_in(one->parts[1], pdf));
        assert(one->der.len >= 2 && one->end >= 0 && one->end <= pdf.len);
        assert(!one->is_kept || one->is_whole);
        if (one->is_whole) /* the gap is a string of hexadecimal digits, and nothing else */
            assert(one->parts[0].at == pdf.at && one->parts[0].at[one->parts[0].len] == '<' &&
                   one->parts[1].at[-1] == '>' && one->parts[1].at + one->parts[1].len == pdf.at + one->end);
        assert(str_is_null(one->name) || str_is_utf8(one->name));
        assert(i == 0 || found.items[i - 1].end <= one->end);
    }
}

static bool sign_badly(struct call *c, void *context, const unsigned char digest[SHA256_BYTES],
                       const struct str parts[2], struct str *der)
{
    (void)c, (void)context, (void)digest, (void)parts;
    *der = S("\x30\x03\x02\x01\x07");
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str pdf = { (const char *)data, (ptrdiff_t)size }, out;
    struct pdf_proofs proofs;
    struct call c;
    call_init(&c, NULL, NULL);
    check_signatures(&c, pdf);
    if (pdf_attachment(&c, pdf, S("a.txt"), 4096, &out))
        assert(out.len >= 0 && out.len <= 4096);
    error_clear(&c.error);
    if (pdf_find_proofs(&c, pdf, &proofs))
        for (int i = 0; i < proofs.certificate_count; i++)
            assert(lies_in(proofs.certificates[i], pdf));
    error_clear(&c.error);
    const struct pdf_signing signing = { .contents_max = 16, .sign = sign_badly };
    if (pdf_sign(&c, pdf, &signing, &out)) {
        assert(str_starts(out, pdf));
        check_signatures(&c, out);
    }
    call_release(&c);
    return 0;
}
