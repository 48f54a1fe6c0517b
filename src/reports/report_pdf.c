/* report_pdf.c - what goes onto the pages of a report. */
#include "reports/report_pdf.h"

#include "diagnosis/heat_map.h"
#include "diagnosis/prepare.h"
#include "imaging/picture_query.h"
#include "reports/report_marks.h"
#include "reports/report_parts.h"
#include "reports/report_public.h"
#include "reports/report_subject.h"
#include "reports/template.h"
#include "site/app.h"
#include "base/zone.h"

#include <assert.h>

enum {
    BLOCKS_MAX = 2 * TEMPLATE_SECTIONS_MAX + CONTENT_IMAGES_MAX + 2 * CONTENT_ADDENDA_MAX + 20,
    FACTS_MAX = 16,
    FIGURE_SIDE = 1024,    /* pixels */
    ALT_BESIDE_MAX = 2000, /* bytes of an alternative text beside the names of what is drawn */
};
#define FIGURE_MM 80.0

struct paper {
    struct call *c;
    const struct report *report;
    struct report_version version;
    json_t *subject;              /* what is, or would be, signed (report_subject.h) */
    struct str envelope, address; /* what was signed; where the code on the pages leads */
    bool is_signed, is_chinese;
    bool is_changed; /* the record does not say what was signed */
    int missing;     /* key images that are not shown */
    struct pdf_block blocks[BLOCKS_MAX];
    int block_count;
    struct pdf_fact facts[FACTS_MAX];
    int fact_count;
};

static struct str say(const struct paper *p, const char *zh, const char *en)
{
    return str_from(p->is_chinese ? zh : en);
}

static void add(struct paper *p, struct pdf_block block)
{
    assert(p->block_count < BLOCKS_MAX); /* what content.h admits makes fewer */
    p->blocks[p->block_count++] = block;
}

static void add_heading(struct paper *p, struct str text)
{
    add(p, (struct pdf_block){ .kind = PDF_HEADING, .level = 1, .text = text });
}

static void add_fact(struct paper *p, struct str label, struct str value)
{
    if (value.len && p->fact_count < FACTS_MAX)
        p->facts[p->fact_count++] = (struct pdf_fact){ label, value };
}

static struct str told(const struct paper *p, const char *part, const char *name)
{
    return report_subject_text(p->c, p->subject, part, name);
}

/* ---- whom and what it is about ---- */

static struct str gender(const struct paper *p)
{
    struct str code = told(p, "patient", "gender");
    return str_equal(code, S("MALE"))     ? say(p, "男", "male")
           : str_equal(code, S("FEMALE")) ? say(p, "女", "female")
           : str_equal(code, S("OTHER"))  ? say(p, "其他", "other")
                                          : STR_NULL;
}

struct str report_moment(struct arena *arena, struct instant at)
{
    char text[INSTANT_TEXT_MAX];
    if (instant_is_null(at))
        return STR_NULL;
    struct instant shown = zone_shown(at);
    int minutes = (int)((shown.us - at.us) / 60000000);
    instant_write(shown, text);
    return arena_format(arena, "%.10s %.8s UTC%c%02d:%02d", text, text + 11, minutes < 0 ? '-' : '+', abs(minutes) / 60,
                        abs(minutes) % 60);
}

static void tell_facts(struct paper *p)
{
    add_fact(p, say(p, "姓名", "Name"), told(p, "patient", "name"));
    add_fact(p, say(p, "患者编号", "Patient ID"), told(p, "patient", "patient_id"));
    add_fact(p, say(p, "性别", "Sex"), gender(p));
    add_fact(p, say(p, "出生日期", "Date of birth"), told(p, "patient", "birth_date"));
    add_fact(p, say(p, "检查日期", "Study date"), told(p, "study", "study_date"));
    add_fact(p, say(p, "检查类型", "Modality"), told(p, "study", "modality"));
    add_fact(p, say(p, "部位", "Body part"), told(p, "study", "body_part"));
    add_fact(p, say(p, "检查号", "Accession no."), told(p, "study", "accession_number"));
    add_fact(p, say(p, "报告医生", "Author"), p->is_signed ? told(p, "people", "author") : p->version.author_name);
    add_fact(p, say(p, "审核医生", "Reviewer"), told(p, "people", "reviewer"));
    add_fact(p, say(p, "版本", "Version"), arena_format(&p->c->arena, "%" PRId64, p->version.version));
}

/* ---- what it says ---- */

static bool tell_sections(struct paper *p)
{
    struct content_form form;
    if (!content_form_of(p->c, &p->version.content, &form))
        return false;
    for (int i = 0; i < form.count; i++) {
        const struct section_row *row = &form.sections[i];
        struct str text = content_section(p->c, &p->version.content, row->name);
        if (!text.len)
            continue;
        add_heading(p, template_word(p->version.content.language, row->title_en, row->title_zh));
        add(p, (struct pdf_block){ .kind = PDF_PARAGRAPH, .text = text });
    }
    return true;
}

static bool tell_addenda(struct paper *p)
{
    struct list addenda;
    if (!content_addenda(p->c, &p->version.content, &addenda))
        return false;
    for (ptrdiff_t i = 0; i < addenda.count; i++) {
        const struct content_addendum *one = (const struct content_addendum *)addenda.items + i;
        add_heading(p, arena_format(&p->c->arena, "%.*s %.*s %.*s", STR_FMT(say(p, "补充报告", "Addendum")),
                                    STR_FMT(one->author_name), STR_FMT(report_moment(&p->c->arena, one->added_at))));
        add(p, (struct pdf_block){ .kind = PDF_PARAGRAPH, .text = one->text });
    }
    return true;
}

/* What is not the author's own word stands in a box. */
static bool tell_models(struct paper *p)
{
    struct list sources;
    struct call *c = p->c;
    int count = 0;
    if (!report_standing_sources(c, &p->version.content, &sources))
        return false;
    struct str *items = arena_alloc(&c->arena, (sources.count + 1) * (ptrdiff_t)sizeof(*items));
    for (ptrdiff_t i = 0; i < sources.count; i++) {
        const struct content_source *one = (const struct content_source *)sources.items + i;
        if (one->kind == FROM_DIAGNOSIS)
            items[count++] = one->detail.len
                                 ? arena_format(&c->arena, "%.*s (%.*s)", STR_FMT(one->text), STR_FMT(one->detail))
                                 : one->text;
    }
    if (!count)
        return true;
    struct pdf_block *list = arena_new(&c->arena, struct pdf_block);
    *list = (struct pdf_block){ .kind = PDF_LIST, .items = items, .count = count };
    add(p, (struct pdf_block){
               .kind = PDF_BOX,
               .text = say(p, "由 AI 模型提示，已由医生确认", "Suggested by AI models, confirmed by a reader"),
               .blocks = list,
               .count = 1 });
    return true;
}

/* ---- images ---- */

static bool draw(struct call *c, const struct key_image *key, struct image_file *file, struct canvas *out)
{
    struct image image;
    struct picture_query query;
    struct film film;
    if (!image_file_load(c, key->image_file_id, file) || !image_open(c, file, &image))
        return false;
    picture_query_default(&query);
    query.frame = key->frame;
    query.width = query.height = FIGURE_SIDE;
    bool ok = film_of_query(c, &image, &query, &film) && canvas_of_film(c, &film, out);
    return image_close(c, &image) && ok;
}

/* Words behind a caption: "Image 1: talus (3 more annotations are not drawn)". */
static struct str with_remark(struct call *c, struct str caption, struct str remark)
{
    return remark.len ? arena_format(&c->arena, "%.*s (%.*s)", STR_FMT(caption), STR_FMT(remark)) : caption;
}

static bool add_picture(struct paper *p, const struct key_image *key, const struct image_file *file,
                        const struct canvas *canvas, struct str caption)
{
    struct call *c = p->c;
    struct str bytes = { (const char *)canvas->at, canvas->width * canvas->height * 3 }, alt = caption;
    struct report_marks marks;
    struct report_marks_wish wish = { p->is_signed ? p->subject : NULL, file, key->frame, p->is_chinese };
    if (!report_marks_load(c, &wish, &marks))
        return false;
    if (marks.words.len)
        alt = arena_format(&c->arena, "%.*s. %.*s: %.*s", STR_FMT(caption), STR_FMT(say(p, "标注", "Annotations")),
                           STR_FMT(str_at_most(marks.words, PDF_PART_BYTES_MAX - ALT_BESIDE_MAX)));
    add(p, (struct pdf_block){ .kind = PDF_FIGURE,
                               .image = { PDF_RGB, bytes, (int)canvas->width, (int)canvas->height },
                               .width_mm = FIGURE_MM,
                               .marks = marks.marks,
                               .count = marks.count,
                               .alt = alt,
                               .text = with_remark(c, caption, marks.remark) });
    return true;
}

/* What stands in the way of showing an image is no reason to show no report; what may pass is. */
static bool add_figure(struct paper *p, const struct key_image *key, ptrdiff_t number)
{
    struct call *c = p->c;
    struct image_file file;
    struct canvas canvas;
    struct str caption = arena_format(&c->arena, "%.*s %td%s%.*s", STR_FMT(say(p, "图", "Image")), number,
                                      key->caption.len ? ": " : "", STR_FMT(key->caption));
    if (draw(c, key, &file, &canvas))
        return add_picture(p, key, &file, &canvas, caption);
    if (c->error.code != E_NOT_FOUND && c->error.code != E_INVALID && c->error.code != E_UNSUPPORTED_TYPE &&
        c->error.code != E_CONFLICT)
        return false;
    p->missing += c->error.code == E_NOT_FOUND || c->error.code == E_CONFLICT; /* else nobody can see it */
    error_clear(&c->error);
    add(p, (struct pdf_block){
               .kind = PDF_PARAGRAPH,
               .text = with_remark(c, caption, say(p, "此处不能显示该图像", "this image cannot be shown here")) });
    return true;
}

static bool tell_images(struct paper *p)
{
    struct list images;
    if (!content_images(p->c, &p->version.content, &images))
        return false;
    if (images.count)
        add_heading(p, say(p, "关键图像", "Key images"));
    for (ptrdiff_t i = 0; i < images.count; i++)
        if (!add_figure(p, (const struct key_image *)images.items + i, i + 1))
            return false;
    return true;
}

/* ---- who signed ---- */

struct str report_meaning_word(bool is_chinese, struct str meaning)
{
    if (str_equal(meaning, S("AUTHOR")))
        return str_from(is_chinese ? "报告医生" : "author");
    if (str_equal(meaning, S("REVIEWER")))
        return str_from(is_chinese ? "审核医生" : "reviewer");
    return str_from(is_chinese ? "批准医生" : "approver");
}

static void tell_signature(struct paper *p)
{
    struct call *c = p->c;
    struct pdf_fact *facts = arena_alloc(&c->arena, 4 * (ptrdiff_t)sizeof(*facts));
    struct str meaning = told(p, "signature", "meaning"), said = told(p, "signature", "signed_at");
    struct instant at;
    int count = 0;
    if (!p->is_signed || p->is_changed)
        return;
    facts[count++] = (struct pdf_fact){ say(p, "签署人", "Signed by"), told(p, "signature", "signer") };
    facts[count++] = (struct pdf_fact){ say(p, "身份", "As"), report_meaning_word(p->is_chinese, meaning) };
    facts[count++] = (struct pdf_fact){ say(p, "时间（服务器时钟）", "At (the server's clock)"),
                                        instant_parse(said, &at) ? report_moment(&p->c->arena, at) : said };
    add(p,
        (struct pdf_block){ .kind = PDF_SIGNATURE,
                            .text = say(p, "电子签名：签名附于本文件，可离线校验",
                                        "Signed electronically: the signature is attached, and can be checked offline"),
                            .facts = facts,
                            .count = count });
}

struct str report_watermark(const struct report *report, const struct report_version *version, bool is_signed,
                            bool is_changed)
{
    bool is_chinese = str_starts(version->content.language, S("zh"));
    const char *words;
    if (is_changed)
        words = is_chinese ? "与签署内容不符" : "NOT WHAT WAS SIGNED";
    else if (report->status == REPORT_ENTERED_IN_ERROR)
        words = is_chinese ? "作废" : "ENTERED IN ERROR";
    else if (is_signed && version->version == report->signed_version)
        return STR_NULL;
    else if (is_signed)
        words = is_chinese ? "已被取代" : "SUPERSEDED";
    else if (version->status == REPORT_CANCELLED || report->status == REPORT_CANCELLED)
        words = is_chinese ? "已取消" : "CANCELLED";
    else if (version->version == report->version && report->status != REPORT_DRAFT)
        words = is_chinese ? "初步报告" : "PRELIMINARY";
    else
        words = is_chinese ? "草稿" : "DRAFT";
    return str_from(words);
}

/* ---- the whole ---- */

static bool make(struct paper *p, enum pdf_page page, struct str *out)
{
    struct call *c = p->c;
    const struct report_content *content = &p->version.content;
    struct str hospital = c->app->config.hospital_name, title = content->title;
    struct pdf_attachment attachments[] = {
        { S(REPORT_ATTACHMENT), S("application/json"), say(p, "签署的内容及签名", "What was signed, and its signature"),
          PDF_DATA, p->envelope },
        { S(REPORT_FHIR_ATTACHMENT), S("application/fhir+json"), say(p, "FHIR R4 格式的报告", "The report as FHIR R4"),
          PDF_ALTERNATIVE, STR_NULL },
    };
    if (p->is_signed && !report_bundle(c, p->report, &p->version, STR_NULL, &attachments[1].bytes))
        return false;
    tell_facts(p);
    if (!tell_sections(p) || !tell_addenda(p) || !tell_models(p) || !tell_images(p))
        return false;
    tell_signature(p);
    struct pdf_document document = {
        .title = title.len ? title : say(p, "影像诊断报告", "Diagnostic imaging report"),
        .author = p->is_signed ? told(p, "people", "author") : p->version.author_name,
        .language = content->language,
        .created_at = p->version.created_at,
        .page = page,
        .head = &hospital,
        .head_count = hospital.len > 0,
        .facts = p->facts,
        .fact_count = p->fact_count,
        .fact_columns = 2,
        .running_head = arena_format(&c->arena, "%.*s  %.*s", STR_FMT(told(p, "patient", "name")),
                                     STR_FMT(told(p, "patient", "patient_id"))),
        .footer = arena_format(&c->arena, "%.*s %" PRId64, STR_FMT(p->report->report_uuid), p->version.version),
        .page_words = say(p, "第 {page} 页，共 {pages} 页", "page {page} of {pages}"),
        .watermark = report_watermark(p->report, &p->version, p->is_signed, p->is_changed),
        .blocks = p->blocks,
        .block_count = p->block_count,
        .qr = p->address,
        .qr_alt = say(p, "校验本报告的网页地址", "The address of the page that checks this report"),
        .qr_caption = say(p, "扫码核对本报告现在是否有效", "Scan to see whether this report still counts"),
        .attachments = attachments,
        .attachment_count = p->is_signed ? 2 : 0,
    };
    db_release(c);
    return pdf_make(c, &document, out);
}

bool report_pages(struct call *c, const struct report *report, const struct report_version *version, enum pdf_page page,
                  struct report_pages *out)
{
    struct paper *p = arena_new(&c->arena, struct paper);
    *p = (struct paper){ .c = c, .report = report, .version = *version };
    p->is_chinese = str_starts(p->version.content.language, S("zh"));
    p->subject = report_subject_load(c, report, &p->version, &p->envelope);
    p->is_signed = p->envelope.at != NULL;
    enum found same = !p->subject || !p->is_signed ? FOUND : report_holds(c, report, &p->version, p->subject);
    p->is_changed = same == NONE;
    bool ok = p->subject && same != FAILED &&
              (!p->is_signed || report_public_address(c, report->id, version->version, &p->address)) &&
              make(p, page, &out->pdf);
    json_decref(p->subject);
    out->is_signed = p->is_signed;
    out->is_changed = p->is_changed;
    out->missing = p->missing;
    return ok;
}
