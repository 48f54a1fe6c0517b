/* report_text.c - a report as plain text. */
#include "reports/report_out.h"

#include "reports/report_parts.h"
#include "reports/report_subject.h"
#include "reports/template.h"

enum { TEXT_BYTES_MAX = 2 * CONTENT_BYTES_MAX };

struct writing {
    struct call *c;
    struct text *out;
    const struct report_version *version;
    const json_t *subject;
    bool is_chinese;
};

static void put_line(const struct writing *w, const char *zh, const char *en, struct str value)
{
    if (value.len)
        text_format(w->out, "%s: %.*s\n", w->is_chinese ? zh : en, STR_FMT(value));
}

static void put_told(const struct writing *w, const char *zh, const char *en, const char *part, const char *name)
{
    put_line(w, zh, en, report_subject_text(w->c, w->subject, part, name));
}

static void put_part(const struct writing *w, struct str heading, struct str text)
{
    text_format(w->out, "\n%.*s\n%.*s\n", STR_FMT(heading), STR_FMT(text));
}

static void put_head(const struct writing *w, const struct report *report)
{
    if (w->version->content.title.len)
        text_format(w->out, "%.*s\n", STR_FMT(w->version->content.title));
    put_told(w, "姓名", "Name", "patient", "name");
    put_told(w, "患者编号", "Patient ID", "patient", "patient_id");
    put_told(w, "出生日期", "Date of birth", "patient", "birth_date");
    put_told(w, "检查日期", "Study date", "study", "study_date");
    put_told(w, "检查类型", "Modality", "study", "modality");
    put_told(w, "检查号", "Accession no.", "study", "accession_number");
    put_line(w, "状态", "Status",
             choice_text(report_statuses, w->version->status == REPORT_DRAFT && w->version->version == report->version
                                              ? report->status
                                              : w->version->status));
}

static bool put_sections(const struct writing *w)
{
    struct content_form form;
    struct list addenda;
    const struct report_content *content = &w->version->content;
    if (!content_form_of(w->c, content, &form) || !content_addenda(w->c, content, &addenda))
        return false;
    for (int i = 0; i < form.count; i++) {
        const struct section_row *row = &form.sections[i];
        struct str text = content_section(w->c, content, row->name);
        if (text.len)
            put_part(w, template_word(content->language, row->title_en, row->title_zh), text);
    }
    for (ptrdiff_t i = 0; i < addenda.count; i++) {
        const struct content_addendum *one = (const struct content_addendum *)addenda.items + i;
        char when[INSTANT_TEXT_MAX];
        put_part(w,
                 arena_format(&w->c->arena, "%s %.*s %.*s", w->is_chinese ? "补充报告" : "Addendum",
                              STR_FMT(one->author_name), (int)instant_write(one->added_at, when), when),
                 one->text);
    }
    return true;
}

static void put_signature(const struct writing *w, bool is_signed)
{
    text_put_char(w->out, '\n');
    put_line(w, "报告医生", "Author", w->version->author_name);
    if (!is_signed)
        return;
    put_told(w, "签署人", "Signed by", "signature", "signer");
    put_told(w, "身份", "As", "signature", "meaning");
    put_told(w, "签署时间", "Signed at", "signature", "signed_at");
}

bool report_text_of(struct call *c, const struct report *report, const struct report_version *version, struct str *out)
{
    struct str envelope;
    struct text text;
    json_t *subject = report_subject_load(c, report, version, &envelope);
    if (!subject)
        return false;
    text_init(&text, TEXT_BYTES_MAX);
    struct writing w = { c, &text, version, subject, str_starts(version->content.language, S("zh")) };
    put_head(&w, report);
    bool ok = put_sections(&w);
    put_signature(&w, envelope.at != NULL);
    ok = ok && (!text.overflowed || fail(c, E_TOO_LARGE, "the report has too much text"));
    *out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    json_decref(subject);
    return ok;
}

bool report_text(struct call *c, int64_t id, int64_t version, struct str *out)
{
    struct report report;
    struct report_version shown;
    return report_may_be_given_out(c) && report_load(c, id, &report) &&
           report_version_load(c, id, version > 0 ? version : report.version, &shown) &&
           report_text_of(c, &report, &shown, out);
}
