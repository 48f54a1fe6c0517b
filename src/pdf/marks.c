/* marks.c - lines and words over an image, as vectors: sharp on paper, and small in the file.
 *
 * A line is yellow, with black below it that is wider, and words are white on black: so they can be told from any film,
 * black, white or grey, and on paper without colour as well.
 */
#include "pdf/composer.h"

#include <math.h>

#define LINE_WIDTH 0.9 /* points: 0.3 mm */
#define EDGE_WIDTH 2.1
#define CROSS_SIDE 3.5
#define WORDS_SIZE 7.0
#define WORDS_PAD 1.5
#define WORDS_AWAY 4.0 /* from their place */
enum { WORDS_LINES_MAX = 3, STEPS_MAX = 60 };

struct frame {
    struct pdf_composer *p;
    struct text *out;
    double x, y, width, height; /* of the image on the page, y downwards */
};
struct label {
    double x, y, width, height;
};

static void put_point(const struct frame *f, double x, double y, const char *operator)
{
    pdf_put_numbers(f->out, 2, (double[]){ x, f->p->page_height - y });
    text_format(f->out, "%s ", operator);
}

static void put_path(const struct frame *f, const struct pdf_mark *mark)
{
    double x = f->x + mark->places[0].x * f->width, y = f->y + mark->places[0].y * f->height;
    if (mark->count == 1) {
        put_point(f, x - CROSS_SIDE, y, "m");
        put_point(f, x + CROSS_SIDE, y, "l");
        put_point(f, x, y - CROSS_SIDE, "m");
        put_point(f, x, y + CROSS_SIDE, "l");
        text_put(f->out, S("S\n"));
        return;
    }
    put_point(f, x, y, "m");
    for (int i = 1; i < mark->count; i++)
        put_point(f, f->x + mark->places[i].x * f->width, f->y + mark->places[i].y * f->height, "l");
    text_put(f->out, mark->is_closed ? S("s\n") : S("S\n"));
}

static void paint_line(const struct frame *f, const struct pdf_mark *mark)
{
    text_put(f->out, S("0 G "));
    pdf_put_real(f->out, EDGE_WIDTH);
    text_put(f->out, S(" w [] 0 d\n"));
    put_path(f, mark);
    text_put(f->out, S("1 0.85 0 RG "));
    pdf_put_real(f->out, LINE_WIDTH);
    text_put(f->out, mark->is_dashed ? S(" w [4 3] 0 d\n") : S(" w\n"));
    put_path(f, mark);
}

static bool covers(const struct label *a, const struct label *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height && b->y < a->y + a->height;
}

static double within(double at, double size, double from, double room)
{
    return fmax(from, fmin(at, from + room - size));
}

/* Below the place, then further and further away from it, upwards and downwards; where nothing is free, there. */
static void find_room(const struct frame *f, const struct label *others, int count, struct label *label)
{
    double from = label->y;
    for (int step = 0; step < STEPS_MAX; step++) {
        int lines = (step + 1) / 2;
        double away = lines * (label->height + 1);
        label->y = within(step % 2 ? from - away : from + away, label->height, f->y, f->height);
        int i = 0;
        while (i < count && !covers(label, &others[i]))
            i++;
        if (i == count)
            return;
    }
    label->y = within(from, label->height, f->y, f->height);
}

static void paint_words(const struct frame *f, const struct pdf_mark *mark, struct label *labels, int *count)
{
    struct pdf_style style = { WORDS_SIZE, false, 1, PANGO_ALIGN_LEFT };
    PangoLayout *layout = pdf_words(f->p, mark->text, style, f->width * 0.7);
    PangoRectangle size;
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_height(layout, -WORDS_LINES_MAX);
    pango_layout_get_extents(layout, NULL, &size);
    struct pdf_lines lines = pdf_lines_of(f->p, layout);
    struct label *label = &labels[*count];
    label->width = (double)size.width / PANGO_SCALE + 2 * WORDS_PAD;
    label->height = (double)size.height / PANGO_SCALE;
    label->x = within(f->x + mark->text_at.x * f->width + WORDS_AWAY, label->width, f->x, f->width);
    label->y = f->y + mark->text_at.y * f->height + WORDS_AWAY;
    find_room(f, labels, *count, label);
    ++*count;
    text_put(f->out, S("0 g "));
    pdf_put_numbers(f->out, 4,
                    (double[]){ label->x, f->p->page_height - label->y - label->height, label->width, label->height });
    text_put(f->out, S("re f\n"));
    pdf_paint_lines(f->p, layout, &lines, 0, lines.count, label->x + WORDS_PAD, label->y);
    g_object_unref(layout);
}

void pdf_marks_paint(struct pdf_composer *p, struct text *out, const struct pdf_block *figure, double x, double y,
                     double width, double height)
{
    struct frame f = { p, out, x, y, width, height };
    struct label *labels = arena_array(&p->c->arena, struct label, figure->count + 1);
    int count = 0;
    if (!figure->count)
        return;
    text_put(out, S("q "));
    pdf_put_numbers(out, 4, (double[]){ x, p->page_height - y - height, width, height });
    text_put(out, S("re W n 1 J 1 j\n"));
    for (int i = 0; i < figure->count; i++)
        if (figure->marks[i].count > 0)
            paint_line(&f, &figure->marks[i]);
    for (int i = 0; i < figure->count; i++)
        if (figure->marks[i].text.len > 0)
            paint_words(&f, &figure->marks[i], labels, &count);
    text_put(out, S("Q\n"));
}
