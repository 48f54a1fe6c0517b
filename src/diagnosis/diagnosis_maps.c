/* diagnosis_maps.c - see diagnosis_maps.h. */
#include "diagnosis/diagnosis_maps.h"

#include "schema/json_read.h"
#include "base/crypto.h"

#include <string.h>

enum { CELLS_MAX = 256 * 256 };

static int64_t cells_of(const struct grid *grid)
{
    return grid->at && grid->width > 0 && grid->height > 0 && grid->width <= CELLS_MAX && grid->height <= CELLS_MAX
               ? grid->width * grid->height
               : 0;
}

static void put_grid(struct text *out, const char *name, const struct grid *grid, struct arena *arena)
{
    int64_t cells = cells_of(grid);
    if (!cells || cells > CELLS_MAX)
        return;
    struct str bytes = { (const char *)grid->at, cells * (int64_t)sizeof(float) };
    text_format(out, "\"%s\":{\"width\":%" PRId64 ",\"height\":%" PRId64 ",\"values\":", name, grid->width,
                grid->height);
    text_put_json_string(out, crypto_base64(bytes, arena));
    text_put(out, S("},"));
}

void maps_put(struct text *out, struct diagnosis_maps *maps, struct arena *arena)
{
    const struct placement *p = &maps->placement;
    text_put_char(out, '{');
    put_grid(out, "evidence", &maps->evidence, arena);
    put_grid(out, "region", &maps->region, arena);
    const double scales[] = { p->scale_x, p->scale_y, p->left, p->top };
    text_put(out, S("\"placement\":["));
    for (int i = 0; i < 4; i++) {
        text_put_real(out, scales[i]);
        text_put_char(out, ',');
    }
    text_format(out, "%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 "]}", p->frame_width, p->frame_height,
                p->input_width, p->input_height);
}

static void read_grid(struct call *c, const json_t *of, struct grid *out)
{
    struct str values = { json_string_value(json_object_get(of, "values")),
                          (ptrdiff_t)json_string_length(json_object_get(of, "values")) };
    struct str bytes;
    struct grid grid = { json_integer_value(json_object_get(of, "width")),
                         json_integer_value(json_object_get(of, "height")), NULL };
    *out = (struct grid){ 0 };
    if (!values.at || grid.width < 1 || grid.height < 1 || grid.width > CELLS_MAX || grid.height > CELLS_MAX ||
        !crypto_unbase64(values, &c->arena, &bytes) || bytes.len != grid.width * grid.height * (int64_t)sizeof(float))
        return;
    float *at = arena_alloc(&c->arena, bytes.len);
    memcpy(at, bytes.at, (size_t)bytes.len);
    grid.at = at;
    *out = grid;
}

bool maps_read(struct call *c, struct str json, struct diagnosis_maps *out)
{
    struct json_flaw flaw;
    json_t *root = json_read(json, &c->arena, &flaw);
    const json_t *p = json_object_get(root, "placement");
    *out = (struct diagnosis_maps){ 0 };
    if (json_array_size(p) == 8) {
        double at[8];
        for (size_t i = 0; i < 8; i++)
            at[i] = json_number_value(json_array_get(p, i));
        out->placement = (struct placement){ at[0],          at[1],          at[2],          at[3],
                                             (int64_t)at[4], (int64_t)at[5], (int64_t)at[6], (int64_t)at[7] };
        read_grid(c, json_object_get(root, "evidence"), &out->evidence);
        read_grid(c, json_object_get(root, "region"), &out->region);
    }
    json_decref(root);
    return out->placement.frame_width > 0 || fail(c, E_INTERNAL, "what is kept of a result cannot be read");
}
