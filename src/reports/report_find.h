/* report_find.h - what reports are found by: the words that they say, and the codes of their fields.
 *
 *     report_index(c, id)                          // in the transaction that makes a version, signs or gives one up
 *     GET /reports?search=结节    GET /reports?code=Lung-RADS:3    GET /reports?code=lung_rads=3
 *
 * A report has two faces (report.h), and so it has words twice: those of the current version, for who writes reports,
 * and those of the version that readers are shown. Nobody finds a report by a word, or a code, that they are not shown.
 *
 *   report_search        id, pairs of characters (db/db.h) of the current version
 *   report_face_search   the same of the signed one; of what was never signed, once it is submitted
 *   report_codes         is_face, code:  "Lung-RADS-2022:3", "Lung-RADS:3" (the system without its edition),
 *                        "lung_rads=3" (the field's name), "LN:24627-2" (a field's own code, where it has a value)
 *
 * Words are those of title, sections, texts in fields, and addenda. Codes are kept in capitals of ASCII.
 * records/renewal.h makes both anew where an earlier version of the program made them, or none.
 */
#ifndef ROENTGEN_REPORTS_REPORT_FIND_H
#define ROENTGEN_REPORTS_REPORT_FIND_H

#include "records/renewal.h"
#include "reports/report.h"

enum { REPORT_CODE_MAX = 200, REPORT_CODES_MAX = 500 };

bool report_index(struct call *c, int64_t id);
/* As it is kept. */
struct str report_code_key(struct call *c, struct str asked);
/* For `renewal_also`: ends with a row whose name is NULL. */
extern const struct findable report_findables[];

#endif
