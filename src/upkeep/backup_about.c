/* backup_about.c - what is written beside the files of a backup (backup_parts.h). */
#include "upkeep/backup_parts.h"

#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ABOUT_MAX_BYTES = 64 << 10 };

static const char readme[] =
    "This folder is one whole backup of Roentgen (medical images): all rows of its database, and all files they name.\n"
    "\n"
    "  about.txt          when it was made, by which version, of which kind of database; whose it is\n"
    "  SHA256SUMS         every file here with its SHA-256\n"
    "  database.sqlite    the database, a SQLite 3 file; or\n"
    "  database.sql       the database, SQL for MariaDB or MySQL\n"
    "  files/             the image files, under the names in the column storage_path of the table image_files\n"
    "  archive/           the same of those whose column is_archived is 1\n"
    "\n"
    "To check it:       sha256sum --quiet -c SHA256SUMS\n"
    "To bring it back:  roentgen restore --verify THIS-FOLDER, with settings that name empty places. By hand:\n"
    "\n"
    "  cp -r files/. /place/of/STORAGE_URL/ ; cp -r archive/. /place/of/ARCHIVE_URL/\n"
    "  cp database.sqlite /place/of/DATABASE_URL           or   mariadb DATABASE <database.sql\n"
    "\n"
    "and give what was copied to the account that runs the server. SECRET_KEY is not in here: without the one that\n"
    "was in use, the contact data of patients cannot be read, and everybody has to sign in anew.\n"
    "What is in here is as secret as the server: patients' data, pictures, and hashes of passwords.\n";

bool backup_write_text(int root, const char *name, struct str text, struct error *error)
{
    unlinkat(root, name, 0);
    int fd = backup_create(root, name, 0600, 0700);
    if (fd < 0)
        return file_fail(error, "make", name, errno);
    bool ok = file_write_all(fd, text, error) && (fsync(fd) == 0 || file_fail(error, "sync", name, errno));
    close(fd);
    return ok;
}

struct str backup_key_mark(const struct config *config, struct arena *arena)
{
    enum { MARK_CHARS = 16 };
    struct key key;
    crypto_derive(config->secret_key, "roentgen backup key mark", &key);
    return str_slice(crypto_hmac_hex(&key, S("which key"), arena), 0, MARK_CHARS);
}

struct str backup_seal(const struct config *config, struct str sums, struct arena *arena)
{
    struct key key;
    crypto_derive(config->secret_key, "roentgen backup", &key);
    return crypto_hmac_hex(&key, sums, arena);
}

bool backup_seal_holds(const char *folder, const struct config *config, const struct manifest *manifest,
                       struct arena *arena)
{
    enum { SEAL_MAX_BYTES = 1000 };
    struct str seal;
    struct error ignored = { 0 };
    const char *path = arena_format(arena, "%s/" BACKUP_SEAL, folder).at;
    return file_read_whole(path, SEAL_MAX_BYTES, arena, &seal, &ignored) &&
           crypto_equal(str_trim(seal), backup_seal(config, manifest->text, arena));
}

bool backup_about_write(struct backup *b, const struct backup_about *about, struct error *error)
{
    struct text text;
    text_init(&text, ABOUT_MAX_BYTES);
    text_format(&text,
                "format: %" PRId64 "\nmade: %.*s\nprogram: %.*s\ndatabase: %.*s\nschema: %" PRId64 "\nfiles: %" PRId64
                "\nbytes: %" PRId64 "\ndamaged: %" PRId64 "\nmissing: %" PRId64 "\nkey: %.*s\ninstallation: %.*s\n",
                about->format, STR_FMT(about->made), STR_FMT(about->program), STR_FMT(about->database), about->schema,
                about->files, about->bytes, about->damaged, about->missing, STR_FMT(about->key),
                STR_FMT(about->installation));
    bool ok = backup_write_text(b->fd, BACKUP_ABOUT, text_str(&text), error) &&
              backup_write_text(b->fd, BACKUP_README, str_from(readme), error);
    text_release(&text);
    return ok;
}

/* Null where it does not say so. */
static struct str value_of(struct str text, struct str name)
{
    for (struct str line, value; str_next(&text, '\n', &line);)
        if (str_cut(line, ':', &line, &value) && str_equal(str_trim(line), name))
            return str_trim(value);
    return STR_NULL;
}

bool backup_about_read(const char *folder, struct arena *arena, struct backup_about *out, struct error *error)
{
    struct str text;
    if (!file_read_whole(arena_format(arena, "%s/" BACKUP_ABOUT, folder).at, ABOUT_MAX_BYTES, arena, &text, error))
        return false;
    *out = (struct backup_about){
        .made = value_of(text, S("made")),
        .program = value_of(text, S("program")),
        .database = value_of(text, S("database")),
        .key = value_of(text, S("key")),
        .installation = value_of(text, S("installation")),
    };
    const struct {
        struct str name;
        int64_t *to;
    } numbers[] = { { S("format"), &out->format }, { S("schema"), &out->schema },   { S("files"), &out->files },
                    { S("bytes"), &out->bytes },   { S("damaged"), &out->damaged }, { S("missing"), &out->missing } };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!str_to_integer(value_of(text, numbers[i].name), numbers[i].to))
            return error_set(error, E_INVALID, "about.txt says nothing of %s", numbers[i].name.at);
    return out->format == BACKUP_FORMAT ||
           error_set(error, E_INVALID, "this backup is of format %" PRId64 ", which this version does not know",
                     out->format);
}
