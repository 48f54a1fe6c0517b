/* draft_words.c - all that is said in drafts: one table of phrases, and how numbers read in them. */
#include "reports/draft_parts.h"

#include "base/text.h"

#include <math.h>

/* Passages in [[ ]] are left out where a part is not known (template_fill). */
static const struct {
    const char *en, *zh;
} phrases[] = {
    [SAY_MEASUREMENT] = { "[[{{label}}: ]]{{title}}[[, {{side}}]] {{value}}[[, mean {{mean}}]][[ ({{basis}})]]"
                          "[[ (AI: {{model}})]].",
                          "[[{{label}}：]]{{title}}[[（{{side}}）]]{{value}}[[，平均{{mean}}]]"
                          "[[（{{basis}}）]][[（人工智能：{{model}}）]]。" },
    [SAY_FINDING] = { "AI finding, {{how}} by a reader: {{label}}[[, probability {{probability}}]] "
                      "({{model}}[[, {{research}}]]).",
                      "人工智能所见（经医师{{how}}）：{{label}}[[，概率{{probability}}]]（{{model}}[[，{{research}}]]）。" },
    [SAY_FINDING_IN_FIELD] = { "{{label}} (AI: {{model}}[[, {{research}}]])",
                               "{{label}}（人工智能：{{model}}[[，{{research}}]]）" },
    [SAY_PRIOR] = { "Earlier examination: {{kind}}, {{date}} (report {{report}}).",
                    "前次检查：{{kind}}，{{date}}（报告{{report}}）。" },
    [SAY_CHANGE] = { "{{label}}: {{now}}, earlier {{then}}, change {{change}}[[ ({{percent}})]].",
                     "{{label}}：{{now}}，前次{{then}}，变化{{change}}[[（{{percent}}）]]。" },
};
static const struct {
    const char *en, *zh;
} words[] = {
    [WORD_LEFT] = { "left", "左" },
    [WORD_RIGHT] = { "right", "右" },
    [WORD_DETECTOR] = { "at the detector", "探测器平面" },
    [WORD_CONFIRMED] = { "confirmed", "确认" },
    [WORD_MODIFIED] = { "modified", "修改" },
    [WORD_RESEARCH] = { "research use only", "仅供研究" },
};

static bool put_part(void *context, struct str name, struct text *out)
{
    for (const struct draft_part *part = context; part->name; part++)
        if (str_equal(name, str_from(part->name)) && part->text.len) {
            if (out)
                text_put(out, part->text);
            return true;
        }
    return false;
}

static void leave_out(void *context, struct str name, struct text *out)
{
    (void)context;
    (void)name;
    (void)out;
}

struct str draft_say(const struct draft *d, enum draft_phrase phrase, const struct draft_part *parts)
{
    const struct filling filling = { (void *)(uintptr_t)parts, put_part, NULL, leave_out };
    return template_fill(
        &d->c->arena, template_word(d->language, str_from(phrases[phrase].en), str_from(phrases[phrase].zh)), &filling);
}

struct str draft_word(const struct draft *d, enum draft_word word)
{
    return template_word(d->language, str_from(words[word].en), str_from(words[word].zh));
}

struct str draft_clean(struct str text)
{
    struct str rest = text;
    while (rest.len) {
        uint32_t point = str_next_code_point(&rest);
        if (point < 0x20 || point == 0x7F || point_turns_direction(point))
            return S("");
    }
    return str_trim(text);
}

double draft_rounded(double value, struct str unit)
{
    double scale = str_equal(unit, S("1")) ? 1000 : 10;
    return round(value * scale) / scale + 0.0; /* no negative zero */
}

struct str draft_number(struct call *c, double value)
{
    struct text text;
    text_init(&text, 64);
    text_put_real(&text, value);
    struct str out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return out;
}

struct str draft_quantity(struct call *c, double value, struct str unit)
{
    return arena_format(&c->arena, "%.*s%.*s", STR_FMT(draft_number(c, value)),
                        STR_FMT(template_unit(&c->arena, unit)));
}
