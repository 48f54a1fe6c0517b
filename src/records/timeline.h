/* timeline.h - what came for a patient, in order of time.
 *
 *     struct timeline timeline;
 *     if (!timeline_of_patient(c, patient_id, &timeline)) ...
 *
 * The patient's studies and image files, newest first and the latest TIMELINE_MAX: as far as the caller may see them
 * (visibility.h), so that two who ask need not see the same. Of a study in which the caller has only a file, what that
 * file said (study_view.h). Who reads neither studies nor images has an empty one.
 *
 * The events live in the call's arena. E_NOT_FOUND when there is no such patient (or it is deleted); the audit row in
 * progress is about the patient in either case.
 */
#ifndef ROENTGEN_TIMELINE_H
#define ROENTGEN_TIMELINE_H

#include "base/call.h"
#include "schema/field.h"

enum { TIMELINE_MAX = 500 };

enum event_kind { EVENT_NONE, EVENT_STUDY, EVENT_IMAGE_FILE };

struct event {
    int64_t id;
    struct instant at;
    unsigned kind; /* enum event_kind */
    struct str title;
    int64_t study_id, image_file_id;
};

struct timeline {
    struct list items; /* of struct event */
};
extern const struct schema timeline_schema;

bool timeline_of_patient(struct call *c, int64_t patient_id, struct timeline *out);

#endif
