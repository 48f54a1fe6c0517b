/* etag.c - lists of entity tags (RFC 9110 8.8.3, 13.1). */
#include "http/http.h"

/* Takes the first tag off *list, with its quotes. False at the end, or when what comes is not a tag. */
static bool next_tag(struct str *list, struct str *tag, bool *weak)
{
    ptrdiff_t at = 0;
    while (at < list->len && (list->at[at] == ' ' || list->at[at] == '\t' || list->at[at] == ','))
        at++;
    *weak = at + 1 < list->len && list->at[at] == 'W' && list->at[at + 1] == '/';
    if (*weak)
        at += 2;
    if (at >= list->len || list->at[at] != '"')
        return false;
    ptrdiff_t end = at + 1;
    while (end < list->len && list->at[end] != '"')
        end++;
    if (end == list->len)
        return false;
    *tag = str_slice(*list, at, end + 1);
    *list = str_slice(*list, end + 1, list->len);
    return true;
}

bool http_etag_matches(struct str list, struct str etag, bool weak)
{
    struct str tag;
    bool tag_is_weak;
    if (str_equal(str_trim(list), S("*")))
        return true;
    while (next_tag(&list, &tag, &tag_is_weak))
        if ((weak || !tag_is_weak) && str_equal(tag, etag))
            return true;
    return false;
}
