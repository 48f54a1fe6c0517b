/* report_remind.c - see report_remind.h. */
#include "reports/report_remind.h"

#include "base/log.h"
#include "db/db.h"
#include "people/mailing.h"
#include "site/app.h"

enum { PEOPLE = 2 };

static bool find_people(struct call *c, const struct report_reminder *reminder, struct str to[PEOPLE], int *count)
{
    struct cursor rows;
    *count = 0;
    for (db_rows(c, &rows,
                 "select u.email from users u where u.status = 'ACTIVE' and u.deleted_at is null and (u.id = ? or u.id "
                 "= (select r.author_id from reports r where r.id = ?)) order by u.id",
                 V(reminder->user_id), V(reminder->report_id));
         *count < PEOPLE && cursor_next(&rows);)
        to[(*count)++] = arena_copy(&c->arena, cursor_text(&rows, 0));
    return cursor_close(&rows);
}

bool report_remind(struct call *c, const struct report_reminder *reminder, int *mailed)
{
    struct str to[PEOPLE + 1];
    int count = 0;
    bool is_set_up = mail_is_configured(c->app);
    if (is_set_up && !find_people(c, reminder, to, &count))
        return false;
    if (is_set_up && reminder->desk.len)
        to[count++] = reminder->desk;
    for (int i = 0; i < count; i++)
        if (!mailing_put(c, &(struct mail){ to[i], reminder->subject, reminder->body }))
            return false;
    *mailed = count;
    if (!count)
        log_write(c->app->log, LOG_ERROR, NULL, "report.nobody",
                  "something of report %" PRId64 " is overdue, and there is nobody to mail: set %s",
                  reminder->report_id, is_set_up ? reminder->desk_setting : "SMTP_URL and MAIL_FROM");
    return true;
}
