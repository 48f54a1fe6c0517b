/* pkcs12.c - a key and its certificates out of a PKCS#12 file (RFC 7292).
 *
 *   PFX { safes: [ data | encrypted data: [ key bag | shrouded key bag | certificate bag ... ] ... ], MAC }
 *
 * Every encryption and the MAC name how often a hash is to be applied to the password: that is asked of all of them
 * before any is computed, or a file of a few bytes could keep a processor for hours. */
#include "signing/openssl.h"
#include "signing/signer.h"
#include "signing/trust.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

enum { ROUNDS_MAX = 5000000, SAFES_MAX = 16, BAGS_MAX = 64, PASSWORD_MAX = 512 };

struct bringing {
    struct call *c;
    const char *password; /* NULL: none, which differs from an empty one */
    int password_len;
    int64_t rounds; /* left */
    EVP_PKEY *key;
    STACK_OF(X509) * certificates;
};

/* ---- how it is encrypted ---- */

static bool spend(struct bringing *b, const ASN1_INTEGER *count)
{
    int64_t rounds = 1;
    if (count && (!ASN1_INTEGER_get_int64(&rounds, count) || rounds < 1 || rounds > b->rounds))
        return fail(b->c, E_INVALID, "the PKCS#12 file asks for too many rounds of its password (more than %d)",
                    ROUNDS_MAX);
    b->rounds -= rounds;
    return true;
}

static bool refuse_method(struct bringing *b)
{
    ERR_clear_error();
    return fail(b->c, E_INVALID,
                "the PKCS#12 file is encrypted by an outdated or unknown method (RC2 or RC4, for one): make it anew, "
                "with openssl pkcs12 -legacy -in OLD -nodes, then openssl pkcs12 -export -out NEW");
}

static bool spend_pbes1(struct bringing *b, const X509_ALGOR *method)
{
    PBEPARAM *parameters = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), method->parameter);
    bool done = parameters ? spend(b, parameters->iter) : refuse_method(b);
    PBEPARAM_free(parameters);
    return done;
}

static bool spend_pbes2(struct bringing *b, const X509_ALGOR *method)
{
    PBE2PARAM *parameters = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), method->parameter);
    PBKDF2PARAM *derivation = NULL;
    int cipher = parameters ? OBJ_obj2nid(parameters->encryption->algorithm) : NID_undef;
    bool is_fine = cipher == NID_aes_128_cbc || cipher == NID_aes_192_cbc || cipher == NID_aes_256_cbc ||
                   cipher == NID_des_ede3_cbc;
    if (is_fine && OBJ_obj2nid(parameters->keyfunc->algorithm) == NID_id_pbkdf2)
        derivation = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), parameters->keyfunc->parameter);
    bool done = derivation ? spend(b, derivation->iter) : refuse_method(b);
    PBKDF2PARAM_free(derivation);
    PBE2PARAM_free(parameters);
    return done;
}

static bool spend_method(struct bringing *b, const X509_ALGOR *method)
{
    switch (OBJ_obj2nid(method->algorithm)) {
    case NID_pbes2:
        return spend_pbes2(b, method);
    case NID_pbe_WithSHA1And3_Key_TripleDES_CBC:
    case NID_pbe_WithSHA1And2_Key_TripleDES_CBC:
        return spend_pbes1(b, method);
    default:
        return refuse_method(b);
    }
}

/* ---- what is in it ---- */

static bool take_key(struct bringing *b, const PKCS8_PRIV_KEY_INFO *info)
{
    if (b->key)
        return fail(b->c, E_INVALID, "the PKCS#12 file holds more than one key");
    b->key = info ? EVP_PKCS82PKEY(info) : NULL;
    return b->key || openssl_fail(b->c, E_INVALID, "the key in the PKCS#12 file cannot be read");
}

static bool take_shrouded(struct bringing *b, const PKCS12_SAFEBAG *bag)
{
    const X509_ALGOR *method;
    X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &method, NULL);
    if (!spend_method(b, method))
        return false;
    PKCS8_PRIV_KEY_INFO *info = PKCS12_decrypt_skey(bag, b->password, b->password_len);
    bool done = take_key(b, info);
    PKCS8_PRIV_KEY_INFO_free(info);
    return done;
}

static bool take_certificate(struct bringing *b, const PKCS12_SAFEBAG *bag)
{
    X509 *certificate = PKCS12_SAFEBAG_get1_cert(bag);
    if (!certificate)
        return openssl_fail(b->c, E_INVALID, "a certificate in the PKCS#12 file cannot be read");
    if (!sk_X509_push(b->certificates, certificate))
        abort();
    return true;
}

static bool take_bags(struct bringing *b, const STACK_OF(PKCS12_SAFEBAG) * bags)
{
    int count = sk_PKCS12_SAFEBAG_num(bags);
    if (count > BAGS_MAX)
        return fail(b->c, E_INVALID, "the PKCS#12 file holds more than %d things", BAGS_MAX);
    for (int i = 0; i < count; i++) {
        const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
        int kind = PKCS12_SAFEBAG_get_nid(bag);
        if ((kind == NID_keyBag && !take_key(b, PKCS12_SAFEBAG_get0_p8inf(bag))) ||
            (kind == NID_pkcs8ShroudedKeyBag && !take_shrouded(b, bag)) ||
            (kind == NID_certBag && !take_certificate(b, bag)))
            return false;
    }
    return true;
}

static bool take_safe(struct bringing *b, PKCS7 *safe)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    int kind = OBJ_obj2nid(safe->type);
    if (kind == NID_pkcs7_encrypted) {
        if (!safe->d.encrypted || !safe->d.encrypted->enc_data)
            return fail(b->c, E_INVALID, "a part of the PKCS#12 file is empty");
        if (!spend_method(b, safe->d.encrypted->enc_data->algorithm))
            return false;
        bags = PKCS12_unpack_p7encdata(safe, b->password, b->password_len);
    } else if (kind == NID_pkcs7_data) {
        bags = PKCS12_unpack_p7data(safe);
    }
    bool done = bags ? take_bags(b, bags) : openssl_fail(b->c, E_INVALID, "a part of the PKCS#12 file cannot be read");
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return done;
}

static bool take_safes(struct bringing *b, PKCS12 *file)
{
    STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(file);
    int count = safes ? sk_PKCS7_num(safes) : 0;
    bool done = count > 0 && count <= SAFES_MAX;
    if (!done)
        openssl_fail(b->c, E_INVALID, "the PKCS#12 file cannot be read");
    for (int i = 0; done && i < count; i++)
        done = take_safe(b, sk_PKCS7_value(safes, i));
    sk_PKCS7_pop_free(safes, PKCS7_free);
    return done;
}

/* Programs differ in what they make of an empty password: none, or one of no characters. */
static bool check_password(struct bringing *b, PKCS12 *file)
{
    const ASN1_INTEGER *rounds;
    if (!PKCS12_mac_present(file))
        return fail(b->c, E_INVALID, "the PKCS#12 file has no MAC, so nobody knows whether it is whole");
    PKCS12_get0_mac(NULL, NULL, NULL, &rounds, file);
    if (!spend(b, rounds))
        return false;
    if (PKCS12_verify_mac(file, b->password, b->password_len))
        return true;
    if (!b->password_len && spend(b, rounds)) {
        b->password = NULL;
        if (PKCS12_verify_mac(file, NULL, 0))
            return true;
    }
    bool is_wrong = ERR_GET_REASON(ERR_peek_last_error()) != PKCS12_R_UNKNOWN_DIGEST_ALGORITHM;
    ERR_clear_error();
    return is_wrong ? fail(b->c, E_FORBIDDEN, "wrong password of the PKCS#12 file, or the file is damaged")
                    : fail(b->c, E_INVALID, "the PKCS#12 file's MAC is of an unknown kind");
}

/* ---- what comes of it ---- */

static X509 *find(STACK_OF(X509) * all, EVP_PKEY *key)
{
    for (int i = 0; i < sk_X509_num(all); i++) {
        if (X509_check_private_key(sk_X509_value(all, i), key) == 1)
            return sk_X509_value(all, i);
    }
    return NULL;
}

static X509 *find_issuer(STACK_OF(X509) * all, X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(all); i++) {
        X509 *one = sk_X509_value(all, i);
        if (one != certificate && X509_check_issued(one, certificate) == X509_V_OK)
            return one;
    }
    return NULL;
}

/* False: it is full, or has this one: a root is its own issuer, and authorities may certify each other. */
static bool chain_put(struct chain *chain, struct str der)
{
    for (int i = 0; i < chain->count; i++)
        if (str_equal(chain->der[i], der))
            return false;
    if (chain->count == CHAIN_MAX)
        return false;
    chain->der[chain->count++] = der;
    return true;
}

static bool check_kind(struct bringing *b)
{
    struct str kind = openssl_key_kind(b->c, b->key);
    if (str_starts(kind, S("RSA ")) || str_equal(kind, S("EC P-256")) || str_equal(kind, S("EC P-384")))
        return true;
    return fail(b->c, E_INVALID,
                "the key in the PKCS#12 file is none that signs here: EC on P-256 or P-384, "
                "RSA of 2048 to 8192 bits");
}

static bool conclude(struct bringing *b, struct instant now, struct signer *out)
{
    struct signer made = { .key = STR_NULL };
    if (!b->key)
        return fail(b->c, E_INVALID, "the PKCS#12 file holds no key");
    if (!check_kind(b))
        return false;
    X509 *certificate = find(b->certificates, b->key);
    ERR_clear_error();
    if (!certificate)
        return fail(b->c, E_INVALID, "the PKCS#12 file holds no certificate of its key");
    if (!trust_is_for_documents(certificate))
        return fail(b->c, E_INVALID, "the certificate in the PKCS#12 file is not for signing documents");
    for (X509 *at = certificate; at && chain_put(&made.chain, openssl_certificate_der(b->c, at));
         at = find_issuer(b->certificates, at))
        continue;
    made.key = openssl_private_der(b->c, b->key);
    if (!signer_check(b->c, &made, now)) {
        signer_forget(&made);
        return false;
    }
    *out = made;
    return true;
}

bool signer_bring(struct call *c, struct str pkcs12, struct str password, struct instant now, struct signer *out)
{
    const unsigned char *at = (const unsigned char *)pkcs12.at;
    PKCS12 *file = NULL;
    if (password.len > PASSWORD_MAX)
        return fail(c, E_FORBIDDEN, "wrong password of the PKCS#12 file: it has more than %d bytes", PASSWORD_MAX);
    if (pkcs12.len > PKCS12_BYTES_MAX)
        return fail(c, E_TOO_LARGE, "the PKCS#12 file has more than %d KiB", PKCS12_BYTES_MAX >> 10);
    ERR_clear_error();
    if (pkcs12.len > 0)
        file = d2i_PKCS12(NULL, &at, (long)pkcs12.len);
    if (!file)
        return openssl_fail(c, E_INVALID, "not a PKCS#12 file");
    struct bringing b = { .c = c,
                          .password = password.len ? password.at : "",
                          .password_len = (int)password.len,
                          .rounds = ROUNDS_MAX,
                          .certificates = sk_X509_new_null() };
    bool done = check_password(&b, file) && take_safes(&b, file) && conclude(&b, now, out);
    PKCS12_free(file);
    EVP_PKEY_free(b.key);
    openssl_stack_free(b.certificates);
    ERR_clear_error();
    return done;
}
