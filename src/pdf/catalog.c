/* The catalog and what hangs on it: metadata (XMP), the colours that are meant, attached files. */
#include "base/crypto.h"
#include "base/file.h"
#include "pdf/composer.h"

static const char profile_path[] = "/usr/share/color/icc/sRGB.icc";
static const char producer[] = "Roentgen " ROENTGEN_VERSION;

/* Text in XML (1.0 2.2): what must not stand there is left out. */
static void put_xml(struct text *out, struct str text)
{
    while (text.len > 0) {
        struct str before = text;
        uint32_t point = str_next_code_point(&text);
        if (point == '<')
            text_put(out, S("&lt;"));
        else if (point == '&')
            text_put(out, S("&amp;"));
        else if ((point >= 0x20 || point == '\n') && (point & 0xFFFE) != 0xFFFE && point != 0xFFFD)
            text_put(out, (struct str){ before.at, before.len - text.len });
    }
}

static void put_element(struct text *out, const char *before, struct str text, const char *after)
{
    if (text.len == 0)
        return;
    text_put(out, str_from(before));
    put_xml(out, text);
    text_put(out, str_from(after));
}

/* PDF/A-3 6.6.2.3: pdfuaid is none of the schemas that it knows, and is described. */
static const char ua_schema[] =
    "<rdf:Description rdf:about=\"\" xmlns:pdfaExtension=\"http://www.aiim.org/pdfa/ns/extension/\" "
    "xmlns:pdfaSchema=\"http://www.aiim.org/pdfa/ns/schema#\" "
    "xmlns:pdfaProperty=\"http://www.aiim.org/pdfa/ns/property#\"><pdfaExtension:schemas><rdf:Bag>"
    "<rdf:li rdf:parseType=\"Resource\"><pdfaSchema:schema>PDF/UA Universal Accessibility Schema</pdfaSchema:schema>"
    "<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>"
    "<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType=\"Resource\">"
    "<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>"
    "<pdfaProperty:category>internal</pdfaProperty:category>"
    "<pdfaProperty:description>Indicates, which part of ISO 14289 standard is followed</pdfaProperty:description>"
    "</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>\n";

static void write_metadata(struct pdf_composer *p, int number)
{
    const struct pdf_document *document = p->document;
    struct text out;
    char date[INSTANT_TEXT_MAX]; /* 2026-01-05T14:30:22.123456Z */
    instant_write(document->created_at, date);
    text_init(&out, 8 << 20);
    text_put(&out, S("<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
                     "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF "
                     "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
                     "<rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" "
                     "xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\" "
                     "xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\" "
                     "xmlns:pdfuaid=\"http://www.aiim.org/pdfua/ns/id/\">\n"
                     "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>\n"
                     "<pdfuaid:part>1</pdfuaid:part>\n"));
    put_element(&out, "<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">", document->title,
                "</rdf:li></rdf:Alt></dc:title>\n");
    put_element(&out, "<dc:creator><rdf:Seq><rdf:li>", document->author, "</rdf:li></rdf:Seq></dc:creator>\n");
    put_element(&out, "<dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">", document->subject,
                "</rdf:li></rdf:Alt></dc:description>\n");
    put_element(&out, "<dc:language><rdf:Bag><rdf:li>", document->language, "</rdf:li></rdf:Bag></dc:language>\n");
    text_format(&out,
                "<xmp:CreateDate>%.19sZ</xmp:CreateDate><xmp:ModifyDate>%.19sZ</xmp:ModifyDate>\n"
                "<xmp:CreatorTool>%s</xmp:CreatorTool><pdf:Producer>%s</pdf:Producer></rdf:Description>\n",
                date, date, producer, producer);
    text_put(&out, str_from(ua_schema));
    text_put(&out, S("</rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>"));
    pdf_writer_stream(&p->writer, number, S("/Type /Metadata /Subtype /XML"), text_str(&out), false);
    text_release(&out);
}

static bool write_profile(struct pdf_composer *p, int number)
{
    struct str profile;
    struct error error = { 0 };
    if (!file_read_whole(profile_path, 1 << 20, &p->c->arena, &profile, &error) || profile.len < 128 ||
        memcmp(profile.at + 16, "RGB ", 4) != 0) {
        p->c->error.is_ours = true;
        return fail(p->c, E_UNAVAILABLE,
                    "the colour profile %s is not there, without which no PDF can be made: install Debian's package "
                    "icc-profiles-free",
                    profile_path);
    }
    pdf_writer_stream(&p->writer, number, S("/N 3"), profile, true);
    return true;
}

/* ISO 32000-1 7.11.4, PDF/A-3 6.8; the number of its file specification. */
static int write_attachment(struct pdf_composer *p, const struct pdf_attachment *attachment)
{
    static const char *const relationships[] = { "Source", "Data", "Alternative", "Supplement" };
    struct pdf_writer *writer = &p->writer;
    int specification = pdf_writer_number(writer), file = pdf_writer_number(writer);
    struct str date = pdf_date(p->document->created_at.us, &p->c->arena);
    struct text entries;
    text_init(&entries, 4096);
    text_put(&entries, S("/Type /EmbeddedFile /Subtype "));
    pdf_put_name(&entries, attachment->media_type);
    text_format(&entries, " /Params << /Size %td /CreationDate (%.*s) /ModDate (%.*s) >>", attachment->bytes.len,
                STR_FMT(date), STR_FMT(date));
    pdf_writer_stream(writer, file, text_str(&entries), attachment->bytes, true);
    text_release(&entries);
    struct text *out = pdf_writer_begin(writer, specification);
    text_put(out, S("<< /Type /Filespec /F "));
    pdf_put_text_string(out, attachment->name);
    text_put(out, S(" /UF "));
    pdf_put_text_string(out, attachment->name);
    text_put(out, S(" /Desc "));
    pdf_put_text_string(out, attachment->description);
    text_format(out, " /AFRelationship /%s /EF << /F %d 0 R /UF %d 0 R >> >>", relationships[attachment->relationship],
                file, file);
    pdf_writer_end(writer);
    return specification;
}

/* A name tree is in the order of its keys (7.9.6); UTF-16 in the order of its bytes. */
static int by_name(const void *a, const void *b)
{
    const struct pdf_attachment *first = *(const struct pdf_attachment *const *)a;
    const struct pdf_attachment *second = *(const struct pdf_attachment *const *)b;
    return str_compare(first->name, second->name);
}

static void put_attachments(struct pdf_composer *p, struct text *out)
{
    int count = p->document->attachment_count;
    const struct pdf_attachment *sorted[PDF_ATTACHMENTS_MAX];
    int numbers[PDF_ATTACHMENTS_MAX];
    for (int i = 0; i < count; i++)
        sorted[i] = &p->document->attachments[i];
    if (count == 0)
        return;
    qsort(sorted, (size_t)count, sizeof *sorted, by_name);
    text_put(out, S(" /AF ["));
    for (int i = 0; i < count; i++) {
        numbers[i] = write_attachment(p, sorted[i]);
        text_format(out, "%d 0 R ", numbers[i]);
    }
    text_put(out, S("] /Names << /EmbeddedFiles << /Names ["));
    for (int i = 0; i < count; i++) {
        pdf_put_text_string(out, sorted[i]->name);
        text_format(out, " %d 0 R ", numbers[i]);
    }
    text_put(out, S("] >> >>"));
}

static void put_info(struct text *out, const char *key, struct str text)
{
    if (text.len == 0)
        return;
    text_format(out, "/%s ", key);
    pdf_put_text_string(out, text);
    text_put_char(out, ' ');
}

static void write_info(struct pdf_composer *p, int number)
{
    struct str date = pdf_date(p->document->created_at.us, &p->c->arena);
    struct text *out = pdf_writer_begin(&p->writer, number);
    text_put(out, S("<< "));
    put_info(out, "Title", p->document->title);
    put_info(out, "Author", p->document->author);
    put_info(out, "Subject", p->document->subject);
    text_format(out, "/Creator (%s) /Producer (%s) /CreationDate (%.*s) /ModDate (%.*s) >>", producer, producer,
                STR_FMT(date), STR_FMT(date));
    pdf_writer_end(&p->writer);
}

bool pdf_catalog_write(struct pdf_composer *p, int catalog, int pages, int structure)
{
    struct pdf_writer *writer = &p->writer;
    int metadata = pdf_writer_number(writer), profile = pdf_writer_number(writer), info = pdf_writer_number(writer);
    struct text attachments;
    if (!write_profile(p, profile))
        return false;
    write_metadata(p, metadata);
    write_info(p, info);
    text_init(&attachments, 1 << 20);
    put_attachments(p, &attachments);
    struct text *out = pdf_writer_begin(writer, catalog);
    text_format(
        out,
        "<< /Type /Catalog /Pages %d 0 R /StructTreeRoot %d 0 R /Metadata %d 0 R /MarkInfo << /Marked true >> "
        "/ViewerPreferences << /DisplayDocTitle true >> /OutputIntents [<< /Type /OutputIntent /S /GTS_PDFA1 "
        "/OutputConditionIdentifier (sRGB IEC61966-2.1) /Info (sRGB IEC61966-2.1) /DestOutputProfile %d 0 R >>] "
        "/Lang ",
        pages, structure, metadata, profile);
    pdf_put_text_string(out, p->document->language);
    text_put(out, text_str(&attachments));
    text_put(out, S(" >>"));
    pdf_writer_end(writer);
    text_release(&attachments);
    unsigned char digest[SHA256_BYTES];
    crypto_sha256(text_str(&writer->out), digest);
    struct str id = crypto_hex(digest, 16, &p->c->arena);
    pdf_writer_finish(writer, arena_format(&p->c->arena, "/Root %d 0 R /Info %d 0 R /ID [<%.*s> <%.*s>]", catalog, info,
                                           STR_FMT(id), STR_FMT(id)));
    return true;
}
