/* The document security store (ISO 32000-2 12.8.4.3): streams of DER in three lists. */
#include "pdf/parse.h"
#include "pdf/signature.h"
#include "pdf/update.h"

static const char *const lists[] = { "Certs", "OCSPs", "CRLs" };

static void put_list(struct pdf_update *update, struct str store, const char *key, const struct str *items, int count,
                     struct text *out)
{
    struct str array, there = STR_NULL;
    if (store.at && pdf_entry(&update->file, store, key, &array))
        pdf_inside_array(array, &there);
    if (there.len == 0 && count == 0)
        return;
    text_format(out, " /%s [", key);
    text_put(out, there);
    for (int i = 0; i < count; i++) {
        int number = pdf_writer_number(&update->writer);
        pdf_writer_stream(&update->writer, number, S(""), items[i], false);
        text_put_char(out, ' ');
        pdf_put_reference(out, number);
    }
    text_put_char(out, ']');
}

static int count_of(const struct pdf_file *file, struct str store, const char *key)
{
    struct str array, rest, one;
    int count = 0;
    if (store.at && pdf_entry(file, store, key, &array) && pdf_inside_array(array, &rest))
        while (count <= PDF_PROOFS_MAX && pdf_next_value(&rest, &one))
            count++;
    return count;
}

/* As many as can be read again. */
static bool has_room(const struct pdf_file *file, struct str store, const struct pdf_proofs *proofs)
{
    const int more[] = { proofs->certificate_count, proofs->ocsp_count, proofs->crl_count };
    for (int i = 0; i < 3; i++)
        if (more[i] > PDF_PROOFS_MAX || count_of(file, store, lists[i]) + more[i] > PDF_PROOFS_MAX)
            return false;
    return true;
}

bool pdf_add_proofs(struct call *c, struct str pdf, const struct pdf_proofs *proofs, struct str *out)
{
    struct pdf_update update;
    struct str store = STR_NULL;
    struct text dss;
    if (!pdf_update_begin(c, pdf, &update))
        return false;
    pdf_entry(&update.file, update.root_value, "DSS", &store);
    if (!has_room(&update.file, store, proofs)) {
        pdf_update_release(&update);
        return fail(c, E_INVALID, "there are more than %d certificates, OCSP answers or CRLs", PDF_PROOFS_MAX);
    }
    text_init(&dss, 1 << 20);
    text_put(&dss, S("<< /Type /DSS"));
    put_list(&update, store, lists[0], proofs->certificates, proofs->certificate_count, &dss);
    put_list(&update, store, lists[1], proofs->ocsps, proofs->ocsp_count, &dss);
    put_list(&update, store, lists[2], proofs->crls, proofs->crl_count, &dss);
    text_put(&dss, S(" >>"));
    bool done = dss.overflowed ? fail(c, E_TOO_LARGE, "the PDF grows too large")
                               : pdf_update_finish(&update, 0, text_str(&dss), out);
    text_release(&dss);
    pdf_update_release(&update);
    return done;
}

static bool find_list(struct call *c, const struct pdf_file *file, struct str store, const char *key,
                      const struct str **items, int *count)
{
    struct str array, rest, one, stream, bytes, filter;
    *count = 0;
    if (!pdf_entry(file, store, key, &array))
        return true;
    if (!pdf_inside_array(array, &rest))
        return fail(c, E_INVALID, "the PDF's certificates cannot be read");
    struct str *found = arena_array(&c->arena, struct str, PDF_PROOFS_MAX);
    while (pdf_next_value(&rest, &one)) {
        if (*count == PDF_PROOFS_MAX || !pdf_resolve(file, one, &stream) || !pdf_stream_bytes(file, stream, &bytes) ||
            pdf_raw_entry(stream, "Filter", &filter))
            return fail(c, E_INVALID, "the PDF's certificates cannot be read");
        found[(*count)++] = bytes;
    }
    *items = found;
    return true;
}

bool pdf_find_proofs(struct call *c, struct str pdf, struct pdf_proofs *out)
{
    struct pdf_file file;
    struct str root, store;
    struct pdf_proofs proofs = { 0 };
    if (!pdf_file_read(c, pdf, &file))
        return false;
    if (pdf_entry(&file, file.trailer, "Root", &root) && pdf_entry(&file, root, "DSS", &store) &&
        (!find_list(c, &file, store, lists[0], &proofs.certificates, &proofs.certificate_count) ||
         !find_list(c, &file, store, lists[1], &proofs.ocsps, &proofs.ocsp_count) ||
         !find_list(c, &file, store, lists[2], &proofs.crls, &proofs.crl_count)))
        return false;
    *out = proofs;
    return true;
}
