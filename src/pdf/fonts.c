#include "pdf/fonts.h"

#include "base/thread.h"

#include <assert.h>
#include <fontconfig/fontconfig.h>
#include <hb-ot.h>
#include <pango/pangofc-fontmap.h>

static pthread_mutex_t fonts_lock = PTHREAD_MUTEX_INITIALIZER;
static struct pdf_fonts the_fonts; /* under the lock; map: they are there */

#ifdef __SANITIZE_ADDRESS__
/* fontconfig keeps offsets in the place of pointers, which the search for leaks cannot follow. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}
#endif

static const char fonts_config[] =
    "<?xml version=\"1.0\"?><fontconfig>"
    "<dir>/usr/share/fonts</dir><dir>/usr/local/share/fonts</dir><cachedir>/var/cache/fontconfig</cachedir>"
    "<selectfont><rejectfont>"
    "<pattern><patelt name=\"outline\"><bool>false</bool></patelt></pattern>"
    "<pattern><patelt name=\"color\"><bool>true</bool></patelt></pattern>"
    "<pattern><patelt name=\"variable\"><bool>true</bool></patelt></pattern>"
    "<pattern><patelt name=\"fontformat\"><string>Type 1</string></patelt></pattern>"
    "<glob>*.pfb</glob><glob>*.pfa</glob><glob>*.t1</glob><glob>*.woff</glob><glob>*.woff2</glob><glob>*.pcf*</glob>"
    "</rejectfont></selectfont></fontconfig>";

static bool has_family(FcConfig *config, const char *family)
{
    FcPattern *pattern = FcPatternBuild(NULL, FC_FAMILY, FcTypeString, family, (char *)NULL);
    FcObjectSet *objects = FcObjectSetBuild(FC_FILE, (char *)NULL);
    FcFontSet *found = FcFontList(config, pattern, objects);
    bool has = found && found->nfont > 0;
    if (found)
        FcFontSetDestroy(found);
    FcObjectSetDestroy(objects);
    FcPatternDestroy(pattern);
    return has;
}

/* pattern: what Pango asks for. The sizes of glyphs are those of the outline, wherever it will be shown. */
static void without_hints(FcPattern *pattern, gpointer data)
{
    (void)data;
    FcPatternDel(pattern, FC_HINTING);
    FcPatternAddBool(pattern, FC_HINTING, FcFalse);
    FcPatternDel(pattern, FC_ANTIALIAS);
    FcPatternAddBool(pattern, FC_ANTIALIAS, FcTrue);
    FcPatternDel(pattern, FC_EMBOLDEN);
}

static bool open_fonts(struct pdf_fonts *fonts, struct error *error)
{
    FcConfig *config = FcConfigCreate();
    if (!config || !FcConfigParseAndLoadFromMemory(config, (const FcChar8 *)fonts_config, FcTrue) ||
        !FcConfigBuildFonts(config)) {
        if (config)
            FcConfigDestroy(config);
        return error_set(error, E_UNAVAILABLE, "fontconfig cannot read the fonts below /usr/share/fonts");
    }
    if (!has_family(config, "Noto Sans CJK SC")) {
        FcConfigDestroy(config);
        error->is_ours = true;
        return error_set(error, E_UNAVAILABLE,
                         "the font Noto Sans CJK is not installed, without which no PDF can be made: install Debian's "
                         "package fonts-noto-cjk");
    }
    fonts->map = pango_ft2_font_map_new();
    pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(fonts->map), config); /* takes a reference of its own */
    FcConfigDestroy(config);
    pango_ft2_font_map_set_resolution(PANGO_FT2_FONT_MAP(fonts->map), 72, 72);
    pango_fc_font_map_set_default_substitute(PANGO_FC_FONT_MAP(fonts->map), without_hints, NULL, NULL);
    fonts->context = pango_font_map_create_context(fonts->map);
    pango_context_set_round_glyph_positions(fonts->context, FALSE);
    return true;
}

struct pdf_fonts *pdf_fonts_take(struct error *error)
{
    pthread_mutex_lock(&fonts_lock);
    if (the_fonts.map)
        return &the_fonts;
    sigset_t before;
    thread_mask_signals(&before); /* Pango begins a thread for fontconfig */
    bool opened = open_fonts(&the_fonts, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (opened)
        return &the_fonts;
    pthread_mutex_unlock(&fonts_lock);
    return NULL;
}

void pdf_fonts_give(struct pdf_fonts *fonts)
{
    assert(fonts == &the_fonts);
    pthread_mutex_unlock(&fonts_lock);
}

static void look_at_face(struct pdf_face *face)
{
    hb_blob_t *table = hb_face_reference_table(face->face, HB_TAG('C', 'F', 'F', ' '));
    unsigned len = 0;
    const char *bytes = hb_blob_get_data(table, &len);
    if (len > 0) {
        face->cids = pdf_cff_cids((struct str){ bytes, (ptrdiff_t)len }, face->glyphs);
        face->kind = face->cids ? PDF_FACE_CFF_CID : PDF_FACE_CFF;
    }
    hb_blob_destroy(table);
}

struct pdf_face *pdf_fonts_face(struct pdf_fonts *fonts, hb_face_t *hb_face)
{
    for (struct pdf_face *face = fonts->faces; face; face = face->next)
        if (face->face == hb_face)
            return face;
    struct pdf_face *face = calloc(1, sizeof *face);
    if (!face)
        abort();
    face->face = hb_face_reference(hb_face);
    face->units = hb_face_get_upem(hb_face);
    face->glyphs = hb_face_get_glyph_count(hb_face);
    face->font = hb_font_create(hb_face);
    hb_font_set_scale(face->font, (int)face->units, (int)face->units);
    hb_font_make_immutable(face->font);
    look_at_face(face);
    face->next = fonts->faces;
    fonts->faces = face;
    return face;
}

struct pdf_glyph *pdf_font_glyph(struct pdf_font *font, struct arena *arena, uint32_t glyph, struct str text)
{
    struct pdf_face *face = font->face;
    if (!font->places)
        font->places = arena_array(arena, uint32_t, face->glyphs);
    assert(glyph < face->glyphs);
    if (font->places[glyph])
        return &font->used[font->places[glyph] - 1];
    if (font->count == font->capacity) {
        int capacity = font->capacity ? font->capacity * 2 : 64;
        struct pdf_glyph *used = arena_array(arena, struct pdf_glyph, capacity);
        if (font->count)
            memcpy(used, font->used, (size_t)font->count * sizeof *used);
        font->used = used;
        font->capacity = capacity;
    }
    struct pdf_glyph *one = &font->used[font->count++];
    int width = hb_font_get_glyph_h_advance(face->font, glyph);
    *one = (struct pdf_glyph){
        .glyph = glyph,
        .code = face->cids ? face->cids[glyph] : (uint16_t)glyph,
        .width = (int)(((int64_t)width * 1000 + face->units / 2) / face->units),
        .text = arena_copy(arena, text),
    };
    font->places[glyph] = (uint32_t)font->count;
    return one;
}
