#include "pdf/parse.h"
#include "pdf/signature.h"
#include "pdf/update.h"

#include <openssl/evp.h>

/* The file with its appendix, and where in it the signature goes. */
struct place {
    char *bytes;
    ptrdiff_t len, range, contents; /* of the four numbers; of the '<' */
};

static const char range_blank[] = "[0 0000000000 0000000000 0000000000]";

static void put_optional(struct text *out, const char *key, struct str text)
{
    if (text.len == 0)
        return;
    text_format(out, " /%s ", key);
    pdf_put_text_string(out, text);
}

/* The signature's dictionary (12.8.1), with room for itself. */
static void write_signature(struct pdf_update *update, int number, const struct pdf_signing *signing,
                            struct place *place)
{
    struct pdf_writer *writer = &update->writer;
    struct text *out = pdf_writer_begin(writer, number);
    bool is_stamp = signing->kind == PDF_STAMPED;
    text_format(out, "<< /Type /%s /Filter /Adobe.PPKLite /SubFilter /%s", is_stamp ? "DocTimeStamp" : "Sig",
                is_stamp ? "ETSI.RFC3161" : "ETSI.CAdES.detached");
    if (!is_stamp) {
        put_optional(out, "Name", signing->name);
        put_optional(out, "Reason", signing->reason);
        struct str moment = pdf_date(signing->at.us, &update->c->arena);
        if (moment.len > 0)
            text_format(out, " /M (%.*s)", STR_FMT(moment));
    }
    text_put(out, S(" /ByteRange "));
    place->range = (ptrdiff_t)writer->base + out->len;
    text_put(out, str_from(range_blank));
    text_put(out, S(" /Contents "));
    place->contents = (ptrdiff_t)writer->base + out->len;
    text_put_char(out, '<');
    char *zeros = text_room(out, 2 * signing->contents_max);
    if (zeros) {
        memset(zeros, '0', (size_t)(2 * signing->contents_max));
        text_grown(out, 2 * signing->contents_max);
    }
    text_put(out, S("> >>"));
    pdf_writer_end(writer);
}

/* Field and widget in one (12.5.6.19): no appearance, outside of the page, so that PDF/UA asks for no place of it in
 * the structure, and PDF/A for no appearance. pdf_signatures knows one by these very words. */
static void write_field(struct pdf_update *update, int number, int value, int place)
{
    struct text *out = pdf_writer_begin(&update->writer, number);
    text_format(out,
                "<< /Type /Annot /Subtype /Widget /FT /Sig /F 132 /Rect [-1 -1 -1 -1] /T (Signature%d) "
                "/TU (Signature %d) /P %d 0 R /V %d 0 R >>",
                place, place, update->page, value);
    pdf_writer_end(&update->writer);
}

static void digest_of(const struct str parts[2], unsigned char digest[SHA256_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL) ||
        !EVP_DigestUpdate(context, parts[0].at, (size_t)parts[0].len) ||
        !EVP_DigestUpdate(context, parts[1].at, (size_t)parts[1].len) || !EVP_DigestFinal_ex(context, digest, NULL))
        abort();
    EVP_MD_CTX_free(context);
}

static bool fill(struct call *c, const struct pdf_signing *signing, const struct place *place)
{
    ptrdiff_t behind = place->contents + 2 * signing->contents_max + 2;
    char range[sizeof range_blank + 32];
    int len = snprintf(range, sizeof range, "[0 %td %td %td", place->contents, behind, place->len - behind);
    memset(range + len, ' ', sizeof range_blank - 2 - (size_t)len);
    range[sizeof range_blank - 2] = ']';
    memcpy(place->bytes + place->range, range, sizeof range_blank - 1);
    const struct str parts[2] = { { place->bytes, place->contents }, { place->bytes + behind, place->len - behind } };
    unsigned char digest[SHA256_BYTES];
    struct str der = STR_NULL;
    digest_of(parts, digest);
    if (!signing->sign(c, signing->context, digest, parts, &der))
        return false;
    if (der.len == 0 || der.len > signing->contents_max)
        return fail(c, E_INVALID, "the signature has %td bytes, and there is room for %td", der.len,
                    signing->contents_max);
    crypto_hex_write(place->bytes + place->contents + 1, der.at, der.len);
    return true;
}

bool pdf_sign(struct call *c, struct str pdf, const struct pdf_signing *signing, struct str *out)
{
    struct pdf_update update;
    struct place place = { 0 };
    if (signing->contents_max < 1 || signing->contents_max > PDF_CONTENTS_MAX || signing->name.len > 4096 ||
        signing->reason.len > 4096)
        return fail(c, E_INVALID, "a signature's room, name or reason is too large");
    if (!pdf_update_begin(c, pdf, &update))
        return false;
    if (update.field_count >= PDF_SIGNATURES_MAX) {
        pdf_update_release(&update);
        return fail(c, E_INVALID, "the PDF has %d signatures already", update.field_count);
    }
    int field = pdf_writer_number(&update.writer), value = pdf_writer_number(&update.writer);
    write_signature(&update, value, signing, &place);
    write_field(&update, field, value, update.field_count + 1);
    struct str whole;
    bool done = pdf_update_finish(&update, field, STR_NULL, &whole);
    pdf_update_release(&update);
    if (!done)
        return false;
    place.bytes = (char *)whole.at; /* in the arena, and nobody's yet */
    place.len = whole.len;
    if (!fill(c, signing, &place))
        return false;
    *out = whole;
    return true;
}

bool pdf_put_signature(struct call *c, struct str pdf, const struct pdf_found_signature *found, struct str der,
                       struct str *out)
{
    ptrdiff_t place = found->parts[0].len + 1, end = found->parts[1].at - pdf.at - 1;
    if (!found->is_whole || der.len == 0 || der.len > (end - place) / 2)
        return fail(c, E_INVALID, "the signature has %td bytes, and there is room for %td", der.len, (end - place) / 2);
    char *bytes = arena_alloc(&c->arena, pdf.len + 1);
    memcpy(bytes, pdf.at, (size_t)pdf.len);
    memset(bytes + place, '0', (size_t)(end - place));
    crypto_hex_write(bytes + place, der.at, der.len);
    *out = (struct str){ bytes, pdf.len };
    return true;
}
