/* report_docx.c - a report as a document for word processors: Office Open XML (ECMA-376, ISO/IEC 29500), transitional.
 *
 *   [Content_Types].xml, _rels/.rels    what is in it, and where it begins
 *   word/document.xml                   title, facts, sections, words added, what came from AI models
 *   word/styles.xml                     Title, Heading 1 and Normal, and the language
 *   word/header1.xml, footer1.xml       on each page: the patient; the hospital, how it stands, which report, the page
 *   docProps/core.xml                   title, author, and when the version was made: nothing of the clock
 */
#include "reports/report_out.h"

#include "parcel/zip_stream.h"
#include "reports/report_parts.h"
#include "reports/report_subject.h"
#include "reports/template.h"
#include "site/app.h"

enum { PART_BYTES_MAX = 16 * CONTENT_BYTES_MAX };

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define OPC "http://schemas.openxmlformats.org/package/2006/"
#define OFFICE "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define WORD_TYPE "application/vnd.openxmlformats-officedocument.wordprocessingml."
#define WORD_NAMES "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" xmlns:r=\"" OFFICE "\""

struct docx {
    struct call *c;
    const struct report *report;
    const struct report_version *version;
    json_t *subject;
    bool is_signed, is_changed, is_chinese;
    struct str standing; /* DRAFT, FINAL, SUPERSEDED ... */
    enum pdf_page page;
    struct text part;
    struct zip_stream *zip;
};

static struct str say(const struct docx *d, const char *zh, const char *en)
{
    return str_from(d->is_chinese ? zh : en);
}

static struct str told(const struct docx *d, const char *part, const char *name)
{
    return report_subject_text(d->c, d->subject, part, name);
}

/* ---- XML ---- */

static void put(struct docx *d, const char *markup)
{
    text_put(&d->part, str_from(markup));
}

/* What XML 1.0 has no character for is U+FFFD; marks that turn the direction of text are left out, as in the PDF. */
static void put_point(struct docx *d, uint32_t point, struct str bytes)
{
    const char *entity = point == '<' ? "&lt;" : point == '>' ? "&gt;" : point == '&' ? "&amp;" : NULL;
    bool is_shown = point == '\t' || (point >= 0x20 && (point < 0x7F || point >= 0xA0) && (point & 0xFFFE) != 0xFFFE);
    if (point_turns_direction(point))
        return;
    if (entity)
        put(d, entity);
    else if (!is_shown || point == 0xFFFD)
        put(d, "\xEF\xBF\xBD");
    else
        text_put(&d->part, bytes);
}

static void put_text(struct docx *d, struct str text)
{
    while (text.len) {
        struct str rest = text;
        uint32_t point = str_next_code_point(&rest);
        put_point(d, point, (struct str){ text.at, text.len - rest.len });
        text = rest;
    }
}

/* A run; a line feed ends a line, not the paragraph. */
static void put_run(struct docx *d, struct str text, bool strong)
{
    struct str line;
    bool first = true;
    put(d, strong ? "<w:r><w:rPr><w:b/></w:rPr>" : "<w:r>");
    for (; str_next(&text, '\n', &line); first = false) {
        if (line.len && line.at[line.len - 1] == '\r')
            line.len--;
        if (!first)
            put(d, "<w:br/>");
        if (!line.len)
            continue; /* else many line ends have no room */
        put(d, "<w:t xml:space=\"preserve\">");
        put_text(d, line);
        put(d, "</w:t>");
    }
    put(d, "</w:r>");
}

static void put_paragraph(struct docx *d, const char *style, struct str text)
{
    text_format(&d->part, "<w:p><w:pPr><w:pStyle w:val=\"%s\"/></w:pPr>", style);
    put_run(d, text, false);
    put(d, "</w:p>\n");
}

/* ---- what it says ---- */

static void put_fact(struct docx *d, struct str label, struct str value)
{
    if (!value.len)
        return;
    put(d, "<w:tr><w:tc><w:tcPr><w:tcW w:w=\"2400\" w:type=\"dxa\"/></w:tcPr><w:p>");
    put_run(d, label, true);
    put(d, "</w:p></w:tc><w:tc><w:tcPr><w:tcW w:w=\"6600\" w:type=\"dxa\"/></w:tcPr><w:p>");
    put_run(d, value, false);
    put(d, "</w:p></w:tc></w:tr>\n");
}

/* As the pages say it, and of the same alone. */
static void put_signer(struct docx *d)
{
    struct str said = told(d, "signature", "signed_at");
    struct instant at;
    if (!d->is_signed || d->is_changed)
        return;
    put_fact(d, say(d, "签署人", "Signed by"), told(d, "signature", "signer"));
    put_fact(d, say(d, "身份", "As"), report_meaning_word(d->is_chinese, told(d, "signature", "meaning")));
    put_fact(d, say(d, "签署时间", "Signed at"), instant_parse(said, &at) ? report_moment(&d->c->arena, at) : said);
}

static void put_facts(struct docx *d)
{
    put(d, "<w:tbl><w:tblPr><w:tblW w:w=\"9000\" w:type=\"dxa\"/><w:tblLayout w:type=\"fixed\"/></w:tblPr><w:tblGrid>"
           "<w:gridCol w:w=\"2400\"/><w:gridCol w:w=\"6600\"/></w:tblGrid>\n");
    put_fact(d, say(d, "姓名", "Name"), told(d, "patient", "name"));
    put_fact(d, say(d, "患者编号", "Patient ID"), told(d, "patient", "patient_id"));
    put_fact(d, say(d, "出生日期", "Date of birth"), told(d, "patient", "birth_date"));
    put_fact(d, say(d, "检查日期", "Study date"), told(d, "study", "study_date"));
    put_fact(d, say(d, "检查类型", "Modality"), told(d, "study", "modality"));
    put_fact(d, say(d, "部位", "Body part"), told(d, "study", "body_part"));
    put_fact(d, say(d, "检查号", "Accession no."), told(d, "study", "accession_number"));
    put_fact(d, say(d, "报告医生", "Author"), d->is_signed ? told(d, "people", "author") : d->version->author_name);
    put_fact(d, say(d, "状态", "Status"), d->standing);
    put_signer(d);
    put(d, "</w:tbl>\n<w:p/>\n"); /* no body ends with a table */
}

static bool put_sections(struct docx *d)
{
    struct content_form form;
    struct list addenda;
    const struct report_content *content = &d->version->content;
    if (!content_form_of(d->c, content, &form) || !content_addenda(d->c, content, &addenda))
        return false;
    for (int i = 0; i < form.count; i++) {
        const struct section_row *row = &form.sections[i];
        struct str text = content_section(d->c, content, row->name);
        if (!text.len)
            continue;
        put_paragraph(d, "Heading1", template_word(content->language, row->title_en, row->title_zh));
        put_paragraph(d, "Normal", text);
    }
    for (ptrdiff_t i = 0; i < addenda.count; i++) {
        const struct content_addendum *one = (const struct content_addendum *)addenda.items + i;
        put_paragraph(d, "Heading1",
                      arena_format(&d->c->arena, "%.*s %.*s %.*s", STR_FMT(say(d, "补充报告", "Addendum")),
                                   STR_FMT(one->author_name), STR_FMT(report_moment(&d->c->arena, one->added_at))));
        put_paragraph(d, "Normal", one->text);
    }
    return true;
}

/* What is not the author's own word is told apart. */
static bool put_models(struct docx *d)
{
    struct list sources;
    bool first = true;
    if (!report_standing_sources(d->c, &d->version->content, &sources))
        return false;
    for (ptrdiff_t i = 0; i < sources.count; i++) {
        const struct content_source *one = (const struct content_source *)sources.items + i;
        if (one->kind != FROM_DIAGNOSIS)
            continue;
        if (first)
            put_paragraph(d, "Heading1",
                          say(d, "由 AI 模型提示，已由医生确认", "Suggested by AI models, confirmed by a reader"));
        first = false;
        put_paragraph(d, "Normal",
                      one->detail.len
                          ? arena_format(&d->c->arena, "%.*s (%.*s)", STR_FMT(one->text), STR_FMT(one->detail))
                          : one->text);
    }
    return true;
}

static struct str title_of(const struct docx *d)
{
    struct str title = d->version->content.title;
    return title.len ? title : say(d, "影像诊断报告", "Diagnostic imaging report");
}

static bool put_document(struct docx *d)
{
    bool is_letter = d->page == PDF_LETTER;
    put(d, XML_HEAD "<w:document " WORD_NAMES "><w:body>\n");
    put_paragraph(d, "Title", title_of(d));
    put_facts(d);
    if (!put_sections(d) || !put_models(d))
        return false;
    text_format(&d->part,
                "<w:sectPr><w:headerReference w:type=\"default\" r:id=\"rId2\"/><w:footerReference w:type=\"default\" "
                "r:id=\"rId3\"/><w:pgSz w:w=\"%d\" w:h=\"%d\"/><w:pgMar w:top=\"1440\" w:right=\"1440\" "
                "w:bottom=\"1440\" w:left=\"1440\" w:header=\"720\" w:footer=\"720\" w:gutter=\"0\"/></w:sectPr>"
                "</w:body></w:document>\n",
                is_letter ? 12240 : 11906, is_letter ? 15840 : 16838);
    return true;
}

/* ---- on each page ---- */

static void put_header(struct docx *d)
{
    put(d, XML_HEAD "<w:hdr " WORD_NAMES "><w:p>");
    put_run(d,
            arena_format(&d->c->arena, "%.*s  %.*s", STR_FMT(told(d, "patient", "name")),
                         STR_FMT(told(d, "patient", "patient_id"))),
            false);
    put(d, "</w:p></w:hdr>\n");
}

static void put_footer(struct docx *d)
{
    struct str house = d->c->app->config.hospital_name;
    put(d, XML_HEAD "<w:ftr " WORD_NAMES "><w:p>");
    put_run(d,
            arena_format(&d->c->arena, "%.*s%s%.*s  %.*s %" PRId64 "  ", STR_FMT(house), house.len ? "  " : "",
                         STR_FMT(d->standing), STR_FMT(d->report->report_uuid), d->version->version),
            false);
    put(d, "<w:fldSimple w:instr=\" PAGE \"><w:r><w:t>1</w:t></w:r></w:fldSimple></w:p><w:p>");
    put_run(d,
            say(d, "本文件可被编辑，不带签名；以签署的 PDF 为准",
                "This file can be edited and carries no signature: what counts is the signed PDF"),
            false);
    put(d, "</w:p></w:ftr>\n");
}

/* ---- what is the same in all ---- */

static void put_types(struct docx *d)
{
    put(d,
        XML_HEAD "<Types xmlns=\"" OPC "content-types\"><Default Extension=\"rels\" "
                 "ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" "
                 "ContentType=\"application/xml\"/><Override PartName=\"/word/document.xml\" ContentType=\"" WORD_TYPE
                 "document.main+xml\"/><Override PartName=\"/word/styles.xml\" ContentType=\"" WORD_TYPE
                 "styles+xml\"/><Override PartName=\"/word/header1.xml\" ContentType=\"" WORD_TYPE
                 "header+xml\"/><Override PartName=\"/word/footer1.xml\" ContentType=\"" WORD_TYPE
                 "footer+xml\"/><Override PartName=\"/docProps/core.xml\" "
                 "ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/></Types>\n");
}

static void put_beginning(struct docx *d)
{
    put(d, XML_HEAD "<Relationships xmlns=\"" OPC "relationships\"><Relationship Id=\"rId1\" Type=\"" OFFICE
                    "/officeDocument\" Target=\"word/document.xml\"/><Relationship Id=\"rId2\" Type=\"" OPC
                    "relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/></Relationships>\n");
}

static void put_relations(struct docx *d)
{
    put(d, XML_HEAD "<Relationships xmlns=\"" OPC "relationships\"><Relationship Id=\"rId1\" Type=\"" OFFICE
                    "/styles\" Target=\"styles.xml\"/><Relationship Id=\"rId2\" Type=\"" OFFICE
                    "/header\" Target=\"header1.xml\"/><Relationship Id=\"rId3\" Type=\"" OFFICE
                    "/footer\" Target=\"footer1.xml\"/></Relationships>\n");
}

static void put_styles(struct docx *d)
{
    text_format(&d->part,
                XML_HEAD
                "<w:styles " WORD_NAMES "><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii=\"Arial\" "
                "w:eastAsia=\"SimSun\" w:hAnsi=\"Arial\" w:cs=\"Arial\"/><w:sz w:val=\"21\"/><w:lang w:val=\"%s\" "
                "w:eastAsia=\"zh-CN\"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after=\"120\"/></w:pPr>"
                "</w:pPrDefault></w:docDefaults>\n<w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\">"
                "<w:name w:val=\"Normal\"/></w:style>\n<w:style w:type=\"paragraph\" w:styleId=\"Title\"><w:name "
                "w:val=\"Title\"/><w:basedOn w:val=\"Normal\"/><w:rPr><w:b/><w:sz w:val=\"36\"/></w:rPr></w:style>\n"
                "<w:style w:type=\"paragraph\" w:styleId=\"Heading1\"><w:name w:val=\"heading 1\"/><w:basedOn "
                "w:val=\"Normal\"/><w:pPr><w:keepNext/><w:spacing w:before=\"240\"/><w:outlineLvl w:val=\"0\"/></w:pPr>"
                "<w:rPr><w:b/><w:sz w:val=\"26\"/></w:rPr></w:style></w:styles>\n",
                d->is_chinese ? "zh-CN" : "en-US");
}

static void put_properties(struct docx *d)
{
    char when[INSTANT_TEXT_MAX];
    instant_write(d->version->created_at, when);
    put(d, XML_HEAD "<cp:coreProperties xmlns:cp=\"" OPC
                    "metadata/core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" "
                    "xmlns:dcterms=\"http://purl.org/dc/terms/\" "
                    "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>");
    put_text(d, title_of(d));
    put(d, "</dc:title><dc:creator>");
    put_text(d, d->version->author_name);
    text_format(&d->part,
                "</dc:creator><dcterms:created xsi:type=\"dcterms:W3CDTF\">%.19sZ</dcterms:created>"
                "</cp:coreProperties>\n",
                when);
}

/* ---- the whole ---- */

static void keep_part(struct docx *d, const char *name)
{
    zip_stream_add_bytes(d->zip, str_from(name), text_str(&d->part));
    if (!d->part.overflowed)
        text_clear(&d->part);
}

static bool put_parts(struct docx *d)
{
    put_types(d);
    keep_part(d, "[Content_Types].xml");
    put_beginning(d);
    keep_part(d, "_rels/.rels");
    if (!put_document(d))
        return false;
    keep_part(d, "word/document.xml");
    put_relations(d);
    keep_part(d, "word/_rels/document.xml.rels");
    put_styles(d);
    keep_part(d, "word/styles.xml");
    put_header(d);
    keep_part(d, "word/header1.xml");
    put_footer(d);
    keep_part(d, "word/footer1.xml");
    put_properties(d);
    keep_part(d, "docProps/core.xml");
    return !d->part.overflowed || fail(d->c, E_TOO_LARGE, "the report has too much text");
}

static bool pack(struct docx *d, struct str *out)
{
    ptrdiff_t length = (ptrdiff_t)zip_stream_length(d->zip), n;
    char *bytes = arena_alloc(&d->c->arena, length);
    for (ptrdiff_t done = 0; done < length; done += n)
        if ((n = zip_stream_read(d->zip, done, bytes + done, length - done)) <= 0)
            return fail(d->c, E_INTERNAL, "the document cannot be made");
    *out = (struct str){ bytes, length };
    return true;
}

static bool make(struct docx *d, struct str *out)
{
    text_init(&d->part, PART_BYTES_MAX);
    d->zip = zip_stream_new(d->version->created_at);
    bool ok = put_parts(d) && pack(d, out);
    zip_stream_free(d->zip);
    text_release(&d->part);
    return ok;
}

bool report_docx(struct call *c, int64_t id, int64_t version, enum pdf_page page, struct str *out)
{
    struct report report;
    struct report_version shown;
    struct str envelope;
    if (!report_may_be_given_out(c) || !report_load(c, id, &report) ||
        !report_version_load(c, id, version > 0 ? version : report.version, &shown))
        return false;
    struct docx d = { .c = c, .report = &report, .version = &shown, .page = page };
    d.is_chinese = str_starts(shown.content.language, S("zh"));
    d.subject = report_subject_load(c, &report, &shown, &envelope);
    if (!d.subject)
        return false;
    d.is_signed = envelope.at != NULL;
    enum found same = d.is_signed ? report_holds(c, &report, &shown, d.subject) : FOUND;
    d.is_changed = same == NONE;
    d.standing = report_watermark(&report, &shown, d.is_signed, d.is_changed);
    if (!d.standing.len)
        d.standing = choice_text(report_statuses, shown.status);
    bool ok = same != FAILED && make(&d, out);
    json_decref(d.subject);
    return ok;
}
