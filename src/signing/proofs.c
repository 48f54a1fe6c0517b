/* proofs.c - see proofs.h. */
#include "signing/proofs.h"

#include "signing/cms_object.h"
#include "signing/openssl.h"
#include "signing/revocation_object.h"
#include "signing/timestamp.h"
#include "signing/trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>

struct proving {
    struct call *c;
    struct trust trust; /* with the lists that the signature brings */
    struct proofs *out;
};

static bool put_once(struct call *c, struct str *items, int *count, struct str der)
{
    for (int i = 0; i < *count; i++)
        if (str_equal(items[i], der))
            return true;
    if (*count == PROOFS_MAX)
        return fail(c, E_INVALID, "there are more than %d certificates or revocation lists", PROOFS_MAX);
    items[(*count)++] = der;
    return true;
}

static struct str list_der(struct call *c, X509_CRL *list)
{
    unsigned char *at = NULL;
    int len = i2d_X509_CRL(list, &at);
    return openssl_take(c, at, len);
}

/* What a signature brings counts as what is known otherwise: where it speaks against the signature, too. */
static bool begin(struct call *c, const struct trust *trust, STACK_OF(X509_CRL) * brought, struct proofs *out,
                  struct proving *p)
{
    int more = brought ? sk_X509_CRL_num(brought) : 0;
    if (more > PROOFS_MAX)
        return fail(c, E_INVALID, "it brings more than %d revocation lists", PROOFS_MAX);
    struct str *lists = arena_array(&c->arena, struct str, trust->list_count + more + 1);
    for (int i = 0; i < trust->list_count; i++)
        lists[i] = trust->lists[i];
    for (int i = 0; i < more; i++)
        lists[trust->list_count + i] = list_der(c, sk_X509_CRL_value(brought, i));
    *p = (struct proving){ c, *trust, out };
    p->trust.lists = lists;
    p->trust.list_count = trust->list_count + more;
    return true;
}

/* ---- one certificate ---- */

/* The last that tells of it: an authority may have handed out several. */
static bool find_list(const struct proving *p, const struct trust_question *question, const X509 *certificate,
                      X509 *issuer, struct str *found)
{
    struct call *c = p->c;
    struct instant last = INSTANT_NULL;
    *found = STR_NULL;
    for (int i = 0; i < p->trust.list_count; i++) {
        X509_CRL *list = revocation_object(p->trust.lists[i]);
        bool fits =
            list && trust_list_is_current(list, &p->trust, question, certificate) && trust_list_is_of(list, issuer);
        struct instant made = fits ? openssl_instant(X509_CRL_get0_lastUpdate(list)) : INSTANT_NULL;
        if (fits && (str_is_null(*found) || made.us > last.us)) {
            *found = p->trust.lists[i];
            last = made;
        }
        X509_CRL_free(list);
    }
    ERR_clear_error();
    return !str_is_null(*found) ||
           fail(c, E_NOT_FOUND, "there is no current revocation list of %.*s, or none that was made before %.*s ended",
                STR_FMT(openssl_name(c, X509_get_subject_name(issuer))),
                STR_FMT(openssl_name(c, X509_get_subject_name(certificate))));
}

/* ---- a chain ---- */

static bool prove_chain(const struct proving *p, const struct trust_question *question, STACK_OF(X509) * chain)
{
    struct call *c = p->c;
    struct proofs *out = p->out;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *one = sk_X509_value(chain, i);
        struct str list;
        if (!put_once(c, out->certificates, &out->certificate_count, openssl_certificate_der(c, one)))
            return false;
        if (i + 1 < sk_X509_num(chain) && (!find_list(p, question, one, sk_X509_value(chain, i + 1), &list) ||
                                           !put_once(c, out->lists, &out->list_count, list)))
            return false;
    }
    return true;
}

static bool prove(const struct proving *p, enum trust_use use, struct trust_question question)
{
    STACK_OF(X509) *chain = NULL;
    struct trust_answer answer;
    question.is_at_sure = true;
    question.chain = &chain;
    trust_ask(p->c, &p->trust, use, &question, &answer);
    bool ok = answer.is_trusted
                  ? !trust_is_withdrawn(use, &answer) || fail(p->c, E_INVALID, "a certificate was revoked")
                  : fail(p->c, E_INVALID, "a certificate does not count: %s", answer.why);
    ok = ok && prove_chain(p, &question, chain);
    openssl_stack_free(chain);
    return ok;
}

/* ---- a time stamp ---- */

static bool prove_signer_of(struct call *c, PKCS7 *token, struct instant at, const struct trust *trust,
                            struct proofs *out)
{
    struct proving p;
    STACK_OF(X509) *signers = PKCS7_get0_signers(token, NULL, 0);
    const struct trust_question question = { .certificate = sk_X509_value(signers, 0),
                                             .others = token->d.sign->cert,
                                             .at = at };
    bool ok = (sk_X509_num(signers) == 1 || fail(c, E_INVALID, "the time stamp does not bring its certificate")) &&
              begin(c, trust, token->d.sign->crl, out, &p) && prove(&p, TRUST_TIME, question);
    sk_X509_free(signers);
    return ok;
}

static bool prove_token(struct call *c, struct str token, const struct str *pieces, int count,
                        const struct trust *trust, struct proofs *out, struct instant *stamped_at)
{
    struct timestamp stamp;
    if (!timestamp_check(c, token, pieces, count, trust, &stamp))
        return false;
    *stamped_at = stamp.at;
    out->until = stamp.until;
    const unsigned char *at = (const unsigned char *)token.at;
    PKCS7 *read = d2i_PKCS7(NULL, &at, (long)token.len);
    bool ok = read ? prove_signer_of(c, read, stamp.at, trust, out)
                   : openssl_fail(c, E_INVALID, "the time stamp cannot be read");
    PKCS7_free(read);
    ERR_clear_error();
    return ok;
}

bool timestamp_prove(struct call *c, struct str token, const struct str *pieces, int count, const struct trust *trust,
                     struct proofs *out)
{
    struct instant at;
    out->until = INSTANT_NULL;
    return prove_token(c, token, pieces, count, trust, out, &at);
}

/* ---- a signature ---- */

static bool prove_stamp(const struct proving *p, CMS_SignerInfo *info, struct instant *at)
{
    int index = CMS_unsigned_get_attr_by_NID(info, NID_id_smime_aa_timeStampToken, -1);
    const ASN1_TYPE *value = index < 0 ? NULL : X509_ATTRIBUTE_get0_type(CMS_unsigned_get_attr(info, index), 0);
    struct call *c = p->c;
    if (!value || value->type != V_ASN1_SEQUENCE)
        return fail(c, E_INVALID, "the signature has no time stamp");
    struct str signature = openssl_bytes(CMS_SignerInfo_get0_signature(info));
    return prove_token(c, openssl_bytes(value->value.sequence), &signature, 1, &p->trust, p->out, at);
}

static X509 *certificate_of(STACK_OF(X509) * all, CMS_SignerInfo *info)
{
    for (int i = 0; i < sk_X509_num(all); i++)
        if (CMS_SignerInfo_cert_cmp(info, sk_X509_value(all, i)) == 0)
            return sk_X509_value(all, i);
    return NULL;
}

static bool prove_signer(struct call *c, CMS_SignerInfo *info, STACK_OF(X509) * all, STACK_OF(X509_CRL) * lists,
                         const struct trust *trust, struct proofs *out)
{
    struct proving p;
    struct instant at = INSTANT_NULL;
    X509 *signer = certificate_of(all, info);
    const char *flaw = trust_flaw(c, all);
    if (flaw || !signer)
        return fail(c, E_INVALID, "the signature cannot be checked: %s",
                    flaw ? flaw : "it does not bring its certificate");
    return begin(c, trust, lists, out, &p) && prove_stamp(&p, info, &at) &&
           prove(&p, TRUST_SIGNER, (struct trust_question){ .certificate = signer, .others = all, .at = at });
}

bool cms_prove(struct call *c, struct str cms, const struct trust *trust, struct proofs *out)
{
    out->until = INSTANT_NULL;
    CMS_ContentInfo *read = cms_object_read(c, cms);
    if (!read)
        return false;
    STACK_OF(X509) *all = CMS_get1_certs(read);
    STACK_OF(X509_CRL) *lists = CMS_get1_crls(read);
    bool ok = prove_signer(c, sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(read), 0), all, lists, trust, out);
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
    openssl_stack_free(all);
    CMS_ContentInfo_free(read);
    ERR_clear_error();
    return ok;
}

/* ---- lists of a file ---- */

bool proofs_read_lists(struct call *c, struct str bytes, int max, struct str *lists, int *count)
{
    struct revocation_list said;
    BIO *file = BIO_new_mem_buf(bytes.len ? bytes.at : "", (int)bytes.len);
    X509_CRL *one;
    bool ok = true;
    if (!file)
        abort(); /* memory */
    *count = 0;
    while (ok && (one = PEM_read_bio_X509_CRL(file, NULL, NULL, NULL))) {
        struct str der = list_der(c, one);
        X509_CRL_free(one);
        ok = *count < max ? revocation_read(c, der, &said)
                          : fail(c, E_INVALID, "there are more than %d revocation lists", max);
        if (ok)
            lists[(*count)++] = der;
    }
    bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    BIO_free(file);
    ERR_clear_error();
    if (!ok || (*count && is_end))
        return ok;
    if (*count)
        return fail(c, E_INVALID, "one of its revocation lists cannot be read");
    *count = 1;
    lists[0] = bytes;
    return revocation_read(c, bytes, &said);
}
