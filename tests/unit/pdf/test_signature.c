/* Signatures of PDFs: put in, found again, and told when anything is not as it was signed. */
#include "base/text.h"
#include "reports.h"
#include "signer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct call c;
static struct signer signer;
static struct str report; /* unsigned */

static int setup(void **state)
{
    (void)state;
    call_init(&c, NULL, NULL);
    signer_init(&signer);
    struct pdf_document document = test_report(&c.arena);
    return pdf_make(&c, &document, &report) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    signer_release(&signer);
    call_release(&c);
    return 0;
}

static struct str signed_once_more(struct str pdf, enum pdf_signature_kind kind)
{
    const struct pdf_signing signing = { .kind = kind,
                                         .name = S("李四"),
                                         .reason = S("审核"),
                                         .at = { INT64_C(1767623500000000) },
                                         .contents_max = 4096,
                                         .sign = signer_sign,
                                         .context = &signer };
    struct str out;
    assert_true(pdf_sign(&c, pdf, &signing, &out));
    assert_true(str_starts(out, pdf));
    return out;
}

static struct pdf_found_signatures found_in(struct str pdf)
{
    struct pdf_found_signatures found;
    bool done = pdf_signatures(&c, pdf, &found);
    if (!done)
        print_message("%s\n", c.error.message);
    assert_true(done);
    return found;
}

static void test_none(void **state)
{
    (void)state;
    assert_int_equal(found_in(report).count, 0);
}

static void test_two_signatures_proofs_and_a_stamp(void **state)
{
    (void)state;
    const struct str certificates[] = { S("first"), S("second") }, crls[] = { S("list") };
    struct str pdf = signed_once_more(signed_once_more(report, PDF_SIGNED), PDF_SIGNED);
    assert_true(
        pdf_add_proofs(&c, pdf, &(struct pdf_proofs){ .certificates = certificates, .certificate_count = 2 }, &pdf));
    assert_true(pdf_add_proofs(&c, pdf, &(struct pdf_proofs){ .crls = crls, .crl_count = 1 }, &pdf));
    pdf = signed_once_more(pdf, PDF_STAMPED);
    struct pdf_found_signatures found = found_in(pdf);
    assert_int_equal(found.count, 3);
    for (int i = 0; i < 3; i++) {
        const struct pdf_found_signature *one = &found.items[i];
        assert_int_equal(one->kind, i == 2 ? PDF_STAMPED : PDF_SIGNED);
        assert_true(one->is_whole && one->is_kept && one->is_last == (i == 2));
        assert_true(signer_proves(&signer, one->der, one->parts));
    }
    assert_true(str_equal(found.items[0].name, S("李四")) && str_equal(found.items[0].reason, S("审核")));
    assert_true(str_equal(found.items[0].moment, S("D:20260105143140Z")));
    assert_true(str_is_null(found.items[2].name) && str_is_null(found.items[2].moment));
    struct pdf_proofs proofs;
    assert_true(pdf_find_proofs(&c, pdf, &proofs));
    assert_int_equal(proofs.certificate_count, 2);
    assert_int_equal(proofs.crl_count, 1);
    assert_true(str_equal(proofs.certificates[1], S("second")) && str_equal(proofs.crls[0], S("list")));
    struct str json;
    assert_true(pdf_attachment(&c, pdf, S("report.json"), 100, &json));
    assert_true(str_equal(json, S("{\"a\":1}")));
}

/* Any one byte that is changed: the file is refused, or the signature is not what it was. */
static void test_each_changed_byte_is_told(void **state)
{
    (void)state;
    struct str pdf = signed_once_more(report, PDF_SIGNED), copy = arena_copy(&c.arena, pdf);
    struct pdf_found_signature whole = found_in(pdf).items[0];
    char *bytes = (char *)copy.at;
    for (ptrdiff_t i = 0; i<pdf.len; i += i> report.len - 400 ? 1 : 211) {
        struct pdf_found_signatures found;
        struct call d;
        call_init(&d, NULL, NULL);
        bytes[i] ^= 1;
        bool in_der = i > whole.parts[0].len && i < whole.parts[0].len + 8194;
        if (pdf_signatures(&d, copy, &found) && found.count == 1 && found.items[0].is_whole && found.items[0].is_kept)
            assert_true(in_der || !signer_proves(&signer, found.items[0].der, found.items[0].parts));
        bytes[i] ^= 1;
        call_release(&d);
    }
}

static ptrdiff_t find_last(struct str text, struct str part)
{
    ptrdiff_t at = -1;
    for (ptrdiff_t next; (next = str_find(str_slice(text, at + 1, text.len), part)) >= 0;)
        at += next + 1;
    return at;
}

static struct str replaced(struct str pdf, struct str from, struct str to)
{
    ptrdiff_t at = find_last(pdf, from);
    assert_true(at >= 0 && from.len == to.len);
    struct str copy = arena_copy(&c.arena, pdf);
    memcpy((char *)copy.at + at, to.at, (size_t)to.len);
    return copy;
}

/* A revision more, with an object of the report's own written anew: as good a PDF as any. */
static struct str with_another_object(struct str pdf)
{
    int64_t last;
    ptrdiff_t at = find_last(pdf, S("startxref\n"));
    assert_true(str_to_integer(str_trim(str_slice(pdf, at + 10, pdf.len - 6)), &last));
    ptrdiff_t trailer = find_last(pdf, S("trailer\n<< /Size ")), rest = find_last(pdf, S(" /Root "));
    struct text out;
    text_init(&out, 16 << 20);
    text_put(&out, pdf);
    text_put(&out, S("9 0 obj\n<< >>\nendobj\n"));
    ptrdiff_t table = out.len;
    text_format(&out, "xref\n9 1\n%010td 00000 n \n", pdf.len);
    struct str size = str_slice(pdf, trailer, rest), prev;
    size = str_slice(size, 0, str_find(size, S("/Prev")));
    text_put(&out, size);
    text_format(&out, "/Prev %" PRId64, last);
    prev = str_slice(pdf, rest, at);
    text_put(&out, prev);
    text_format(&out, "startxref\n%td\n%%%%EOF\n", table);
    struct str made = arena_copy(&c.arena, text_str(&out));
    text_release(&out);
    return made;
}

static void test_what_comes_after_is_told(void **state)
{
    (void)state;
    struct str once = signed_once_more(report, PDF_SIGNED), twice = signed_once_more(once, PDF_SIGNED);
    assert_true(found_in(twice).items[0].is_kept);
    /* a field that is seen */
    struct str other = replaced(twice, S("/Rect [-1 -1 -1 -1]"), S("/Rect [ 9  9 99 99]"));
    assert_false(found_in(other).items[0].is_kept);
    /* another page in the place of the first */
    other = replaced(twice, S("/Tabs /S"), S("/Tabs /W"));
    assert_false(found_in(other).items[0].is_kept);
    /* other words in the catalog */
    other = replaced(twice, S("/Marked true "), S("/Marked false"));
    assert_false(found_in(other).items[0].is_kept);
    /* bytes that no table knows */
    char *longer = arena_alloc(&c.arena, once.len + 80);
    memcpy(longer, once.at, (size_t)once.len);
    memset(longer + once.len, '\n', 80);
    other = (struct str){ longer, once.len + 80 };
    struct pdf_found_signatures found;
    assert_false(pdf_signatures(&c, other, &found));
    error_clear(&c.error);
    assert_false(found_in(with_another_object(once)).items[0].is_kept);
}

/* Only what fits, and only where a signature stands alone. */
static void test_another_in_its_place(void **state)
{
    (void)state;
    struct str pdf = signed_once_more(report, PDF_SIGNED), out = S("untouched"), back;
    struct pdf_found_signature found = found_in(pdf).items[0];
    struct str der = found.der, longer = { arena_alloc(&c.arena, 4096), 4096 };
    memset((char *)longer.at, 0, 4096);
    memcpy((char *)longer.at, "\x30\x82\x0f\xfc\x04\x82\x0f\xf8", 8);
    assert_true(pdf_put_signature(&c, pdf, &found, longer, &out));
    assert_int_equal(out.len, pdf.len);
    struct pdf_found_signature other = found_in(out).items[0];
    assert_true(str_equal(other.der, longer) && other.is_whole && other.is_kept && other.is_last);
    assert_true(str_equal(other.parts[0], found.parts[0]) && str_equal(other.parts[1], found.parts[1]));
    assert_true(str_equal(found_in(pdf).items[0].der, der)); /* what was given in stays as it is */
    /* a shorter one leaves nothing of the longer */
    assert_true(pdf_put_signature(&c, out, &other, der, &back));
    assert_true(str_equal(back, pdf));
    out = S("untouched");
    assert_false(pdf_put_signature(&c, pdf, &found, (struct str){ longer.at, 4097 }, &out));
    assert_int_equal(c.error.code, E_INVALID);
    error_clear(&c.error);
    assert_true(str_equal(out, S("untouched")));
}

static void test_room_and_failures(void **state)
{
    (void)state;
    struct pdf_signing signing = { .contents_max = 64, .sign = signer_sign, .context = &signer };
    struct str out = S("untouched");
    assert_false(pdf_sign(&c, report, &signing, &out));
    assert_int_equal(c.error.code, E_INVALID);
    error_clear(&c.error);
    signing.contents_max = 4096;
    signer.calls = 0;
    assert_false(pdf_sign(&c, S("%PDF-1.7\nstartxref\n0\n%%EOF\n"), &signing, &out));
    assert_int_equal(c.error.code, E_INVALID);
    assert_int_equal(signer.calls, 0);
    error_clear(&c.error);
    assert_false(pdf_attachment(&c, report, S("report.xml"), 100, &out));
    assert_int_equal(c.error.code, E_NOT_FOUND);
    error_clear(&c.error);
    assert_false(pdf_attachment(&c, report, S("report.json"), 3, &out));
    assert_int_equal(c.error.code, E_TOO_LARGE);
    assert_true(str_equal(out, S("untouched")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_signatures_proofs_and_a_stamp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_changed_byte_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_comes_after_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_in_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_room_and_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
