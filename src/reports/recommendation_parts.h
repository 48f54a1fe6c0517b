/* recommendation_parts.h - what the files of the follow-up register share. Inside transactions. */
#ifndef ROENTGEN_REPORTS_RECOMMENDATION_PARTS_H
#define ROENTGEN_REPORTS_RECOMMENDATION_PARTS_H

#include "records/modality.h"
#include "reports/recommendation.h"

/* In one wording, so that who waits for the row is known to (db_lock). After patient, study and report. */
#define RECOMMENDATION_LOCK_SQL "select id from recommendations where id = ?"

/* Has the study `s` images that can be looked at? Documents, reports and notes about images are none. */
#define RECOMMENDATION_HAS_IMAGES \
    "exists (select 1 from image_files f where f.study_id = s.id and " IN_SIGHT( \
        "f") " and f.status <> 'FAILED' and " IS_PICTURE("f.modality") ")"

/* A row of its history. Whoever listens hears of it, unless it is PENDING: that is for those who write reports. */
struct recommendation_news {
    int64_t id, report_id, study_id; /* `study_id`: the report's */
    enum recommendation_event_kind kind;
    bool is_pending;
    int64_t about_study; /* which closed it, or does not do; not above 0: none */
    struct str text;
};
bool recommendation_put_event(struct call *c, const struct recommendation_news *news);

/* By the permission, or because the caller has recommended it. */
bool recommendation_may(const struct call *c, const struct recommendation *k, const struct recommendation_move *move);

#endif
