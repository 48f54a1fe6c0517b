/* report_public.c - the page behind the code on a report's pages: does it still count? */
#include "reports/report_public.h"
#include "base/crypto.h"
#include "base/names.h"
#include "kv/rate.h"
#include "reports/template.h"
#include "schema/json.h"
#include "web/exchange.h"

struct public_query {
    struct str token;
    unsigned lang; /* 0: not said */
};
static const struct field query_fields[] = {
    FIELD(struct public_query, token, .flags = READ_ONLY, .min = 1, .max = 4096, .doc = "As the code says it."),
    FIELD(struct public_query, lang, .choices = template_languages, .type = "ReportLanguage", .flags = NULLABLE,
          .doc = "The page's language; else what Accept-Language prefers."),
};
static const struct schema query_schema = SCHEMA("PublicReportQuery", struct public_query, query_fields);

/* ---- what the page says ---- */

struct words {
    const char *title, *explained;
};
static const struct words words_zh[] = {
    [PUBLIC_VALID] = { "有效", "该报告已签署，签名有效，记录与签署的内容一致。" },
    [PUBLIC_CHANGED] = { "不一致", "本机构的记录与签署的内容不一致，或签名无法确认。请联系本机构。" },
    [PUBLIC_REVOKED] = { "签名已吊销", "签署所用的密钥在签署之前已被吊销。请联系本机构。" },
    [PUBLIC_REPLACED] = { "已被取代", "该报告已有更新的版本，请以新版本为准。" },
    [PUBLIC_ENTERED_IN_ERROR] = { "已作废", "该报告系误录，已作废，不应使用。" },
    [PUBLIC_UNKNOWN] = { "查无此报告", "在此找不到与此地址对应的报告。这不说明报告是真是假：请向本机构查询。" },
};
static const struct words words_en[] = {
    [PUBLIC_VALID] = { "Valid", "This report is signed, the signature holds, and the record says what was signed." },
    [PUBLIC_CHANGED] = { "Changed", "The record does not say what was signed, or the signature cannot be confirmed. "
                                    "Please ask the hospital." },
    [PUBLIC_REVOKED] = { "Revoked", "The key of the signature had been revoked before. Please ask the hospital." },
    [PUBLIC_REPLACED] = { "Replaced", "There is a later version of this report, which counts in its place." },
    [PUBLIC_ENTERED_IN_ERROR] = { "Entered in error", "This report was withdrawn and must not be used." },
    [PUBLIC_UNKNOWN] = { "Unknown",
                         "No report is found here under this address. That alone does not say that it is not genuine: "
                         "please ask the hospital." },
};
NAMES_REACH(words_en, PUBLIC_UNKNOWN);

static void put_escaped(struct text *out, struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++) {
        char one = s.at[i];
        if (one == '<')
            text_put(out, S("&lt;"));
        else if (one == '>')
            text_put(out, S("&gt;"));
        else if (one == '&')
            text_put(out, S("&amp;"));
        else if (one == '"')
            text_put(out, S("&quot;"));
        else
            text_put_char(out, one);
    }
}

static const char style[] = "body{font:1.1rem/1.6 sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;"
                            "color:#111;background:#fff}h1{font-size:1.1rem;font-weight:normal}"
                            "h2{font-size:2rem;margin:.5rem 0;border-left:.5rem solid #a00;padding-left:1rem}"
                            "h2.VALID{border-color:#070}";

static struct str page_of(struct call *c, const struct report_public *shown, bool is_chinese)
{
    const struct words *words = (is_chinese ? words_zh : words_en) + shown->state;
    struct text out;
    char when[INSTANT_TEXT_MAX];
    text_init(&out, 16 << 10);
    text_format(&out,
                "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                "content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"><title>%s</title>"
                "<style>%s</style></head>\n<body><main><h1>",
                is_chinese ? "zh-CN" : "en", words->title, style);
    put_escaped(&out, shown->hospital);
    text_format(&out, "</h1>\n<h2 class=\"%s\">%s</h2>\n<p>%s</p>\n", public_states[shown->state - 1], words->title,
                words->explained);
    if (!instant_is_null(shown->signed_at))
        text_format(&out, "<p>%s %.*s</p>\n", is_chinese ? "签署时间" : "Signed",
                    (int)instant_write(shown->signed_at, when), when);
    if (shown->report.len)
        text_format(&out, "<p><a href=\"%.*s\">%s</a></p>\n", STR_FMT(shown->report),
                    is_chinese ? "查看报告" : "The report");
    text_format(&out, "<p><a href=\"?lang=%s\">%s</a></p></main></body></html>\n", is_chinese ? "en" : "zh-CN",
                is_chinese ? "English" : "中文");
    struct str page = arena_copy(&c->arena, text_str(&out));
    text_release(&out);
    return page;
}

/* Only this style, and nothing else: no script, no picture, no frame. */
static void put_policy(struct call *c)
{
    unsigned char digest[SHA256_BYTES];
    crypto_sha256(str_from(style), digest);
    struct str hash = crypto_base64((struct str){ (const char *)digest, sizeof(digest) }, &c->arena);
    answer_header(c, "Content-Security-Policy",
                  arena_format(&c->arena,
                               "default-src 'none'; style-src 'sha256-%.*s'; base-uri 'none'; form-action 'none'; "
                               "frame-ancestors 'none'",
                               STR_FMT(hash)));
}

/* ---- what the caller wants ---- */

/* q of RFC 9110 12.4.2 in thousandths; what cannot be read is 0. */
static int weight_of(struct str range)
{
    struct str name, rest, value;
    if (!str_cut(range, ';', &name, &rest))
        return 1000;
    rest = str_trim(rest);
    if (rest.len < 3 || (rest.at[0] != 'q' && rest.at[0] != 'Q') || rest.at[1] != '=')
        return 1000;
    value = str_slice(rest, 2, rest.len);
    if (value.at[0] == '1')
        return 1000;
    int thousandths = 0;
    for (ptrdiff_t i = 2, unit = 100; i < value.len && i < 5 && value.at[i] >= '0' && value.at[i] <= '9';
         i++, unit /= 10)
        thousandths += (int)(unit * (value.at[i] - '0'));
    return thousandths;
}

static bool prefers_chinese(struct call *c)
{
    struct str list = http_header(c->request, "Accept-Language"), one;
    int chinese = 0, english = 0;
    while (str_next(&list, ',', &one)) {
        one = str_trim(one);
        int weight = weight_of(one);
        if (str_starts(one, S("zh")) && weight > chinese)
            chinese = weight;
        else if (str_starts(one, S("en")) && weight > english)
            english = weight;
    }
    return chinese > english;
}

static bool wants_json(struct call *c)
{
    struct str accept = http_header(c->request, "Accept");
    return str_find(accept, S("application/json")) >= 0 && str_find(accept, S("text/html")) < 0;
}

/* Who cannot say who they are is nobody here, and gets the same page. */
static bool put_link(struct call *c, struct report_public *shown)
{
    struct exchange *x = exchange_of(c);
    struct report report;
    if (!shown->report_id)
        return true;
    if (admission_identify(x) == FOUND) {
        if (call_may(c, MAY_READ_REPORTS) && !x->principal.must_change_password &&
            report_load(c, shown->report_id, &report))
            shown->report = arena_format(&c->arena, "/api/v1/reports/%" PRId64, shown->report_id);
        x->actor.principal = NULL;
    }
    if (c->error.code != E_UNAUTHENTICATED && c->error.code != E_NOT_FOUND && c->error.code != E_NONE)
        return false;
    error_clear(&c->error);
    return true;
}

/* As often as sign-ins, and apart from them: who tries out tokens keeps nobody from signing in. */
static bool take_turn(struct call *c)
{
    struct rate *rate = c->app->login_rate;
    struct str key = arena_format(&c->arena, "verify %.*s", STR_FMT(call_network(c)));
    return !rate || rate_take(rate, key, &c->error.retry_after_s) ||
           fail(c, E_TOO_MANY, "too many reports were looked up; try again in %d s", c->error.retry_after_s);
}

static bool verify_get(struct call *c)
{
    const struct public_query *in = c->in;
    struct report_public shown;
    struct str body;
    bool json = wants_json(c);
    if (!take_turn(c) || !report_public_look(c, in->token, &shown) || !put_link(c, &shown))
        return false;
    answer_header(c, "Vary", S("Accept, Accept-Language, Authorization"));
    answer_header(c, "X-Robots-Tag", S("noindex"));
    if (shown.state == PUBLIC_UNKNOWN)
        answer_status(c, 404);
    if (json) {
        struct text out;
        text_init(&out, 4096);
        json_encode(&out, &report_public_schema, &shown, UINT64_MAX, &c->arena);
        body = arena_copy(&c->arena, text_str(&out));
        text_release(&out);
    } else {
        body = page_of(c, &shown, in->lang ? in->lang == TEMPLATE_CHINESE : prefers_chinese(c));
        put_policy(c);
    }
    answer_bytes(c, json ? "application/json" : "text/html; charset=utf-8", body);
    return true;
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/verify/{token}", verify_get, &query_schema, NULL, ANYONE, WORKS, .flags = NOT_JSON, .tag = "reports",
      .answers = "text/html", .also = { { 404, "There is no such report; the same page says so." } },
      .summary = "Says to who holds a report's pages whether it still counts",
      .doc = "The page behind the code on the pages of a signed report (PUBLIC_URL). It says VALID, CHANGED, REVOKED, "
             "REPLACED or ENTERED_IN_ERROR, whose report it is and when it was signed; nothing of the patient. As JSON "
             "(`PublicReport`) to who accepts application/json. As often as one may try to sign in." },
};
ENDPOINT_TABLE(report_public_endpoints, rows);
