/* report_version.c - versions of a report, and the steps it has gone. */
#include "reports/report.h"

#define TOLD(member, ...) FIELD(struct report_version, member, .flags = READ_ONLY, __VA_ARGS__)
#define MAYBE(member, ...) FIELD(struct report_version, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)
#define OF_CONTENT(MEMBER, ...) \
    FIELD_AS(struct report_version, #MEMBER, content.MEMBER, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)

static const struct field version_fields[] = {
    FIELD(struct report_version, id, .flags = READ_ONLY | WRITE_ONLY, .doc = "Identifies the row."),
    TOLD(report_id, .doc = "The report."),
    TOLD(version, .doc = "The version's number; the first is 1."),
    TOLD(kind, .choices = report_kinds, .type = "ReportKind", .doc = "What it is to what was signed before it."),
    TOLD(status, .choices = report_statuses, .type = "ReportStatus",
         .doc = "How far it has come: DRAFT, until it is signed."),
    MAYBE(replaces, .doc = "The signed version that it replaces or adds to."),
    OF_CONTENT(title, .doc = "What it is called."),
    OF_CONTENT(language, .doc = "The language it is written in."),
    OF_CONTENT(template_id, .doc = "The template it is written by."),
    OF_CONTENT(template_version, .doc = "Which version of that."),
    OF_CONTENT(sections, .doc = "Its text, by section."),
    OF_CONTENT(fields, .doc = "Its values."),
    OF_CONTENT(key_images, .doc = "Images that it shows."),
    OF_CONTENT(sources, .doc = "Where its parts come from."),
    OF_CONTENT(addenda, .doc = "What was added after signing."),
    TOLD(content_sha256, .doc = "SHA-256 of all of that, as it is stored."),
    MAYBE(reason, .doc = "Why it was made."),
    TOLD(author_id, .doc = "The account whose report it is."),
    TOLD(author_name, .sql = "(select u.full_name from users u where u.id = v.author_id)",
         .doc = "That account's full name."),
    TOLD(created_by, .doc = "The account that made this version."),
    TOLD(created_by_name, .sql = "(select u.full_name from users u where u.id = v.created_by)",
         .doc = "That account's full name."),
    FIELD(struct report_version, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was made."),
};
const struct schema report_version_schema =
    SCHEMA("ReportVersion", struct report_version, version_fields, .table = "report_versions", .alias = "v",
           .doc = "A report as it once was. Versions are never rewritten.");

static const struct field step_fields[] = {
    FIELD(struct report_step, id, .flags = READ_ONLY, .doc = "Identifies the step."),
    FIELD(struct report_step, version, .flags = READ_ONLY, .doc = "The version that it was taken with."),
    FIELD(struct report_step, action, .flags = READ_ONLY | NULLABLE, .choices = report_actions, .type = "ReportAction",
          .doc = "What was done; null: it was begun."),
    FIELD(struct report_step, from_status, .flags = READ_ONLY | NULLABLE, .choices = report_statuses,
          .type = "ReportStatus", .doc = "How it stood."),
    FIELD(struct report_step, to_status, .flags = READ_ONLY, .choices = report_statuses, .type = "ReportStatus",
          .doc = "How it stood then."),
    FIELD(struct report_step, user_id, .flags = READ_ONLY, .doc = "The account that did it."),
    FIELD(struct report_step, user_name, .flags = READ_ONLY,
          .sql = "(select u.full_name from users u where u.id = h.user_id)", .doc = "That account's full name."),
    FIELD(struct report_step, reason, .flags = READ_ONLY | NULLABLE, .doc = "Why."),
    FIELD(struct report_step, at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When."),
};
const struct schema report_step_schema = SCHEMA("ReportStep", struct report_step, step_fields, .table = "report_steps",
                                                .alias = "h", .doc = "What somebody did to a report.");

bool report_version_is_signed(const struct report_version *version)
{
    return version->status != REPORT_DRAFT && version->status != REPORT_CANCELLED;
}

bool report_version_load(struct call *c, int64_t report_id, int64_t version, struct report_version *out)
{
    struct report report;
    if (!report_load(c, report_id, &report))
        return false;
    enum found found =
        db_find(c, &report_version_schema, out, "where v.report_id = ? and v.version = ?", V(report_id), V(version));
    if (found == FAILED)
        return false;
    return (found == FOUND &&
            (report_caller_writes(c) || version == report.version || report_version_is_signed(out))) ||
           fail(c, E_NOT_FOUND, "report %" PRId64 " has no version %" PRId64, report_id, version);
}
