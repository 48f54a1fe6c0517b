/* envelope.c - writing an envelope. */
#include "signing/envelope.h"

#include "signing/canonical.h"
#include "signing/envelope_words.h"

const char *const envelope_algorithms[] = { [ENVELOPE_CADES] = "CAdES", [ENVELOPE_SM2] = "SM2-SM3" };
const char *const envelope_time_sources[] = {
    [TIME_STAMP] = "time stamp", [TIME_KNOWN] = "known", [TIME_CLAIMED] = "claimed", [TIME_NOW] = "none"
};

bool envelope_entry(struct call *c, struct str cms, struct str content, const struct trust *trust,
                    struct envelope_entry *out)
{
    struct cms_result result;
    struct envelope_entry made = { .algorithm = ENVELOPE_CADES, .signature = cms };
    if (!cms_check(c, cms, &content, 1, trust, &result))
        return false;
    const struct cms_signer *signer = &result.signers[0];
    if (result.count != 1 || signer->verdict == VERDICT_CHANGED)
        return fail(c, E_INVALID, "not a signature of this content by one signer: %.*s", STR_FMT(signer->words));
    if (!cms_certificates(c, cms, made.chain.der, CHAIN_MAX, &made.chain.count))
        return false;
    for (int i = 1; i < made.chain.count; i++) { /* the signer's first */
        struct str first = made.chain.der[0];
        if (!str_equal(crypto_sha256_hex(made.chain.der[i], &c->arena), signer->certificate.sha256))
            continue;
        made.chain.der[0] = made.chain.der[i];
        made.chain.der[i] = first;
    }
    made.meaning = signer->meaning;
    made.signer = signer->certificate.common_name;
    made.time = signer->time_source == TIME_NOW ? INSTANT_NULL : signer->time;
    made.time_source = signer->time_source;
    *out = made;
    return true;
}

static json_t *text_json(struct str s)
{
    return json_stringn(s.at ? s.at : "", (size_t)s.len);
}

static json_t *list_json(struct call *c, const struct str *der, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, text_json(crypto_base64(der[i], &c->arena)));
    return list;
}

static json_t *entry_json(struct call *c, const struct envelope_entry *entry)
{
    json_t *json = json_object();
    json_object_set_new(json, "algorithm", json_string(envelope_algorithms[entry->algorithm]));
    json_object_set_new(json, "meaning", text_json(entry->meaning));
    json_object_set_new(json, "signer", text_json(entry->signer));
    json_object_set_new(json, "signature", text_json(crypto_base64(entry->signature, &c->arena)));
    json_object_set_new(json, "certificates", list_json(c, entry->chain.der, entry->chain.count));
    json_object_set_new(json, "time_source", json_string(envelope_time_sources[entry->time_source]));
    if (!instant_is_null(entry->time))
        json_object_set_new(json, "time", text_json(instant_format(entry->time, &c->arena)));
    return json;
}

bool envelope_write(struct call *c, struct str content, const struct envelope_entry *entries, int count,
                    const struct str *lists, int list_count, struct str *out)
{
    if (count < 1 || count > ENVELOPE_ENTRIES_MAX || list_count > ENVELOPE_LISTS_MAX)
        return fail(c, E_INVALID, "an envelope holds 1 to %d signatures, and at most %d revocation lists",
                    ENVELOPE_ENTRIES_MAX, ENVELOPE_LISTS_MAX);
    json_t *read = canonical_read(c, content), *all = json_array(), *json = json_object();
    for (int i = 0; i < count; i++)
        json_array_append_new(all, entry_json(c, &entries[i]));
    json_object_set_new(json, "format", json_string(ENVELOPE_FORMAT));
    json_object_set_new(json, "signatures", all);
    json_object_set_new(json, "revocation_lists", list_json(c, lists, list_count));
    bool done = read && json_object_set(json, "content", read) == 0 && canonical_json(c, json, out);
    json_decref(read);
    json_decref(json);
    return done;
}

/* ---- a time stamp, later ---- */

struct stamping {
    const struct trust *trust;
    bool (*stamp)(struct call *c, void *context, struct str data, struct str *token);
    void *context;
    struct str content;
};

static bool stamp_entry(struct call *c, const struct stamping *s, json_t *json)
{
    const char *algorithm = json_string_value(json_object_get(json, "algorithm"));
    const json_t *signature = json_object_get(json, "signature");
    struct str text = { json_string_value(signature), (ptrdiff_t)json_string_length(signature) }, cms, data, token;
    struct envelope_entry entry;
    if (!algorithm || strcmp(algorithm, envelope_algorithms[ENVELOPE_CADES]) != 0)
        return true;
    if (!text.at || !crypto_unbase64(text, &c->arena, &cms) || !envelope_entry(c, cms, s->content, s->trust, &entry))
        return c->error.code ? false : fail(c, E_INVALID, "not an envelope: a signature is not base64");
    if (entry.time_source == TIME_STAMP)
        return true;
    if (!cms_signature(c, cms, &data) || !s->stamp(c, s->context, data, &token) ||
        !cms_add_timestamp(c, cms, token, &cms) || !envelope_entry(c, cms, s->content, s->trust, &entry))
        return false;
    json_object_set_new(json, "signature", text_json(crypto_base64(cms, &c->arena)));
    json_object_set_new(json, "time_source", json_string(envelope_time_sources[entry.time_source]));
    json_object_set_new(json, "time", text_json(instant_format(entry.time, &c->arena)));
    return true;
}

bool envelope_stamp(struct call *c, struct str text, const struct trust *trust,
                    bool (*stamp)(struct call *c, void *context, struct str data, struct str *token), void *context,
                    struct str *out)
{
    struct stamping s = { trust, stamp, context, STR_NULL };
    json_t *json = canonical_read(c, text), *content = json_object_get(json, "content"), *one;
    size_t i;
    bool ok = json && ((content && canonical_json(c, content, &s.content)) ||
                       fail(c, E_INVALID, "not an envelope: it has no content"));
    json_array_foreach(json_object_get(json, "signatures"), i, one)
    {
        ok = ok && stamp_entry(c, &s, one);
    }
    ok = ok && canonical_json(c, json, out);
    json_decref(json);
    return ok;
}
