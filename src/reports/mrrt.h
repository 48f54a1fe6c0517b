/* mrrt.h - templates as IHE's Management of Radiology Report Templates has them: HTML5 with fields in it.
 *
 *     struct template_definition definition;
 *     struct texts remarks;
 *     if (!mrrt_read(c, html, &definition, &remarks)) ...          // E_INVALID: what it is not
 *     struct str html = mrrt_write(c, &definition, S("en"));
 *
 *   <title>, <meta name="dcterms.*">             title, description, language
 *   <script type="text/xml"><template_attributes>  codes: <entry ORIGTXT="id"> ... <code value scheme>
 *   <section data-section-name>                  a section; one inside another becomes a paragraph with its heading
 *   <input>, <select>, radio buttons, check boxes    fields, {{name}} in the section's words
 *   <textarea>, <p> and all other text           the section's words
 *
 * Nothing of the HTML is kept as HTML: what comes out is plain text, names, numbers and codes. So scripts, handlers,
 * styles, pictures and references cannot survive, and words that look like mark-up are words. What has no counterpart
 * here is told in a remark, one sentence each.
 *
 * The reader takes any bytes up to TEMPLATE_BYTES_MAX; what it made still has to be checked (template_check).
 */
#ifndef ROENTGEN_REPORTS_MRRT_H
#define ROENTGEN_REPORTS_MRRT_H

#include "reports/template.h"

enum { MRRT_TAGS_MAX = 8000, MRRT_REMARKS_MAX = 100 };

bool mrrt_read(struct call *c, struct str html, struct template_definition *out, struct texts *remarks);
struct str mrrt_write(struct call *c, const struct template_definition *definition, struct str language);

#endif
