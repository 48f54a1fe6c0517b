/* content.h - what a report says: sections of text, values, pictures, and where each part comes from.
 *
 *     "title": "CT of the chest", "language": "zh-CN",
 *     "template_id": 3, "template_version": 2,
 *     "sections":   {"findings": "...", "impression": "..."}          text; by the template's names, or the common ones
 *     "fields":     {"nodule_size": 6.2, "lung_rads": "3"}            values, by the template's names
 *     "key_images": [{"image_file_id": 812, "frame": 1, "caption": "..."}]
 *     "sources":    [{"section": "findings", "text": "...", "kind": "MEASUREMENT", "reference": "..."}]
 *     "addenda":    [{"text": "...", "author_id": 4, "author_name": "李四", "added_at": "..."}]
 *
 * A change says what is to be another: sections and fields are merged by name, and null takes one out (RFC 7396); the
 * lists are replaced. Whoever merges two changes of one version, one after the other, loses neither.
 *
 * Sections are kept in the template's order. Without a template they are the common ones: indication, technique,
 * comparison, findings, impression, recommendation. Names are the same in all languages, titles are not.
 *
 * A section that the template has words for begins with these; as long as nobody has written otherwise they follow the
 * fields. What has no value yet stands as "____", and a report with one of those is not submitted.
 *
 * Everything is in the call's arena. Problems are told by their place ("sections.findings").
 */
#ifndef ROENTGEN_REPORTS_CONTENT_H
#define ROENTGEN_REPORTS_CONTENT_H

#include "base/call.h"
#include "schema/field.h"

enum {
    CONTENT_SECTION_MAX = 100000, /* bytes of one */
    CONTENT_BYTES_MAX = 512 << 10,
    CONTENT_IMAGES_MAX = 20,
    CONTENT_SOURCES_MAX = 500,
    CONTENT_ADDENDUM_MAX = 20000,
    CONTENT_ADDENDA_MAX = 50
};

struct template_definition; /* reports/template.h */

/* A section that a report may have. */
struct section_row {
    struct str name, title_en, title_zh;
    bool is_required; /* before it is submitted */
};
/* What a report is written by: the sections of its template, else the common ones. */
struct content_form {
    const struct section_row *sections;
    int count;
    const struct template_definition *definition; /* NULL: no template */
    int64_t version;                              /* of the template */
};

enum source_kind { FROM_MEASUREMENT = 1, FROM_DIAGNOSIS, FROM_PRIOR };
extern const char *const source_kinds[];

struct key_image {
    int64_t image_file_id, frame;
    struct str caption;
};
extern const struct schema key_image_schema;

/* Where a sentence or a value comes from. */
struct content_source {
    struct str section, field; /* one of the two */
    struct str text;           /* the sentence, as it was put there */
    unsigned kind;
    struct str reference; /* "images/812/annotations/4", "diagnosis/77", "reports/5" */
    struct str detail;    /* of a diagnosis: model and version, as the server says */
};
extern const struct schema content_source_schema;

struct content_addendum {
    struct str text;
    int64_t author_id;
    struct str author_name; /* as they were called then */
    struct instant added_at;
};
extern const struct schema content_addendum_schema;

struct report_content {
    struct str title, language;
    int64_t template_id, template_version;
    struct json sections, fields;             /* objects */
    struct json key_images, sources, addenda; /* lists of the records above */
};

/* What is to be another; null members: as they are. */
struct content_change {
    struct str title, language;
    int64_t template_id; /* of a new report; INTEGER_NULL: none */
    struct json sections, fields;
    struct list key_images, sources;
    struct list added_sources;                   /* to those that the report has, or that `sources` says; each once */
    bool has_title, has_key_images, has_sources; /* an empty list is one; a title may be taken out */
    struct str addendum;
};

/* `before`: NULL for a new report. *out is complete; before is not changed. E_INVALID. */
bool content_merge(struct call *c, const struct report_content *before, const struct content_change *change,
                   struct report_content *out);
/* What it is written by. */
bool content_form_of(struct call *c, const struct report_content *content, struct content_form *out);
/* The sections that have to say something before it is submitted: E_INVALID names those that do not. */
bool content_is_complete(struct call *c, const struct report_content *content);
/* The text of a section; null: it has none. */
struct str content_section(struct call *c, const struct report_content *content, struct str name);
bool content_images(struct call *c, const struct report_content *content, struct list *out);      /* struct key_image */
bool content_source_list(struct call *c, const struct report_content *content, struct list *out); /* content_source */
bool content_addenda(struct call *c, const struct report_content *content, struct list *out);
/* SHA-256, in hexadecimal, of the content as stored. */
struct str content_digest(struct call *c, const struct report_content *content);
bool content_is_same(const struct report_content *one, const struct report_content *other);

#endif
