/* split.c - SQL text into statements.
 *
 * `;` ends a statement except inside quotes ('..', "..", `..`), comments (-- , #, slash-star) and the body of a trigger
 * or stored program: after `create [temp] trigger|procedure|function|event`, begin/case/if/loop/while/repeat nest and
 * `end` closes.
 */
#include "db/driver.h"

struct scan {
    struct str text;
    ptrdiff_t at;
    int words;    /* of this statement so far, up to 4 */
    bool creates; /* begins with `create` */
    bool program; /* a trigger or the like */
    int depth;
};

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '$' || (c & 0x80);
}

static bool follows(const struct scan *s, const char *what)
{
    return str_starts(str_slice(s->text, s->at, s->text.len), str_from(what));
}

/* Past the closing quote; a doubled quote is part of the text. Backslashes are plain, as in standard SQL: migrations do
 * not use MySQL's escapes, since SQLite has none. */
static void skip_quoted(struct scan *s, char quote)
{
    for (s->at++; s->at < s->text.len; s->at++) {
        if (s->text.at[s->at] != quote)
            continue;
        if (s->at + 1 < s->text.len && s->text.at[s->at + 1] == quote) {
            s->at++;
            continue;
        }
        s->at++;
        return;
    }
}

static void skip_until(struct scan *s, const char *end)
{
    while (s->at < s->text.len && !follows(s, end))
        s->at++;
    s->at += s->at < s->text.len ? (ptrdiff_t)strlen(end) : 0;
}

static struct str take_word(struct scan *s)
{
    ptrdiff_t from = s->at;
    while (s->at < s->text.len && is_word(s->text.at[s->at]))
        s->at++;
    return str_slice(s->text, from, s->at);
}

static bool is_any(struct str word, const char *const *names)
{
    for (; *names; names++) {
        if (str_equal_fold(word, str_from(*names)))
            return true;
    }
    return false;
}

/* `end if`, `end case`, `end loop` ... : the word after `end` opens nothing. */
static void skip_end_of(struct scan *s)
{
    static const char *const kinds[] = { "if", "case", "loop", "while", "repeat", NULL };
    ptrdiff_t before = s->at;
    while (s->at < s->text.len && (s->text.at[s->at] == ' ' || s->text.at[s->at] == '\n'))
        s->at++;
    if (!is_any(take_word(s), kinds))
        s->at = before;
}

/* MySQL has if() and repeat() as functions too: those are followed by a bracket. */
static bool is_call(const struct scan *s)
{
    ptrdiff_t at = s->at;
    while (at < s->text.len && s->text.at[at] == ' ')
        at++;
    return at < s->text.len && s->text.at[at] == '(';
}

static bool if_statement(const struct scan *s, ptrdiff_t word_at)
{
    /* A statement begins after `;`, begin, then, else or do; a function call stands elsewhere. */
    ptrdiff_t at = word_at - 1;
    while (at >= 0 &&
           (s->text.at[at] == ' ' || s->text.at[at] == '\n' || s->text.at[at] == '\t' || s->text.at[at] == '\r'))
        at--;
    if (at < 0 || s->text.at[at] == ';')
        return true;
    ptrdiff_t end = at + 1;
    while (at >= 0 && is_word(s->text.at[at]))
        at--;
    static const char *const openers[] = { "begin", "then", "else", "do", NULL };
    return is_any(str_slice(s->text, at + 1, end), openers);
}

static void see_word(struct scan *s)
{
    static const char *const programs[] = { "trigger", "procedure", "function", "event", NULL };
    static const char *const openers[] = { "begin", "case", "loop", "while", NULL };
    ptrdiff_t from = s->at;
    struct str word = take_word(s);
    if (s->words < 6) {
        s->words++;
        if (s->words == 1)
            s->creates = str_equal_fold(word, S("create"));
        else if (s->creates && !s->program && is_any(word, programs))
            s->program = true;
    }
    if (!s->program)
        return;
    if (str_equal_fold(word, S("end"))) {
        s->depth -= s->depth > 0;
        skip_end_of(s);
    } else if (is_any(word, openers)) {
        s->depth++;
    } else if (str_equal_fold(word, S("if")) || str_equal_fold(word, S("repeat"))) {
        s->depth += s->depth > 0 && (!is_call(s) || if_statement(s, from));
    }
}

static void step(struct scan *s)
{
    char c = s->text.at[s->at];
    if (c == '\'' || c == '"' || c == '`')
        skip_quoted(s, c);
    else if (follows(s, "--") || c == '#')
        skip_until(s, "\n");
    else if (follows(s, "/*"))
        skip_until(s, "*/");
    else if (is_word(c))
        see_word(s);
    else
        s->at++;
}

/* Comments and spaces before a statement are not part of it, so that a text of comments alone holds no statement. */
static struct str skip_blank(struct str text)
{
    struct scan s = { .text = text };
    while (s.at < text.len) {
        char c = text.at[s.at];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';')
            s.at++;
        else if (follows(&s, "--") || c == '#')
            skip_until(&s, "\n");
        else if (follows(&s, "/*"))
            skip_until(&s, "*/");
        else
            break;
    }
    return str_slice(text, s.at, text.len);
}

bool sql_next(struct str *sql, struct str *statement)
{
    struct scan s = { .text = skip_blank(*sql) };
    if (!s.text.len)
        return false;
    while (s.at < s.text.len && (s.text.at[s.at] != ';' || s.depth > 0))
        step(&s);
    *statement = str_trim(str_slice(s.text, 0, s.at));
    *sql = str_slice(s.text, s.at + 1, s.text.len);
    return true;
}
