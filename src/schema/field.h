/* field.h - one row says all there is to say about one member of a record.
 *
 *     struct study { int64_t id; struct str study_uid; enum modality modality; struct instant created_at; };
 *
 *     static const struct field study_fields[] = {
 *         FIELD(struct study, id, .flags = READ_ONLY, .doc = "Identifies the study here."),
 *         FIELD(struct study, study_uid, .flags = REQUIRED, .min = 1, .max = 64, .doc = "Study Instance UID."),
 *         FIELD(struct study, status, .choices = study_statuses, .type = "StudyStatus", .doc = "How far it is."),
 *         FIELD(struct study, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was registered."),
 *     };
 *     const struct schema study_schema = SCHEMA("Study", struct study, study_fields, .table = "studies");
 *
 * JSON in and out, query strings, validation, SQL columns, OpenAPI and command lines are walks over these rows.
 *
 * Null: every kind has a null representation inside its own type (see value.h), so a record needs no side table.
 * A record must be cleared with schema_clear before it is filled, because null is not always all-zero bits.
 *
 * Choices: `choices` is a NULL-terminated list of names; the member is an enum (unsigned) where 0 is null and
 * n stands for choices[n - 1]. Stored and sent as the text.
 *
 * What a field's text takes: valid UTF-8 without control characters other than tab and line ends, trimmed
 * (KEEP_SPACES: not), at most `max` code points as sent, at least `min` after trimming, 10,000 where no limit is
 * said. Empty text is null, or missing where REQUIRED (KEEP_EMPTY: stays). Names of choices match exactly. Booleans
 * have no null: null is a problem unless the row has a default.
 *
 * Integers: whole numbers of 64 bits but the least; from JSON also 1.0 and 1e3, which JSON Schema calls integers too.
 *
 * An object has no null of its own: one that is NULLABLE is null when all its members are.
 *
 * Objects and lists have no column (NOT_STORED); texts, integers, counts and json are JSON text in SQL.
 *
 * A schema has at most 64 fields, because "given" is a 64-bit mask.
 */
#ifndef ROENTGEN_FIELD_H
#define ROENTGEN_FIELD_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/value.h"

enum field_flag {
    REQUIRED = 1 << 0,      /* the input must hold it, not null (PATCH: if given, not null) */
    READ_ONLY = 1 << 1,     /* not accepted from a body or query; may come from the path */
    WRITE_ONLY = 1 << 2,    /* accepted, never encoded */
    SECRET = 1 << 3,        /* as WRITE_ONLY, and never logged nor quoted in a problem */
    ENCRYPTED = 1 << 4,     /* sealed on its way into SQL; text only */
    HASHED = 1 << 5,        /* column NAME_hash holds its keyed hash, for exact search; with ENCRYPTED */
    NOT_STORED = 1 << 6,    /* no column: derived or input only */
    SET_ON_INSERT = 1 << 7, /* struct instant: db_insert sets it to now */
    SET_ON_UPDATE = 1 << 8, /* struct instant: db_insert and db_update set it to now */
    NULLABLE = 1 << 9,      /* may be null in answers (documentation and OpenAPI) */
    WITHHELD = 1 << 17,     /* the record always has it, answers may not: the veil takes it out, and it is null */
    AT_TIMES = 1 << 18,     /* an answer may lack it, as the endpoint says (answer_members) */
    IN_QUERY = 1 << 10,     /* comes from the query even when the request has a body */
    KEEP_EMPTY = 1 << 11,   /* an empty text stays empty instead of becoming null */
    DAY_END = 1 << 13,      /* struct instant: a date alone means its last moment, not its first */
    KEEP_SPACES = 1 << 12,  /* the text is not trimmed (passwords, names of files) */
    VEILS = 1 << 14,        /* read from SQL even when the caller did not ask for it: the schema's veil, or what it
                               derives, looks at it */
    NOT_QUOTED = 1 << 15,   /* the audit log says that it changed, not from what to what; so of SECRET, ENCRYPTED */
    GENERATED = 1 << 16,    /* a column that is only read with the record: triggers or SQL of their own keep it */
};

struct call;
struct kind;
struct schema;
struct field;

/* What a text has to be beside its length: an e-mail address, a name that cannot be mistaken. */
struct text_rule {
    const char *format; /* OpenAPI "format" or NULL */
    /* NULL when the text, trimmed and not empty, will do; else a problem type, and *message says what would be
     * right. */
    const char *(*check)(struct str text, struct arena *arena, struct str *message);
};

struct field {
    const char *name;  /* in C, SQL, JSON, CLI and docs alike */
    unsigned name_len; /* of `name`; 0: not known (rows written without FIELD) */
    const struct kind *kind;
    size_t offset;
    unsigned flags;
    int64_t min, max; /* integer, real: value; text: code points; list, texts, integers, counts: items; json: bytes.
                                     Both 0: only the kind's own bound; max below min: no upper limit but the kind's */
    const char *const *choices;   /* text or choice kinds */
    const char *type;             /* of what has choices: what clients call them all, "StudyStatus" or "study_status" */
    const struct schema *of;      /* object and list kinds: what is inside */
    const struct text_rule *rule; /* text: what else it has to be; NULL: nothing */
    const char *fallback;         /* default as text, when the input lacks it, or says null without NULLABLE */
    const char *sql;              /* expression to select, when it is not this table's own column: "u.full_name" */
    const char *filter;           /* in list inputs: the SQL condition with one `?`, e.g. "f.created_at >= ?" */
    const char *doc;              /* required: one sentence or two */
    const char *example;          /* as JSON would show it without quotes */
    uint32_t tag;                 /* DICOM attribute that fills it; 0: none */
};

struct schema {
    const char *name; /* "ImageFile", in OpenAPI */
    const char *doc;
    const struct field *fields;
    int count;
    size_t size;
    const char *table; /* NULL: not stored */
    const char *alias; /* table alias in SELECTs, e.g. "f"; NULL: the table's name */
    const char *join;  /* joins that fields' `sql` need: "left join users u on u.id = f.uploaded_by" */
    /* Fills members that have no column (NOT_STORED) from those that have, after each row that is read; NULL: there are
     * none. */
    void (*derive)(void *record, struct arena *arena);
    /* Takes out of a record, before it is sent, what this caller is not to know; NULL: nothing. False: call.error says
     * why not. */
    bool (*veil)(struct call *c, void *record);
};

/* How one C type is cleared, read and written; and what it is called outside. */
struct kind {
    const char *name;      /* "text", "integer", ... */
    const char *json_type; /* OpenAPI "type" */
    const char *format;    /* OpenAPI "format" or NULL */
    size_t size;           /* sizeof the member, checked against the schema's size */
    void (*clear)(const struct field *field, void *member);
    /* The member as sent outside (instants as RFC 3339 text...). Text may point into the member or the arena. */
    struct value (*get)(const struct field *field, const void *member, struct arena *arena);
    /* The member as stored in SQL (instants as microseconds...). */
    struct value (*store)(const struct field *field, const void *member, struct arena *arena);
    /* From outside (JSON, query, command line: text is parsed where the JSON type is not text). NULL on success, else
     * a problem type such as "not_an_integer"; *message then says what would be right. Limits are checked here. */
    const char *(*set)(const struct field *field, void *member, struct value value, struct arena *arena,
                       struct str *message);
    /* From SQL: trusted, no limits checked. False when the column does not fit the type. */
    bool (*load)(const struct field *field, void *member, struct value value, struct arena *arena);
};

extern const struct kind kind_text, kind_integer, kind_boolean, kind_real, kind_choice, kind_instant, kind_date;
extern const struct kind kind_object;   /* a struct member; field.of says its schema */
extern const struct kind kind_list;     /* struct list of records; field.of */
extern const struct kind kind_texts;    /* struct texts */
extern const struct kind kind_integers; /* struct integers; stored in SQL as JSON text */
extern const struct kind kind_counts;   /* struct counts: {"DICOM": 80, ...} */
extern const struct kind kind_json;     /* struct json: any JSON, kept as text */

struct list {
    void *items; /* array of records of field.of->size */
    ptrdiff_t count;
};
struct texts {
    struct str *items;
    ptrdiff_t count;
};
struct integers {
    int64_t *items;
    ptrdiff_t count;
};
struct count {
    struct str name;
    int64_t n;
};
struct counts {
    struct count *items;
    ptrdiff_t count;
};
struct json {
    struct str text; /* valid JSON, or null */
};

#define KIND_OF(x) \
    _Generic((x), struct str \
             : &kind_text, int64_t \
             : &kind_integer, bool \
             : &kind_boolean, double \
             : &kind_real, unsigned \
             : &kind_choice, struct instant \
             : &kind_instant, struct date \
             : &kind_date, struct list \
             : &kind_list, struct texts \
             : &kind_texts, struct integers \
             : &kind_integers, struct counts \
             : &kind_counts, struct json \
             : &kind_json)
#define FIELD(T, member, ...) \
    { \
        .name = #member, .name_len = sizeof(#member) - 1, .kind = KIND_OF(((T *)0)->member), \
        .offset = offsetof(T, member), __VA_ARGS__ \
    }
/* A member that is called otherwise outside, or lies in a struct within the record:
 * FIELD_AS(struct edit, "title", content.title, .doc = "..."). */
#define FIELD_AS(T, NAME, member, ...) \
    { \
        .name = NAME, .name_len = sizeof(NAME) - 1, .kind = KIND_OF(((T *)0)->member), .offset = offsetof(T, member), \
        __VA_ARGS__ \
    }
/* A nested record; `of` is required. */
#define FIELD_OBJECT(T, member, ...) \
    { \
        .name = #member, .name_len = sizeof(#member) - 1, .kind = &kind_object, .offset = offsetof(T, member), \
        __VA_ARGS__ \
    }

/* The id of a record, which the path names. */
#define KEY(T, member, what) FIELD(T, member, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = what)

/* SCHEMA(name, type, rows) or with more: SCHEMA(name, type, rows, .table = "..."). */
#define SCHEMA(NAME, T, ...) SCHEMA_OF(NAME, __VA_ARGS__, .size = sizeof(T))
#define SCHEMA_OF(NAME, FIELDS, ...) \
    { \
        .name = NAME, .fields = FIELDS, .count = (int)(sizeof(FIELDS) / sizeof(FIELDS[0])), __VA_ARGS__ \
    }

void schema_clear(const struct schema *schema, void *record);
void *schema_new(const struct schema *schema, struct arena *arena); /* cleared */
int schema_find(const struct schema *schema, struct str name);      /* index, or -1 */
#define GIVEN(index) ((uint64_t)1 << (index))
bool schema_was_given(const struct schema *schema, uint64_t given, const char *name);

/* Start-up check: a missing doc, two equal names, more than 64 fields, choices without a list, a default that
 * its own limits refuse. Says all that is wrong, one line each, and returns how many. */
struct text;
int schema_check(const struct schema *schema, struct text *complaints);

/* Sets one member from outside text or JSON value, adding a problem at `place` when it does not fit. `prefix` is
 * put before the member's name in problems ("items.3."). */
struct call;
bool field_take(struct call *c, const struct field *field, void *record, struct value value, const char *place,
                struct str prefix);

/* Applies defaults to members not given and reports missing REQUIRED ones (not when `partial`). `seen` holds the
 * members that appeared at all, so a bad value is not also reported as missing. */
void schema_finish(struct call *c, const struct schema *schema, void *record, uint64_t given, uint64_t seen,
                   bool partial, const char *place, struct str prefix);

struct str choice_text(const char *const *choices, unsigned choice); /* 0 gives null */
unsigned choice_of(const char *const *choices, struct str name);     /* 0 when none */

#endif
