/* model.c - rows of models, and their files. */
#include "diagnosis/model.h"

#include "diagnosis/model_ask.h"
#include "diagnosis/prepare.h"
#include "records/keeping.h"
#include "schema/json.h"
#include "site/app.h"
#include "base/file.h"
#include "base/file_view.h"
#include "base/names.h"

#include <unistd.h>

const char *const model_states[] = { "DRAFT", "SHADOW", "ACTIVE", "RETIRED", NULL };
NAMES_REACH(model_states, MODEL_RETIRED);

#define TOLD(member, ...) FIELD(struct model, member, .flags = READ_ONLY, __VA_ARGS__)
#define MAYBE(member, ...) FIELD(struct model, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)

static const struct field model_fields[] = {
    FIELD(struct model, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "Identifies the model here."),
    TOLD(model_uuid, .doc = "The same everywhere."),
    TOLD(name, .example = "chest-pneumonia", .doc = "What it is called; with its version it names it once."),
    TOLD(version, .example = "1.0.0", .doc = "Its version."),
    FIELD(struct model, title, .flags = NULLABLE, .max = 100, .doc = "What it does, in words."),
    TOLD(state, .choices = model_states, .type = "ModelState", .doc = "Who may ask it."),
    FIELD(struct model, preference, .min = -1000, .max = 1000,
          .doc = "Of the models in use whose card admits an image, the one with the highest is asked where nobody "
                 "names one; of equal ones that which was switched on last."),
    TOLD(task, .example = "classification", .doc = "What kind of answers it gives."),
    TOLD(digest, .doc = "SHA-256 of its file, or of `metadata` as it came; it stands in every result."),
    FIELD(struct model, storage_path, .flags = READ_ONLY | WRITE_ONLY, .doc = "Where its file lies."),
    TOLD(size_bytes, .doc = "How large its file is; of a model that another server runs: `metadata`."),
    MAYBE(metadata, .doc = "What the server that runs it says of it; null: it has a file, and runs here."),
    TOLD(remote_binary, .doc = "That server takes and gives tensors as bytes."),
    TOLD(card, .doc = "Its card: what it is for, what it takes, what its answers mean."),
    TOLD(research_only, .doc = "It is for research: its answers say so wherever they show."),
    MAYBE(trial, .doc = "How its last trial run ended."),
    MAYBE(created_by, .doc = "The account that uploaded it."),
    FIELD(struct model, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was uploaded."),
    FIELD(struct model, updated_at, .flags = READ_ONLY | SET_ON_INSERT | SET_ON_UPDATE, .doc = "When it was changed."),
    MAYBE(activated_at, .doc = "When it was last switched on."),
    MAYBE(retired_at, .doc = "When it was retired."),
};
const struct schema model_schema = SCHEMA("Model", struct model, model_fields, .table = "models", .alias = "m",
                                          .doc = "A model that gives opinions on images.");

bool model_load(struct call *c, int64_t id, struct model *out)
{
    return db_get(c, &model_schema, out, "where m.id = ?", V(id)) ||
           fail(c, E_NOT_FOUND, "model %" PRId64 " does not exist", id);
}

bool model_change(struct call *c, const struct model *change, uint64_t given)
{
    struct model before, row = *change;
    if (str_turns_direction(change->title))
        return error_add_problem(&c->error, &c->arena, "body", S("title"), "direction_control",
                                 "has a character that turns the direction of what is shown");
    if (!db_lock(c, "select id from models where id = ?", V(change->id)) || !model_load(c, change->id, &before) ||
        !db_update(c, &model_schema, &row, given, "where id = ?", V(change->id)))
        return false;
    audit_changed(c, &model_schema, &before, change, given);
    return true;
}

bool model_is_remote(const struct model *model)
{
    return model->metadata.text.at != NULL;
}

static bool open_as_long(struct call *c, const struct model *model, int *fd)
{
    int64_t size;
    if (!blob_open_read(c->app->files, model->storage_path, fd, &size, &c->error)) {
        if (c->error.code != E_NOT_FOUND)
            return false;
        error_clear(&c->error);
        return fail(c, E_UNREADABLE, "the file of model %" PRId64 " is gone", model->id);
    }
    if (size == model->size_bytes)
        return true;
    close(*fd);
    return fail(c, E_UNREADABLE, "the file of model %" PRId64 " has another size than was stored", model->id);
}

/* False: they cannot be read now. */
static bool is_of_digest(struct str digest, int fd, bool *same)
{
    char piece[1 << 16], md5[MD5_TEXT + 1], sha256[SHA256_TEXT + 1];
    struct digests *digests = digests_new_sha256();
    ptrdiff_t got;
    for (int64_t at = 0; (got = file_read_at(fd, at, piece, sizeof(piece))) > 0; at += got)
        digests_update(digests, piece, got);
    digests_finish(digests, md5, sha256);
    digests_free(digests);
    *same = str_equal(str_from(sha256), digest);
    return got == 0;
}

/* A flipped bit is another model: its numbers would stand under a digest that is not its own. */
static bool is_whole(const struct model_file *file, struct error *error)
{
    bool same;
    if (!is_of_digest(file->digest, file->fd, &same))
        return error_set(error, E_UNREADABLE, "the model's file cannot be read");
    return same || error_set(error, E_UNREADABLE, "the model's file has other bytes than were stored");
}

bool model_open(struct call *c, const struct model *model, struct model_file *out)
{
    int fd;
    if (!open_as_long(c, model, &fd))
        return false;
    *out = (struct model_file){ model->digest, fd, is_whole };
    return true;
}

/* ---- upload ---- */

/* What is known of a file before it has a row. */
struct arrival {
    int fd;
    struct str digest;
    int64_t size;
    struct remote_said said; /* of one that another server runs */
    struct str card_text;
    struct card card;
};

static bool refuse_file(struct call *c, const char *words)
{
    error_clear(&c->error);
    return error_add_problem(&c->error, &c->arena, "body", S("file"), "invalid", "%s", words);
}

/* What people said counts before what the bundle says, and that before what the file says. */
static bool complete_card(struct call *c, struct str given, struct str bundle, struct str found, struct str *card)
{
    struct str said;
    if (!bundle.at)
        return card_merge(c, given, found, card);
    return card_of_bundle(c, bundle, &said) && card_merge(c, given, said, &said) && card_merge(c, said, found, card);
}

static bool read_file(struct call *c, struct str given, struct str bundle, struct arrival *a)
{
    struct file_view view;
    struct onnx_file file;
    if (!file_view_open(&view, a->fd, a->size, &c->error))
        return false;
    bool ok = onnx_file_read(view.bytes, &c->arena, &file, &c->error);
    struct str found = ok ? card_of_file(c, &file) : STR_NULL;
    if (!file_view_close(&view, &c->error))
        return false;
    if (!ok)
        return refuse_file(c, arena_cstring(&c->arena, error_told(&c->error)));
    return complete_card(c, given, bundle, found, &a->card_text) && card_read_new(c, a->card_text, &a->card);
}

static bool is_what_card_says(struct call *c, const struct arrival *a)
{
    const struct card *card = &a->card;
    if (card->bytes > 0 && card->bytes != a->size)
        return error_add_problem(&c->error, &c->arena, "body", S("card.bytes"), "invalid", "it has %" PRId64 " bytes",
                                 a->size);
    return !card->sha256.at || str_equal_fold(card->sha256, a->digest) ||
           error_add_problem(&c->error, &c->arena, "body", S("card.sha256"), "invalid", "it has the SHA-256 %.*s",
                             STR_FMT(a->digest));
}

static bool suits(struct call *c, const struct arrival *a)
{
    struct model_face face;
    struct model_file file = { a->digest, a->fd };
    db_release(c);
    if (!c->app->models)
        return fail(c, E_UNAVAILABLE, "models are run by servers and workers");
    if (!model_describe(c->app->models, &file, &c->arena, &face, &c->error))
        return c->error.code == E_INVALID ? refuse_file(c, arena_cstring(&c->arena, error_told(&c->error))) : false;
    return card_suits(c, &a->card, &face);
}

static bool insert(struct call *c, void *context)
{
    struct model *m = context;
    if (!db_insert(c, &model_schema, m, &m->id))
        return false;
    audit_about(c, m->id, 0);
    return audit_change(c);
}

static void fill(struct call *c, const struct arrival *a, const char *place, struct model *out)
{
    char uuid[UUID_TEXT + 1];
    crypto_uuid(uuid);
    *out = (struct model){
        .model_uuid = arena_copy(&c->arena, str_from(uuid)),
        .name = a->card.name,
        .version = a->card.version,
        .title = a->card.title,
        .state = MODEL_DRAFT,
        .task = str_from(card_tasks[a->card.task - 1]),
        .digest = a->digest,
        .storage_path = arena_format(&c->arena, place, uuid),
        .size_bytes = a->size,
        .metadata.text = a->said.text,
        .remote_binary = a->said.is_binary,
        .card.text = a->card_text,
        .research_only = a->card.research_only,
        .created_by = call_user(c),
        .activated_at = INSTANT_NULL,
        .retired_at = INSTANT_NULL,
    };
}

static bool refuse_twin(struct call *c, const struct model *model)
{
    if (c->error.code != E_CONFLICT)
        return false;
    error_clear(&c->error);
    return fail(c, E_CONFLICT, "there is a model %.*s of version %.*s already", STR_FMT(model->name),
                STR_FMT(model->version));
}

static bool store(struct call *c, struct spooled *file, const struct arrival *a, struct model *out)
{
    fill(c, a, "models/%s.onnx", out);
    struct blob_writer *writer = file->writer;
    file->writer = NULL;
    if (!blob_claim(c->app->files, out->storage_path, &c->error)) {
        blob_cancel(writer);
        return false;
    }
    bool ok = blob_commit(writer, out->storage_path, &c->error) && db_transact(c, insert, out);
    keeping_settle(c, out->storage_path, ok);
    return ok || refuse_twin(c, out);
}

/* ---- one that another server runs ---- */

static bool read_remote(struct call *c, struct str given, struct str bundle, struct arrival *a)
{
    if (!complete_card(c, given, bundle, S("{}"), &a->card_text) || !card_read_new(c, a->card_text, &a->card))
        return false;
    return a->card.remote.url.at ||
           error_add_problem(&c->error, &c->arena, "body", S("file"), "missing",
                             "a part named \"file\" with the file is needed, or a card that says who runs it (remote)");
}

/* The digest is that of the text as it came, which is what is stored. */
static bool ask_remote(struct call *c, struct arrival *a)
{
    if (!model_look_up(c, &a->card, &a->said))
        return false;
    a->digest = crypto_sha256_hex(a->said.text, &c->arena);
    a->size = a->said.text.len;
    return is_what_card_says(c, a) && card_suits(c, &a->card, &a->said.face);
}

static bool bring_remote(struct call *c, struct str card, struct str bundle, struct model *out)
{
    struct arrival *a = arena_new(&c->arena, struct arrival);
    if (!read_remote(c, card, bundle, a) || !ask_remote(c, a))
        return false;
    fill(c, a, "elsewhere/%s", out); /* no place in the store: it only keeps the column's values apart */
    return db_transact(c, insert, out) || refuse_twin(c, out);
}

static bool has_no_server(struct call *c, const struct arrival *a)
{
    return !a->card.remote.url.at || error_add_problem(&c->error, &c->arena, "body", S("card.remote"), "not_used",
                                                       "a model with a file runs here: leave one of them out");
}

bool model_upload(struct call *c, struct spooled *file, struct str card, struct str bundle, struct model *out)
{
    if (!file)
        return bring_remote(c, card, bundle, out);
    struct arrival a = { .fd = blob_writer_fd(file->writer), .size = file->size_bytes };
    a.digest = arena_copy(&c->arena, str_from(file->sha256));
    if (a.size > MODEL_BYTES_MAX)
        return fail(c, E_TOO_LARGE, "a model may have at most 1 GiB");
    if (!a.size)
        return refuse_file(c, "the file is empty");
    return read_file(c, card, bundle, &a) && has_no_server(c, &a) && is_what_card_says(c, &a) && suits(c, &a) &&
           store(c, file, &a, out);
}

/* ---- removal ---- */

static bool remove_row(struct call *c, void *context)
{
    struct model *model = context;
    int64_t asked, id = model->id;
    audit_about(c, id, 0);
    if (!db_lock(c, "select id from models where id = ?", V(id)) || !model_load(c, id, model) ||
        !db_integer(c, &asked,
                    "select (select count(*) from diagnoses where model_id = ?) + (select count(*) from "
                    "diagnosis_figures where model_id = ?)",
                    V(id), V(id)))
        return false;
    if (asked || model->state == MODEL_ACTIVE || model->state == MODEL_SHADOW)
        return fail(c, E_CONFLICT,
                    asked ? "it has been asked: what it said stays, so that it can only be retired"
                          : "it is in use: retire it first");
    return db_execute(c, "delete from models where id = ?", V(id)) && audit_change(c);
}

/* The row first: what it named goes once nothing names it. In doubt the claim stays, and the next start looks. */
bool model_remove(struct call *c, int64_t id)
{
    struct model model;
    struct error ignored = { 0 };
    if (!model_load(c, id, &model))
        return false;
    if (model_is_remote(&model))
        return db_transact(c, remove_row, &model);
    if (!blob_claim(c->app->files, model.storage_path, &c->error))
        return false;
    bool ok = db_transact(c, remove_row, &model);
    if (ok && blob_remove(c->app->files, model.storage_path, &ignored))
        blob_settle(c->app->files, model.storage_path);
    else if (!ok && !c->error.in_doubt)
        blob_settle(c->app->files, model.storage_path);
    else
        blob_leave(c->app->files, model.storage_path);
    if (ok && c->app->models)
        model_forget(c->app->models, model.digest);
    return ok;
}

/* ---- trial ---- */

struct trial {
    bool ok;
    int64_t load_us, run_us;
    struct str words;
};

/* A picture of one grey, as large as the input: the card's numbers are what matters, not what it says. */
static bool run_trial(struct call *c, const struct model *model, const struct card *card, struct trial *t)
{
    struct prepared ready;
    struct model_answer answer;
    struct model_face face;
    struct str runtime;
    int64_t pixels = card->input.width * card->input.height * card->input.channels;
    uint8_t *grey = arena_alloc(&c->arena, pixels);
    memset(grey, 128, (size_t)pixels);
    struct film film = { card->input.width, card->input.height, card->input.channels, 1, grey };
    if (!prepare(c, &film, &card->input, &ready))
        return false;
    struct model_question question = { .model = model, .inputs = &ready.tensor, .input_count = 1 };
    bool ok = model_ask(c, &question, &answer, &face, &runtime);
    struct answer given = { card, answer.outputs, ok ? answer.output_count : 0, &ready.placement, &face };
    t->load_us = ok ? answer.load_us : 0;
    t->run_us = ok ? answer.run_us : 0;
    return ok && answer_check(&given, &c->error);
}

static struct str trial_text(struct call *c, const struct trial *t)
{
    struct text text;
    text_init(&text, 8192);
    text_format(&text, "{\"at\":\"%.*s\",\"ok\":%s,\"load_ms\":%" PRId64 ",\"run_ms\":%" PRId64 ",\"words\":",
                STR_FMT(instant_format(clock_now(), &c->arena)), t->ok ? "true" : "false", t->load_us / 1000,
                t->run_us / 1000);
    if (t->words.at)
        text_put_json_string(&text, t->words);
    else
        text_put(&text, S("null"));
    text_put_char(&text, '}');
    struct str out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return out;
}

struct moving {
    int64_t id;
    unsigned from;       /* the state for which it was decided */
    enum model_state to; /* 0: stays as it is */
    struct str trial;
    struct model *out;
    bool tells; /* the row of the audit log goes with it: the endpoint is in no transaction */
};

static bool move(struct call *c, void *context)
{
    const struct moving *m = context;
    if (!db_lock(c, "select id from models where id = ?", V(m->id)) || !model_load(c, m->id, m->out))
        return false;
    struct model before = *m->out;
    if (before.state != m->from)
        return fail(c, E_CONFLICT, "it became %s meanwhile, and stays so", model_states[before.state - 1]);
    m->out->trial.text = m->trial.at ? m->trial : before.trial.text;
    if (m->to) {
        m->out->state = m->to;
        if (m->to == MODEL_RETIRED)
            m->out->retired_at = clock_now();
        else
            m->out->activated_at = clock_now();
    }
    audit_about(c, m->id, 0);
    audit_changed(c, &model_schema, &before, m->out, UINT64_MAX);
    uint64_t mask = GIVEN(schema_find(&model_schema, S("trial"))) | GIVEN(schema_find(&model_schema, S("state"))) |
                    GIVEN(schema_find(&model_schema, S("activated_at"))) |
                    GIVEN(schema_find(&model_schema, S("retired_at")));
    return db_update(c, &model_schema, m->out, mask, "where id = ?", V(m->id)) && (!m->tells || audit_change(c));
}

bool model_activate(struct call *c, int64_t id, enum model_state to, struct model *out)
{
    struct card card;
    struct trial trial = { 0 };
    if (!model_load(c, id, out) || !card_read(c, out->card.text, &card))
        return false;
    unsigned from = out->state;
    trial.ok = run_trial(c, out, &card, &trial);
    if (!trial.ok && c->error.code != E_INVALID)
        return false;
    if (!trial.ok)
        trial.words = arena_copy(&c->arena, error_told(&c->error));
    error_clear(&c->error);
    struct moving moving = { id, from, trial.ok ? to : 0, trial_text(c, &trial), out, trial.ok };
    return db_transact(c, move, &moving) &&
           (trial.ok || fail(c, E_CONFLICT, "its trial run failed: %.*s", STR_FMT(trial.words)));
}

bool model_retire(struct call *c, int64_t id, struct model *out)
{
    if (!model_load(c, id, out))
        return false;
    struct moving moving = { id, out->state, MODEL_RETIRED, STR_NULL, out, false };
    return (out->state == MODEL_ACTIVE || out->state == MODEL_SHADOW || fail(c, E_CONFLICT, "it is not in use")) &&
           move(c, &moving);
}

/* ---- which one ---- */

bool model_default(struct call *c, const struct gate_subject *subject, struct model *out)
{
    enum { LOOKED_AT = 200 };
    struct cursor rows;
    int64_t ids[LOOKED_AT];
    int count = 0;
    for (db_rows(c, &rows,
                 "select id from models where state = 'ACTIVE' order by preference desc, activated_at desc, id "
                 "desc limit 200");
         count < LOOKED_AT && cursor_next(&rows);)
        ids[count++] = cursor_integer(&rows, 0);
    if (!cursor_close(&rows))
        return false;
    for (int i = 0; i < count; i++) {
        struct card card;
        struct gate_reason reason;
        if (!model_load(c, ids[i], out) || !card_read(c, out->card.text, &card))
            return false;
        if (gate_header(c, &card, subject, &reason))
            return true;
    }
    return fail(c, E_CONFLICT, "no model that is active is for such an image: name one (model_id)");
}

bool model_active(struct call *c, struct str name, struct str version, struct model *out)
{
    enum found found =
        version.at ? db_find(c, &model_schema, out, "where m.name = ? and m.version = ? and m.state = 'ACTIVE'",
                             V(name), V(version))
                   : db_find(c, &model_schema, out,
                             "where m.name = ? and m.state = 'ACTIVE' order by m.activated_at desc, m.id desc limit 1",
                             V(name));
    if (found == NONE)
        fail(c, E_NOT_FOUND, "no model that is active has the name %.*s%s%.*s", STR_FMT(name),
             version.at ? " and the version " : "", STR_FMT(version.at ? version : S("")));
    return found == FOUND;
}

bool model_active_versions(struct call *c, struct str name, int most, struct str *out, int *count)
{
    struct cursor rows;
    *count = 0;
    for (db_rows(c, &rows,
                 "select version from models where name = ? and state = 'ACTIVE' order by activated_at desc, id desc "
                 "limit ?",
                 V(name), V(most));
         *count < most && cursor_next(&rows);)
        out[(*count)++] = arena_copy(&c->arena, cursor_text(&rows, 0));
    return cursor_close(&rows);
}
