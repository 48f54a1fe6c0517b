/* layout.c - the lines of a request's headers, by the addresses of what was parsed. */
#include "http/layout.h"

#include <microhttpd.h>

enum { LINE_END = 2, HEAD_END = 2 * LINE_END };

bool layout_is_known(void)
{
    return str_equal(str_from(MHD_get_version()), S("0.9.75"));
}

void layout_begin(struct layout *layout, struct str version)
{
    *layout = (struct layout){ .known = layout_is_known(), .at = (uintptr_t)(version.at + version.len) };
}

/* The value begins behind the colon and any spaces. */
void layout_field(struct layout *layout, struct str name, struct str value)
{
    uintptr_t begins = (uintptr_t)name.at, colon = begins + (uintptr_t)name.len, says = (uintptr_t)value.at;
    if (begins != layout->at + LINE_END || says <= colon)
        layout->broken = true;
    layout->at = says + (uintptr_t)value.len;
}

bool layout_end(const struct layout *layout, const char *end)
{
    return !layout->known || (!layout->broken && (uintptr_t)end == layout->at + HEAD_END);
}
