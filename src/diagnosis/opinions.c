/* opinions.c - see opinions.h. */
#include "diagnosis/opinions.h"

#include "diagnosis/figures.h"
#include "records/study.h"
#include "base/names.h"

#include <stdlib.h>

const char *const opinion_bys[] = { "MODEL", "READER", NULL };
NAMES_REACH(opinion_bys, BY_READER);

enum { SOURCES_MAX = 64, VOTES_MAX = 200000, FINDINGS_TOLD_MAX = 20000 };

/* One source says of one label of one frame whether it is there. */
struct vote {
    int64_t image_file_id, frame;
    struct str scheme, code;
    int source;
    bool is_there;
};

/* A card's labels, for each model once. */
struct known_card {
    int64_t model_id;
    struct card card;
};

struct said {
    struct said *before;
    struct opinion_finding it;
};

struct table {
    struct call *c;
    struct opinion sources[SOURCES_MAX];
    struct said *said[SOURCES_MAX]; /* the last finding of each source, which leads to those before it */
    int source_count;
    ptrdiff_t said_count;
    struct vote *votes;
    ptrdiff_t vote_count, vote_room;
    struct known_card cards[SOURCES_MAX];
    int card_count;
};

/* ---- who speaks ---- */

static struct opinion *source_of(struct table *t, enum opinion_by by, int64_t id)
{
    for (int i = 0; i < t->source_count; i++)
        if (t->sources[i].by == by && (by == BY_MODEL ? t->sources[i].model_id : t->sources[i].reader_id) == id)
            return &t->sources[i];
    if (t->source_count == SOURCES_MAX) {
        (void)fail(t->c, E_TOO_LARGE, "more than %d models and readers have spoken of this study", SOURCES_MAX);
        return NULL;
    }
    struct opinion *source = &t->sources[t->source_count++];
    *source = (struct opinion){ .source = t->source_count, .by = by };
    source->model_id = by == BY_MODEL ? id : INTEGER_NULL;
    source->reader_id = by == BY_READER ? id : INTEGER_NULL;
    return source;
}

static bool card_of(struct table *t, int64_t model_id, const struct card **out)
{
    struct call *c = t->c;
    struct model model;
    for (int i = 0; i < t->card_count; i++)
        if (t->cards[i].model_id == model_id)
            return *out = &t->cards[i].card, true;
    struct known_card *known = &t->cards[t->card_count];
    if (!model_load(c, model_id, &model) || !card_read(c, model.card.text, &known->card))
        return false;
    known->model_id = model_id;
    t->card_count++;
    *out = &known->card;
    return true;
}

/* ---- what they say ---- */

static bool vote(struct table *t, const struct diagnosis *d, const struct opinion *source,
                 const struct card_label *label, const struct list *findings)
{
    if (t->vote_count == VOTES_MAX)
        return fail(t->c, E_TOO_LARGE, "there is more to compare in this study than can be");
    if (t->vote_count == t->vote_room) {
        t->vote_room = t->vote_room ? 2 * t->vote_room : 256;
        struct vote *grown = arena_array(&t->c->arena, struct vote, t->vote_room);
        for (ptrdiff_t i = 0; i < t->vote_count; i++)
            grown[i] = t->votes[i];
        t->votes = grown;
    }
    t->votes[t->vote_count++] = (struct vote){ d->image_file_id,    d->frame,
                                               label->code.scheme,  label->code.value,
                                               (int)source->source, finding_is_there(findings, label) };
    return true;
}

static bool say(struct table *t, const struct diagnosis *d, const struct opinion *source, const struct finding *finding)
{
    if (t->said_count++ == FINDINGS_TOLD_MAX)
        return fail(t->c, E_TOO_LARGE, "there are more findings in this study than can be told at once");
    struct said *said = arena_new(&t->c->arena, struct said);
    *said = (struct said){ t->said[source->source - 1], { d->id, d->image_file_id, d->frame, *finding } };
    t->said[source->source - 1] = said;
    return true;
}

static bool speak(struct table *t, const struct diagnosis *d, struct opinion *source, const struct card *card,
                  const struct list *findings)
{
    const struct card_label *labels = card->labels.items;
    source->results++;
    for (ptrdiff_t i = 0; i < card->labels.count; i++)
        if (!vote(t, d, source, &labels[i], findings))
            return false;
    for (ptrdiff_t i = 0; i < findings->count; i++) {
        const struct finding *finding = (const struct finding *)findings->items + i;
        bool is_of_card = false;
        for (ptrdiff_t k = 0; k < card->labels.count; k++)
            is_of_card |= card_label_means(&labels[k], &finding->code);
        const struct card_label own = { .code = finding->code };
        if (!say(t, d, source, finding) || (!is_of_card && !vote(t, d, source, &own, findings)))
            return false;
    }
    return true;
}

/* The last review of each reader counts. */
static bool is_last_of_reader(const struct list *reviews, ptrdiff_t index)
{
    const struct reading *readings = reviews->items;
    for (ptrdiff_t i = index + 1; i < reviews->count; i++)
        if (readings[i].reviewer_id == readings[index].reviewer_id)
            return false;
    return true;
}

static bool hear_readers(struct table *t, const struct diagnosis *d, const struct card *card,
                         const struct list *findings)
{
    struct list reviews;
    if (!diagnosis_readings(t->c, d, &reviews))
        return false;
    for (ptrdiff_t i = 0; i < reviews.count; i++) {
        const struct reading *reading = (const struct reading *)reviews.items + i;
        struct opinion *reader = source_of(t, BY_READER, reading->reviewer_id);
        if (!reader)
            return false;
        if (!is_last_of_reader(&reviews, i))
            continue;
        reader->rejected += reading->decision == REVIEW_REJECTED;
        if (reading->decision != REVIEW_REJECTED &&
            !speak(t, d, reader, card, reading->decision == REVIEW_MODIFIED ? &reading->findings : findings))
            return false;
    }
    return true;
}

static bool hear(struct table *t, const struct diagnosis *d, bool *taken)
{
    const struct card *card;
    struct list findings;
    struct opinion *model = source_of(t, BY_MODEL, d->model_id);
    *taken = d->verdict != REVIEW_REJECTED;
    if (!model || !card_of(t, d->model_id, &card) || !diagnosis_findings(t->c, d, &findings))
        return false;
    model->model_name = d->model_name;
    model->model_version = d->model_version;
    model->rejected += !*taken;
    return (!*taken || speak(t, d, model, card, &findings)) && hear_readers(t, d, card, &findings);
}

/* ---- how far they agree ---- */

static int compare_votes(const void *a, const void *b)
{
    const struct vote *x = a, *y = b;
    int order = (x->image_file_id > y->image_file_id) - (x->image_file_id < y->image_file_id);
    order = order ? order : (x->frame > y->frame) - (x->frame < y->frame);
    order = order ? order : str_compare(x->scheme, y->scheme);
    order = order ? order : str_compare(x->code, y->code);
    return order ? order : x->source - y->source;
}

static bool of_the_same(const struct vote *a, const struct vote *b)
{
    return a->image_file_id == b->image_file_id && a->frame == b->frame && str_equal(a->scheme, b->scheme) &&
           str_equal(a->code, b->code);
}

struct pair {
    int64_t of[2][2]; /* [first][second] */
};

static void count_pairs(const struct vote *votes, ptrdiff_t count, struct pair pairs[SOURCES_MAX][SOURCES_MAX])
{
    for (ptrdiff_t i = 0; i < count; i++)
        for (ptrdiff_t k = i + 1; k < count; k++)
            if (votes[k].source != votes[i].source)
                pairs[votes[i].source - 1][votes[k].source - 1].of[votes[i].is_there][votes[k].is_there]++;
}

static void compare(struct table *t, struct list *out)
{
    struct pair(*pairs)[SOURCES_MAX] = arena_alloc_array(&t->c->arena, SOURCES_MAX, (ptrdiff_t)sizeof(*pairs));
    if (t->vote_count)
        qsort(t->votes, (size_t)t->vote_count, sizeof(*t->votes), compare_votes);
    for (ptrdiff_t i = 0, next; i < t->vote_count; i = next) {
        for (next = i + 1; next < t->vote_count && of_the_same(&t->votes[i], &t->votes[next]);)
            next++;
        count_pairs(t->votes + i, next - i, pairs);
    }
    struct comparison *items = arena_array(&t->c->arena, struct comparison, t->source_count * t->source_count / 2 + 1);
    *out = (struct list){ items, 0 };
    for (int a = 0; a < t->source_count; a++)
        for (int b = a + 1; b < t->source_count; b++) {
            const struct pair *p = &pairs[a][b];
            int64_t agreed = p->of[1][1] + p->of[0][0], compared = agreed + p->of[1][0] + p->of[0][1];
            items[out->count++] =
                (struct comparison){ a + 1, b + 1, compared, agreed,
                                     cohens_kappa(p->of[1][1], p->of[1][0], p->of[0][1], p->of[0][0]) };
        }
}

/* ---- of a study ---- */

static bool name_readers(struct table *t)
{
    for (int i = 0; i < t->source_count; i++) {
        struct value name;
        struct opinion *source = &t->sources[i];
        if (source->by != BY_READER)
            continue;
        enum found found = db_find_value(t->c, &name, "select full_name from users where id = ?", V(source->reader_id));
        if (found == FAILED)
            return false;
        if (found == FOUND && name.type == VALUE_TEXT)
            source->reader_name = arena_copy(&t->c->arena, name.text);
    }
    return true;
}

static void gather(struct table *t, struct opinions *out)
{
    struct opinion *sources = arena_array(&t->c->arena, struct opinion, t->source_count);
    for (int i = 0; i < t->source_count; i++) {
        ptrdiff_t count = 0;
        for (const struct said *said = t->said[i]; said; said = said->before)
            count++;
        struct opinion_finding *items = arena_array(&t->c->arena, struct opinion_finding, count);
        sources[i] = t->sources[i];
        sources[i].findings = (struct list){ items, count };
        for (const struct said *said = t->said[i]; said; said = said->before)
            items[--count] = said->it;
    }
    out->sources = (struct list){ sources, t->source_count };
}

/* The results of one model, frame by frame, the latest first. */
static bool results_of(struct call *c, int64_t study_id, struct integers *out)
{
    struct cursor rows;
    struct value values[DIAGNOSIS_SIGHT_VALUES];
    struct condition seen = diagnosis_in_sight(c, values);
    struct str sql = arena_format(&c->arena,
                                  "select d.id from image_files i join diagnoses d on d.image_file_id = i.id "
                                  "where i.study_id = ? and d.status in ('COMPLETED', 'REVIEWED') and %s "
                                  "order by d.image_file_id, d.frame, d.model_id, d.id desc limit %d",
                                  seen.sql, OPINION_RESULTS_MAX);
    *out = (struct integers){ arena_array(&c->arena, int64_t, OPINION_RESULTS_MAX), 0 };
    for (db_rows(c, &rows, sql.at, V(study_id), seen.value, seen.more[0], seen.more[1], seen.more[2], values[0],
                 values[1], values[2]);
         cursor_next(&rows);)
        out->items[out->count++] = cursor_integer(&rows, 0);
    return cursor_close(&rows);
}

bool opinions_of_study(struct call *c, int64_t study_id, struct opinions *out)
{
    struct study study;
    struct integers ids;
    struct diagnosis d, last = { 0 }; /* the last whose word was taken */
    struct table *t = arena_new(&c->arena, struct table);
    t->c = c;
    if (!study_load(c, study_id, &study) || !results_of(c, study_id, &ids))
        return false;
    for (ptrdiff_t i = 0; i < ids.count; i++) {
        bool taken = false;
        enum found found = db_find(c, &diagnosis_schema, &d, "where d.id = ?", V(ids.items[i]));
        if (found == FAILED)
            return false;
        if (found == NONE ||
            (d.image_file_id == last.image_file_id && d.frame == last.frame && d.model_id == last.model_id))
            continue;
        if (!hear(t, &d, &taken))
            return false;
        if (taken)
            last = d;
    }
    if (!name_readers(t))
        return false;
    gather(t, out);
    compare(t, &out->agreement);
    return true;
}
