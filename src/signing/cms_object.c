/* cms_object.c - see cms_object.h. */
#include "signing/cms_object.h"

#include "signing/openssl.h"

#include <openssl/err.h>

/* ---- types, as OpenSSL's templates want them ---- */

typedef struct qualifier_st {
    ASN1_OBJECT *id;
    ASN1_TYPE *value;
} QUALIFIER;
DEFINE_STACK_OF(QUALIFIER)
ASN1_SEQUENCE(QUALIFIER) = { ASN1_SIMPLE(QUALIFIER, id, ASN1_OBJECT),
                             ASN1_OPT(QUALIFIER, value, ASN1_ANY) } static_ASN1_SEQUENCE_END(QUALIFIER)

    typedef struct commitment_st {
    ASN1_OBJECT *id;
    STACK_OF(QUALIFIER) * qualifiers;
} COMMITMENT;
ASN1_SEQUENCE(COMMITMENT) = { ASN1_SIMPLE(COMMITMENT, id, ASN1_OBJECT),
                              ASN1_SEQUENCE_OF_OPT(COMMITMENT, qualifiers,
                                                   QUALIFIER) } static_ASN1_SEQUENCE_END(COMMITMENT)

    ASN1_ITEM_TEMPLATE(SIGNED_ATTRIBUTES) = ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SET_ORDER, 0, attributes, X509_ATTRIBUTE)
        static_ASN1_ITEM_TEMPLATE_END(SIGNED_ATTRIBUTES)

    /* ---- meaning ---- */

    static bool fill_meaning(COMMITMENT * made, struct str meaning)
{
    QUALIFIER *qualifier = (QUALIFIER *)ASN1_item_new(ASN1_ITEM_rptr(QUALIFIER));
    ASN1_STRING *text = ASN1_UTF8STRING_new();
    made->id = OBJ_txt2obj(str_equal(meaning, S("author")) ? COMMITMENT_CREATION : COMMITMENT_APPROVAL, 1);
    made->qualifiers = sk_QUALIFIER_new_null();
    if (!qualifier || !text || !made->id || !sk_QUALIFIER_push(made->qualifiers, qualifier))
        abort(); /* memory */
    qualifier->id = OBJ_txt2obj(MEANING_QUALIFIER, 1);
    qualifier->value = ASN1_TYPE_new();
    if (!qualifier->id || !qualifier->value || !ASN1_STRING_set(text, meaning.at, (int)meaning.len))
        abort();
    ASN1_TYPE_set(qualifier->value, V_ASN1_UTF8STRING, text);
    return true;
}

struct str cms_meaning_der(struct call *c, struct str meaning)
{
    unsigned char *at = NULL;
    COMMITMENT *made = (COMMITMENT *)ASN1_item_new(ASN1_ITEM_rptr(COMMITMENT));
    if (!made)
        abort();
    fill_meaning(made, meaning);
    int len = ASN1_item_i2d((ASN1_VALUE *)made, &at, ASN1_ITEM_rptr(COMMITMENT));
    ASN1_item_free((ASN1_VALUE *)made, ASN1_ITEM_rptr(COMMITMENT));
    return openssl_take(c, at, len);
}

static bool is_object(const ASN1_OBJECT *object, const char *name)
{
    char text[80];
    int len = OBJ_obj2txt(text, sizeof(text), object, 1);
    return len > 0 && len < (int)sizeof(text) && strcmp(text, name) == 0;
}

static struct str meaning_of(struct call *c, const COMMITMENT *commitment)
{
    for (int i = 0; i < sk_QUALIFIER_num(commitment->qualifiers); i++) {
        const QUALIFIER *q = sk_QUALIFIER_value(commitment->qualifiers, i);
        if (!is_object(q->id, MEANING_QUALIFIER) || !q->value || q->value->type != V_ASN1_UTF8STRING)
            continue;
        struct str text = openssl_bytes(q->value->value.utf8string);
        if (text.len > 0 && text.len <= CMS_MEANING_MAX && str_is_utf8(text))
            return arena_copy(&c->arena, text);
    }
    return is_object(commitment->id, COMMITMENT_CREATION)   ? S("author")
           : is_object(commitment->id, COMMITMENT_APPROVAL) ? S("approver")
                                                            : STR_NULL;
}

struct str cms_meaning_read(struct call *c, const CMS_SignerInfo *info)
{
    struct str meaning = STR_NULL;
    ASN1_OBJECT *name = OBJ_txt2obj(COMMITMENT_ATTRIBUTE, 1);
    const ASN1_STRING *der = CMS_signed_get0_data_by_OBJ(info, name, -3, V_ASN1_SEQUENCE);
    ASN1_OBJECT_free(name);
    if (der) {
        const unsigned char *at = ASN1_STRING_get0_data(der);
        ASN1_VALUE *read = ASN1_item_d2i(NULL, &at, ASN1_STRING_length(der), ASN1_ITEM_rptr(COMMITMENT));
        if (read)
            meaning = meaning_of(c, (const COMMITMENT *)read);
        ASN1_item_free(read, ASN1_ITEM_rptr(COMMITMENT));
    }
    ERR_clear_error();
    return meaning;
}

/* ---- the whole ---- */

struct str cms_signed_attributes(struct call *c, const CMS_SignerInfo *info)
{
    unsigned char *at = NULL;
    STACK_OF(X509_ATTRIBUTE) *all = sk_X509_ATTRIBUTE_new_null();
    for (int i = 0; i < CMS_signed_get_attr_count(info); i++) {
        if (!sk_X509_ATTRIBUTE_push(all, CMS_signed_get_attr(info, i)))
            abort();
    }
    int len = ASN1_item_i2d((ASN1_VALUE *)all, &at, ASN1_ITEM_rptr(SIGNED_ATTRIBUTES));
    sk_X509_ATTRIBUTE_free(all);
    return openssl_take(c, at, len);
}

static const char *flaw_of(CMS_ContentInfo *cms)
{
    ASN1_OCTET_STRING **content;
    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
        return "it is CMS of another kind than SignedData";
    content = CMS_get0_content(cms);
    if (content && *content)
        return "it brings content of its own, and what is checked stands elsewhere";
    int signers = sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms));
    if (signers < 1 || signers > CMS_SIGNERS_MAX)
        return signers < 1 ? "nobody has signed" : "too many signers";
    return NULL;
}

CMS_ContentInfo *cms_object_read(struct call *c, struct str der)
{
    const unsigned char *at = (const unsigned char *)der.at, *end = at + der.len;
    CMS_ContentInfo *cms = NULL;
    ERR_clear_error();
    if (der.len > 0 && der.len <= CMS_BYTES_MAX)
        cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    if (!cms) {
        openssl_fail(c, E_INVALID, "the signature cannot be read");
        return NULL;
    }
    while (at < end && !*at)
        at++;
    const char *flaw = at < end ? "something follows it" : flaw_of(cms);
    ERR_clear_error();
    if (!flaw)
        return cms;
    CMS_ContentInfo_free(cms);
    fail(c, E_INVALID, "the signature cannot be checked: %s", flaw);
    return NULL;
}

struct str cms_object_der(struct call *c, CMS_ContentInfo *cms)
{
    unsigned char *at = NULL;
    int len = i2d_CMS_ContentInfo(cms, &at);
    return openssl_take(c, at, len);
}
