/* import_skip.c - two tables of names. Case makes no difference: CDs are written by every system. */
#include "intake/import_skip.h"

#include "base/str.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool import_never_a_picture(const char *name)
{
    static const char *const names[] = { ".DS_Store",
                                         "Thumbs.db",
                                         "ehthumbs.db",
                                         "desktop.ini",
                                         "autorun.inf",
                                         "__MACOSX",
                                         ".Spotlight-V100",
                                         ".Trashes",
                                         ".fseventsd",
                                         "$RECYCLE.BIN",
                                         "lost+found",
                                         ".TemporaryItems",
                                         ".com.apple.timemachine.donotpresent",
                                         "System Volume Information" };
    struct str given = str_from(name);
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_equal_fold(given, str_from(names[i])))
            return true;
    return str_starts(given, S("._")); /* what macOS keeps of a file on a disk that has no room for it */
}

/* clang-format off */
static const char *const endings[] = {
    /* programs and their parts */
    "exe", "dll", "ocx", "com", "bat", "cmd", "ps1", "sh", "msi", "cab", "jar", "class", "so", "dylib", "sys",
    "drv", "app", "manifest", "bin",
    /* settings, links, indexes */
    "inf", "ini", "cfg", "conf", "config", "properties", "reg", "lnk", "url", "desktop", "plist", "db", "dat",
    "idx", "log", "md5", "sha1", "sha256",
    /* pages, texts, help */
    "txt", "htm", "html", "xhtml", "css", "js", "json", "xml", "xsl", "xsd", "dtd", "csv", "rtf", "pdf",
    "doc", "docx", "md", "chm", "hlp", "lang",
    /* what viewers look and sound like */
    "ico", "icns", "cur", "svg", "ttf", "woff", "woff2", "wav", "mp3", "qm", "res",
};
/* clang-format on */

bool import_beside_pictures(const char *name)
{
    struct str given = str_from(name), ending = STR_NULL;
    for (ptrdiff_t i = given.len - 1; i > 0 && !ending.at; i--)
        if (given.at[i] == '.')
            ending = str_slice(given, i + 1, given.len);
    for (size_t i = 0; ending.len && i < COUNT(endings); i++)
        if (str_equal_fold(ending, str_from(endings[i])))
            return true;
    return false;
}
