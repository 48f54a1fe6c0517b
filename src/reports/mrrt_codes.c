/* mrrt_codes.c - the codes of an MRRT template: <template_attributes> in <script type="text/xml">. */
#include "reports/mrrt_parts.h"

#include <libxml/parser.h>

/* The first <code> below an entry, in its <term> or not. */
static void take_entry(struct mrrt_reading *r, const xmlNode *entry)
{
    struct str of = mrrt_attribute(r, entry, "ORIGTXT");
    for (const xmlNode *at = entry; at && r->code_count < MRRT_CODES_MAX; at = mrrt_following(at, entry, true)) {
        if (!mrrt_is(at, "code"))
            continue;
        struct mrrt_code code = { of, mrrt_attribute(r, at, "value"), mrrt_attribute(r, at, "scheme") };
        if (code.of.len && code.value.len && code.value.len <= 64 && code.scheme.len <= 64)
            r->codes[r->code_count++] = code;
        return;
    }
}

void mrrt_take_codes(struct mrrt_reading *r, struct str xml)
{
    xml = str_trim(xml);
    if (str_find(xml, S("<!DOCTYPE")) >= 0 || str_find(xml, S("<!ENTITY")) >= 0) {
        mrrt_remark(r, "The codes were left out: they come with declarations.");
        return;
    }
    xmlDoc *doc = xmlReadMemory(xml.at, (int)xml.len, NULL, "UTF-8",
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_RECOVER);
    const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    if (!root || !mrrt_is(root, "template_attributes"))
        mrrt_remark(r, "A block of XML was left out: it is not template_attributes.");
    else
        for (const xmlNode *at = root; at; at = mrrt_following(at, root, true))
            if (mrrt_is(at, "entry"))
                take_entry(r, at);
    xmlFreeDoc(doc);
}

const struct mrrt_code *mrrt_code_of(const struct mrrt_reading *r, struct str id)
{
    for (int i = 0; i < r->code_count && id.len; i++)
        if (str_equal(r->codes[i].of, id))
            return &r->codes[i];
    return NULL;
}
