/* picture_answer.c - answers that are pictures. */
#include "api/picture_answer.h"

bool picture_is_known(struct call *c, const struct result_key *key)
{
    struct str etag = arena_format(&c->arena, "\"%.16s-%s\"", key->content, key->recipe);
    answer_header(c, "Cache-Control", S("private, no-cache"));
    return answer_is_known(c, etag);
}

void picture_send(struct call *c, const struct picture_query *query, struct str kept)
{
    struct str remark, picture = picture_of_kept(kept, &remark);
    if (remark.len)
        answer_header(c, "X-Picture-Remark", remark);
    answer_bytes(c, picture_media_types[query->format - 1], picture);
}

bool picture_answer(struct call *c, const struct image_file *file, const struct picture_query *query)
{
    struct result_key key;
    struct str kept;
    if (picture_key(c, file, query, &key) && picture_is_known(c, &key))
        return true;
    if (!picture_find(c, file, query, &kept))
        return false;
    picture_send(c, query, kept);
    return true;
}
