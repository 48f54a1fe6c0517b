/* mrrt_read.c - from MRRT's HTML to a definition. The tree that libxml2 makes is walked without recursion: its depth is
 * the stranger's. */
#include "reports/mrrt_parts.h"

#include <libxml/HTMLparser.h>
#include <pthread.h>
#include <stdarg.h>

/* ---- the tree ---- */

const xmlNode *mrrt_following(const xmlNode *node, const xmlNode *root, bool down)
{
    if (down && node->type != XML_ENTITY_REF_NODE && node->children)
        return node->children;
    while (node != root && !node->next)
        node = node->parent;
    return node == root ? NULL : node->next;
}

bool mrrt_is(const xmlNode *node, const char *element)
{
    return node->type == XML_ELEMENT_NODE && str_equal_fold(str_from((const char *)node->name), str_from(element));
}

/* Bytes that are text here: UTF-8, and of controls only spaces. */
static struct str cleaned(struct mrrt_reading *r, struct str text)
{
    char *at = arena_copy_array(&r->c->arena, text.at, text.len + 1, 1);
    for (ptrdiff_t i = 0; i < text.len; i++)
        if ((unsigned char)at[i] < ' ' || at[i] == 0x7F)
            at[i] = ' ';
    return (struct str){ at, text.len };
}

struct str mrrt_attribute(struct mrrt_reading *r, const xmlNode *node, const char *name)
{
    enum { ATTRIBUTE_MAX = 2000 };
    for (const xmlAttr *a = node->properties; a; a = a->next) {
        if (!str_equal_fold(str_from((const char *)a->name), str_from(name)))
            continue;
        struct str value = a->children ? str_from((const char *)a->children->content) : S("");
        if (!value.at || !str_is_utf8(value))
            return S("");
        return str_trim(cleaned(r, str_at_most(value, ATTRIBUTE_MAX)));
    }
    return STR_NULL;
}

struct str mrrt_text_of(struct mrrt_reading *r, const xmlNode *node)
{
    enum { TEXT_OF_MAX = 1000 };
    struct text text;
    text_init(&text, TEXT_OF_MAX);
    for (const xmlNode *at = node; at && !text.overflowed; at = mrrt_following(at, node, true)) {
        struct str rest = at->type == XML_TEXT_NODE ? str_from((const char *)at->content) : S(""), word;
        if (!str_is_utf8(rest))
            continue;
        for (rest = cleaned(r, str_at_most(rest, TEXT_OF_MAX)); str_next(&rest, ' ', &word);) {
            if (word.len && text.len)
                text_put_char(&text, ' ');
            text_put(&text, word);
        }
    }
    struct str out = arena_copy(&r->c->arena, str_at_most(text_str(&text), TEXT_OF_MAX));
    text_release(&text);
    return out.len ? out : STR_NULL;
}

void mrrt_remark(struct mrrt_reading *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str remark = arena_vformat(&r->c->arena, format, args);
    va_end(args);
    for (ptrdiff_t i = 0; i < r->remarks->count; i++)
        if (str_equal(r->remarks->items[i], remark))
            return;
    if (r->remarks->count < MRRT_REMARKS_MAX)
        r->remarks->items[r->remarks->count++] = remark;
}

void mrrt_put_word(struct mrrt_reading *r, struct str *en, struct str *zh, struct str text)
{
    *(r->is_chinese ? zh : en) = text.len ? text : STR_NULL;
}

/* ---- words ---- */

void mrrt_put_words(struct mrrt_reading *r, struct str text)
{
    for (ptrdiff_t i = 0; i < text.len; i++) {
        char at = text.at[i];
        bool is_space = at == ' ' || at == '\t' || at == '\r' || at == '\n';
        bool is_first = r->words.len == 0 || r->words.at[r->words.len - 1] == '\n';
        if (is_space) {
            r->ends_in_space = !is_first;
            continue;
        }
        /* What was put last counts, also where it came from another element. */
        bool is_mark = r->words.len > 0 && r->words.at[r->words.len - 1] == at && strchr("{}[]", at);
        if ((r->ends_in_space && !is_first) || is_mark)
            text_put_char(&r->words, ' ');
        r->ends_in_space = false;
        text_put_char(&r->words, at);
    }
}

void mrrt_put_variable(struct mrrt_reading *r, struct str name)
{
    bool is_first = r->words.len == 0 || r->words.at[r->words.len - 1] == '\n';
    if (r->ends_in_space && !is_first)
        text_put_char(&r->words, ' ');
    r->ends_in_space = false;
    text_format(&r->words, "{{%.*s}}", STR_FMT(name));
}

void mrrt_end_line(struct mrrt_reading *r)
{
    r->ends_in_space = false;
    if (r->words.len && r->words.at[r->words.len - 1] != '\n')
        text_put_char(&r->words, '\n');
}

/* ---- sections ---- */

static const struct {
    const char *word, *name;
} known_sections[] = {
    { "technique", "technique" },   { "procedure", "technique" },
    { "clinical", "indication" },   { "indication", "indication" },
    { "history", "indication" },    { "comparison", "comparison" },
    { "finding", "findings" },      { "impression", "impression" },
    { "conclusion", "impression" }, { "recommend", "recommendation" },
    { "检查技术", "technique" },    { "检查方法", "technique" },
    { "临床", "indication" },       { "检查目的", "indication" },
    { "对比", "comparison" },       { "所见", "findings" },
    { "诊断", "impression" },       { "意见", "impression" },
    { "印象", "impression" },       { "建议", "recommendation" },
};

static struct str section_name(struct mrrt_reading *r, struct str title)
{
    struct str word = mrrt_word_of(r, title, "section", '_'), name = word;
    for (size_t i = 0; i < sizeof(known_sections) / sizeof(known_sections[0]); i++)
        if (str_find(word, str_from(known_sections[i].word)) >= 0 ||
            str_find(title, str_from(known_sections[i].word)) >= 0) {
            name = str_from(known_sections[i].name);
            break;
        }
    struct str wanted = name;
    for (int n = 2;; n++) {
        bool taken = false;
        for (int i = 0; i < r->section_count; i++)
            taken |= str_equal(r->sections[i].name, name);
        if (!taken)
            return name;
        name = arena_format(&r->c->arena, "%.*s_%d", STR_FMT(wanted), n);
    }
}

static void close_section(struct mrrt_reading *r)
{
    if (!r->is_open)
        return;
    struct template_section *section = &r->sections[r->section_count - 1];
    if (r->words.overflowed || str_code_points(text_str(&r->words)) > TEMPLATE_TEXT_MAX)
        fail(r->c, E_INVALID, "a section of the template has more than %d characters", TEMPLATE_TEXT_MAX);
    else
        mrrt_put_word(r, &section->text_en, &section->text_zh, arena_copy(&r->c->arena, str_trim(text_str(&r->words))));
    text_clear(&r->words);
    r->is_open = r->ends_in_space = false;
}

static void open_section(struct mrrt_reading *r, struct str title)
{
    close_section(r);
    if (r->section_count == TEMPLATE_SECTIONS_MAX) {
        fail(r->c, E_INVALID, "the template has more than %d sections", TEMPLATE_SECTIONS_MAX);
        return;
    }
    struct template_section *section = &r->sections[r->section_count];
    section->name = section_name(r, title);
    mrrt_put_word(r, &section->title_en, &section->title_zh, str_at_most(title.len ? title : section->name, 200));
    r->section_count++;
    r->is_open = true;
}

static struct str title_of(struct mrrt_reading *r, const xmlNode *section)
{
    struct str title = mrrt_attribute(r, section, "data-section-name");
    for (const xmlNode *at = section->children; at && !title.len; at = at->next)
        if (mrrt_is(at, "header"))
            title = mrrt_text_of(r, at);
    return title.len ? title : mrrt_attribute(r, section, "id");
}

static void enter_section(struct mrrt_reading *r, const xmlNode *node)
{
    struct str title = title_of(r, node);
    if (r->depth++ == 0) {
        open_section(r, title);
        return;
    }
    r->nested = true;
    mrrt_end_line(r);
    mrrt_put_words(r, title);
    mrrt_end_line(r);
}

/* Words and controls outside of all sections are in one of their own. */
static bool need_section(struct mrrt_reading *r)
{
    if (r->is_open)
        return true;
    r->loose = true;
    open_section(r, r->is_chinese ? S("正文") : S("Text"));
    return r->is_open;
}

/* ---- elements ---- */

static bool is_one_of(const xmlNode *node, const char *const *names)
{
    for (; *names; names++)
        if (mrrt_is(node, *names))
            return true;
    return false;
}

static const char *const pictures[] = { "img",    "svg",    "object", "embed",  "iframe",  "video", "audio",
                                        "canvas", "applet", "frame",  "source", "picture", "math",  NULL };
static const char *const blocks[] = { "p",  "div",     "li",       "ul",   "ol", "table",    "tr", "br",
                                      "h1", "h2",      "h3",       "h4",   "h5", "h6",       "dl", "dt",
                                      "dd", "section", "fieldset", "body", "hr", "textarea", NULL };

static void count_attributes(struct mrrt_reading *r, const xmlNode *node)
{
    static const char *const references[] = { "href", "src", "action", "formaction", "background", "data", NULL };
    for (const xmlAttr *a = node->properties; a; a = a->next) {
        struct str name = str_from((const char *)a->name);
        r->left_out[LEFT_HANDLERS] += str_equal_fold(str_slice(name, 0, 2), S("on"));
        r->left_out[LEFT_STYLES] += str_equal_fold(name, S("style"));
        for (int i = 0; references[i]; i++)
            r->left_out[LEFT_REFERENCES] += str_equal_fold(name, str_from(references[i]));
    }
}

static void take_meta(struct mrrt_reading *r, const xmlNode *node)
{
    struct str name = mrrt_attribute(r, node, "name"), content = mrrt_attribute(r, node, "content");
    struct template_definition *out = r->out;
    if (!name.len || !content.len || str_equal_fold(name, S("dcterms.language")))
        return;
    if (str_equal_fold(name, S("dcterms.title")))
        mrrt_put_word(r, &out->title_en, &out->title_zh, str_at_most(content, 200));
    else if (str_equal_fold(name, S("dcterms.description")))
        mrrt_put_word(r, &out->description_en, &out->description_zh, content);
    else if (str_equal_fold(name, S("dcterms.identifier")))
        r->identifier = content;
    else if (!str_equal_fold(name, S("dcterms.type")))
        mrrt_remark(r, "%.*s was left out: nothing here keeps it.", STR_FMT(str_at_most(name, 64)));
}

static void take_script(struct mrrt_reading *r, const xmlNode *node)
{
    struct str type = mrrt_attribute(r, node, "type");
    if (!str_equal_fold(type, S("text/xml")) && !str_equal_fold(type, S("application/xml")))
        r->left_out[LEFT_SCRIPTS]++;
}

static bool is_label_of_button(const struct mrrt_reading *r, struct str of)
{
    for (int i = 0; i < r->button_count; i++)
        if (str_equal(r->buttons[i], of))
            return true;
    return false;
}

/* What stands in the head. True: it was that. */
static bool take_head(struct mrrt_reading *r, const xmlNode *node)
{
    struct template_definition *out = r->out;
    if (mrrt_is(node, "title") && !out->title_en.len && !out->title_zh.len)
        mrrt_put_word(r, &out->title_en, &out->title_zh, str_at_most(mrrt_text_of(r, node), 200));
    else if (mrrt_is(node, "meta"))
        take_meta(r, node);
    else if (mrrt_is(node, "script"))
        take_script(r, node);
    else if (mrrt_is(node, "style"))
        r->left_out[LEFT_STYLES]++;
    else if (mrrt_is(node, "link") || mrrt_is(node, "base"))
        r->left_out[LEFT_REFERENCES] += !mrrt_attribute(r, node, "href").at;
    else if (is_one_of(node, pictures))
        r->left_out[LEFT_PICTURES]++;
    else
        return mrrt_is(node, "title");
    return true;
}

/* Are its children to be looked at? */
static bool enter(struct mrrt_reading *r, const xmlNode *node)
{
    if (node->type == XML_TEXT_NODE) {
        struct str text = str_from((const char *)node->content);
        if (str_is_utf8(text) && str_trim(text).len > 0 && need_section(r))
            mrrt_put_words(r, cleaned(r, text));
        else if (r->is_open)
            r->ends_in_space = true;
        return false;
    }
    if (node->type != XML_ELEMENT_NODE)
        return node->type == XML_HTML_DOCUMENT_NODE;
    count_attributes(r, node);
    if (take_head(r, node) || mrrt_is(node, "header"))
        return false;
    if (mrrt_is(node, "section"))
        enter_section(r, node);
    else if (mrrt_is(node, "label"))
        return !is_label_of_button(r, mrrt_attribute(r, node, "for"));
    else if (mrrt_is(node, "input") && need_section(r))
        mrrt_take_input(r, node);
    else if (mrrt_is(node, "select") && need_section(r))
        mrrt_take_select(r, node);
    else if (is_one_of(node, blocks) && r->is_open)
        mrrt_end_line(r);
    return !mrrt_is(node, "select");
}

static void leave(struct mrrt_reading *r, const xmlNode *node)
{
    if (is_one_of(node, blocks) && r->is_open)
        mrrt_end_line(r);
    if (mrrt_is(node, "td") || mrrt_is(node, "th") || mrrt_is(node, "label"))
        r->ends_in_space = r->is_open;
    if (mrrt_is(node, "section") && --r->depth == 0)
        close_section(r);
}

static void walk(struct mrrt_reading *r, const xmlNode *root)
{
    const xmlNode *at = root;
    bool comes = true;
    while (r->c->error.code == E_NONE) {
        if (comes && enter(r, at) && at->children) {
            at = at->children;
            continue;
        }
        leave(r, at);
        if (at == root)
            break;
        comes = at->next != NULL;
        at = at->next ? at->next : at->parent;
    }
}

/* ---- before the walk: what is asked for from afar ---- */

/* The colon behind a label is the form's; also the wide one. */
static struct str without_colon(struct str text)
{
    struct str wide = S("\xEF\xBC\x9A");
    for (;;) {
        ptrdiff_t length = str_ends(text, S(":")) ? 1 : str_ends(text, wide) ? wide.len : 0;
        if (!length)
            return text;
        text = str_trim(str_slice(text, 0, text.len - length));
    }
}

static void look_ahead(struct mrrt_reading *r, const xmlNode *root)
{
    struct str language = STR_NULL;
    for (const xmlNode *at = root; at; at = mrrt_following(at, root, true)) {
        if (mrrt_is(at, "html") && !language.at)
            language = mrrt_attribute(r, at, "lang");
        if (mrrt_is(at, "meta") && str_equal_fold(mrrt_attribute(r, at, "name"), S("dcterms.language")))
            language = mrrt_attribute(r, at, "content");
        if (mrrt_is(at, "label") && r->label_count < MRRT_LABELS_MAX)
            r->labels[r->label_count++] = (struct mrrt_label){ mrrt_attribute(r, at, "for"), mrrt_text_of(r, at) };
        if (mrrt_is(at, "input") && mrrt_is_button(mrrt_attribute(r, at, "type")) && r->button_count < MRRT_LABELS_MAX)
            r->buttons[r->button_count++] = mrrt_attribute(r, at, "id");
        if (mrrt_is(at, "script") && at->children && at->children->content &&
            str_equal_fold(mrrt_attribute(r, at, "type"), S("text/xml")))
            mrrt_take_codes(r, str_from((const char *)at->children->content));
    }
    r->is_chinese = str_equal_fold(str_slice(language, 0, 2), S("zh"));
    for (int i = 0; i < r->label_count; i++)
        r->labels[i].text = without_colon(r->labels[i].text);
}

static void remark_left_out(struct mrrt_reading *r)
{
    static const char *const words[LEFT_KINDS] = {
        [LEFT_SCRIPTS] = "Scripts",
        [LEFT_HANDLERS] = "Event handlers",
        [LEFT_STYLES] = "Styles",
        [LEFT_REFERENCES] = "References to elsewhere",
        [LEFT_PICTURES] = "Pictures and embedded objects",
    };
    for (int i = 0; i < LEFT_KINDS; i++)
        if (r->left_out[i])
            mrrt_remark(r, "%s were left out: %d.", words[i], r->left_out[i]);
    if (r->nested)
        mrrt_remark(r, "Sections inside sections became paragraphs with a heading.");
    if (r->loose)
        mrrt_remark(r, "Words outside of all sections are in a section of their own.");
    if (r->preselected)
        mrrt_remark(r, "Answers that were chosen from the start are not chosen here.");
    if (r->alert)
        mrrt_remark(r, "Fields with a warning at completion (ALERT) may be left empty here.");
}

static bool finish(struct mrrt_reading *r)
{
    struct template_definition *out = r->out;
    close_section(r);
    if (r->c->error.code != E_NONE)
        return false;
    if (r->section_count == 0)
        return fail(r->c, E_INVALID, "it has no section and no words: this is no template");
    remark_left_out(r);
    if (str_is_empty(out->title_en) && str_is_empty(out->title_zh))
        mrrt_put_word(r, &out->title_en, &out->title_zh, S("Template"));
    out->name = mrrt_word_of(r, r->identifier.len ? r->identifier : out->title_en, "imported", '-');
    struct str *language = arena_new(&r->c->arena, struct str);
    *language = r->is_chinese ? S("zh-CN") : S("en");
    out->languages = (struct texts){ language, 1 };
    out->sections = (struct list){ r->sections, r->section_count };
    out->fields = (struct list){ r->fields, r->field_count };
    return true;
}

/* ---- bounds ---- */

enum { MRRT_ATTRIBUTES_MAX = 200 };

static bool is_blank(char a)
{
    return a == ' ' || a == '\t' || a == '\r' || a == '\n';
}

static bool begins_name(char a)
{
    return ((a | 32) >= 'a' && (a | 32) <= 'z') || a == '_' || a == ':' || a == '.';
}

static bool is_name(char a)
{
    return begins_name(a) || (a >= '0' && a <= '9') || a == '-';
}

/* Behind a value that begins at `i`, with its quotes. */
static ptrdiff_t skip_value(struct str s, ptrdiff_t i)
{
    while (i < s.len && is_blank(s.at[i]))
        i++;
    if (i < s.len && (s.at[i] == '"' || s.at[i] == '\'')) {
        const char *end = memchr(s.at + i + 1, s.at[i], (size_t)(s.len - i - 1));
        return end ? end - s.at + 1 : s.len;
    }
    while (i < s.len && !is_blank(s.at[i]) && s.at[i] != '>')
        i++;
    return i;
}

/* Behind an attribute whose name begins at `i`. */
static ptrdiff_t skip_attribute(struct str s, ptrdiff_t i)
{
    while (i < s.len && is_name(s.at[i]))
        i++;
    ptrdiff_t j = i;
    while (j < s.len && is_blank(s.at[j]))
        j++;
    return j < s.len && s.at[j] == '=' ? skip_value(s, j + 1) : i;
}

/* Has the tag whose name begins at `i` more attributes than anybody needs? As libxml2 splits them, whose time grows
 * with their square. */
static bool has_too_many_attributes(struct str s, ptrdiff_t i)
{
    int count = 0;
    while (i < s.len && is_name(s.at[i]))
        i++;
    while (i < s.len && s.at[i] != '>' && count <= MRRT_ATTRIBUTES_MAX) {
        if (begins_name(s.at[i])) {
            count++;
            i = skip_attribute(s, i);
        } else if (is_blank(s.at[i++])) {
            continue;
        } else { /* no name: up to a blank */
            while (i < s.len && !is_blank(s.at[i]) && s.at[i] != '>')
                i++;
        }
    }
    return count > MRRT_ATTRIBUTES_MAX;
}

bool mrrt_read(struct call *c, struct str html, struct template_definition *out, struct texts *remarks)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int tags = 0;
    for (ptrdiff_t i = 0; i < html.len; i++)
        tags += html.at[i] == '<';
    if (html.len > TEMPLATE_BYTES_MAX || tags > MRRT_TAGS_MAX)
        return fail(c, E_INVALID, "a template has at most %d bytes and %d tags", TEMPLATE_BYTES_MAX, MRRT_TAGS_MAX);
    for (ptrdiff_t i = 0; i + 1 < html.len; i++)
        if (html.at[i] == '<' && begins_name(html.at[i + 1]) && has_too_many_attributes(html, i + 1))
            return fail(c, E_INVALID, "a tag of the template has more than %d attributes", MRRT_ATTRIBUTES_MAX);
    pthread_once(&once, xmlInitParser);
    htmlDocPtr doc = htmlReadMemory(html.at ? html.at : "", (int)html.len, NULL, "UTF-8",
                                    HTML_PARSE_NONET | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_RECOVER);
    struct mrrt_reading *r = arena_new(&c->arena, struct mrrt_reading);
    schema_clear(&template_definition_schema, out);
    *remarks = (struct texts){ arena_array(&c->arena, struct str, MRRT_REMARKS_MAX), 0 };
    *r = (struct mrrt_reading){ .c = c, .out = out, .remarks = remarks };
    text_init(&r->words, 4 * TEMPLATE_TEXT_MAX);
    if (doc) {
        look_ahead(r, (const xmlNode *)doc);
        walk(r, (const xmlNode *)doc);
    }
    xmlFreeDoc(doc);
    bool ok = finish(r);
    text_release(&r->words);
    return ok;
}
