/* token.c - see token.h. Engines are OpenSSL's old way of doing this; Debian 12 has none of the new. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "signing/token.h"

#include "signing/openssl.h"
#include "signing/private_key.h"
#include "signing/token_key.h"

#include <dlfcn.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <pthread.h>

enum { TEXT_MAX = 512, PLACE_MAX = 3 * TEXT_MAX + 16 };

struct token {
    UI_METHOD *nobody;
    char place[PLACE_MAX]; /* "pkcs11:token=...;" */
    char pin[TEXT_MAX];
    pthread_mutex_t lock;
    bool has_wrong_pin; /* under the lock */
};

static bool take_text(struct str value, char out[TEXT_MAX])
{
    if (value.len < 1 || value.len >= TEXT_MAX || memchr(value.at, 0, (size_t)value.len))
        return false;
    memcpy(out, value.at, (size_t)value.len);
    out[value.len] = '\0';
    return true;
}

static bool set(ENGINE *engine, const char *name, struct str value)
{
    char text[TEXT_MAX];
    if (!take_text(value, text))
        return false;
    bool done = ENGINE_ctrl_cmd_string(engine, name, text, 0) == 1;
    OPENSSL_cleanse(text, sizeof(text));
    return done;
}

/* The engine loads the module when the first key is asked for; a wrong path is to be told at the start. */
static bool is_module(struct str path)
{
    char text[TEXT_MAX];
    if (!take_text(path, text) || text[0] != '/')
        return false;
    void *library = dlopen(text, RTLD_LAZY | RTLD_LOCAL);
    bool is_one = library && dlsym(library, "C_GetFunctionList");
    if (library)
        dlclose(library);
    return is_one;
}

/* Who is asked for a PIN: nobody. OpenSSL would ask at the terminal. */
static int say_nothing(UI *ui, UI_STRING *string)
{
    (void)ui;
    (void)string;
    return 0;
}

static UI_METHOD *nobody_new(void)
{
    UI_METHOD *method = UI_create_method("nobody");
    if (!method || UI_method_set_reader(method, say_nothing) || UI_method_set_writer(method, say_nothing))
        abort();
    return method;
}

/* In a URI all but letters and digits is escaped. */
static void write_place(const char *label, char out[PLACE_MAX])
{
    static const char digits[] = "0123456789ABCDEF";
    int len = snprintf(out, PLACE_MAX, "pkcs11:token=");
    for (; *label; label++) {
        unsigned char byte = (unsigned char)*label;
        bool is_plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        if (!is_plain) {
            out[len++] = '%';
            out[len++] = digits[byte >> 4];
        }
        out[len++] = is_plain ? (char)byte : digits[byte & 15];
    }
    out[len++] = ';';
    out[len] = '\0';
}

/* The engine is found once, and stays: its library has given OpenSSL things that live in it. */
static ENGINE *library;

static bool find_library(struct error *error)
{
    if (library)
        return true;
    ENGINE_load_dynamic();
    library = ENGINE_by_id("pkcs11");
    return library || error_set(error, E_INVALID, "no engine pkcs11 for OpenSSL (Debian: libengine-pkcs11-openssl): %s",
                                openssl_reason());
}

bool token_open(const struct token_options *options, struct token **out, struct error *error)
{
    char label[TEXT_MAX], pin[TEXT_MAX];
    if (!take_text(options->label, label) || !take_text(options->pin, pin))
        return error_set(error, E_INVALID, "a PKCS#11 module cannot be used without the label of a token and its PIN");
    if (!is_module(options->module))
        return error_set(error, E_INVALID, "%.*s is no PKCS#11 module (the absolute path of a library)",
                         STR_FMT(options->module));
    if (!find_library(error))
        return false;
    UI_METHOD *nobody = nobody_new();
    ENGINE_ctrl_cmd_string(library, "QUIET", NULL, 1); /* it would write to stderr */
    if (!set(library, "MODULE_PATH", options->module) || !set(library, "PIN", options->pin) || !ENGINE_init(library) ||
        ENGINE_ctrl_cmd(library, "SET_USER_INTERFACE", 0, nobody, NULL, 0) != 1) {
        UI_destroy_method(nobody);
        OPENSSL_cleanse(pin, sizeof(pin));
        return error_set(error, E_INVALID, "the PKCS#11 module %.*s cannot be used: %s", STR_FMT(options->module),
                         openssl_reason());
    }
    struct token *token = calloc(1, sizeof(*token));
    if (!token)
        abort();
    token->nobody = nobody;
    write_place(label, token->place);
    memcpy(token->pin, pin, sizeof(pin));
    OPENSSL_cleanse(pin, sizeof(pin));
    pthread_mutex_init(&token->lock, NULL);
    *out = token;
    return true;
}

void token_close(struct token *token)
{
    if (!token)
        return;
    ENGINE_finish(library);
    UI_destroy_method(token->nobody);
    OPENSSL_cleanse(token->pin, sizeof(token->pin));
    pthread_mutex_destroy(&token->lock);
    free(token);
}

void token_lock(struct token *token)
{
    if (token)
        pthread_mutex_lock(&token->lock);
}

void token_unlock(struct token *token)
{
    if (token)
        pthread_mutex_unlock(&token->lock);
}

EVP_PKEY *token_private_key(struct call *c, struct token *token, struct str uri)
{
    if (token->has_wrong_pin) {
        fail(c, E_UNAVAILABLE, "the token's PIN is wrong; it is not tried again");
        return NULL;
    }
    struct str rest = str_slice(uri, (ptrdiff_t)strlen("pkcs11:"), uri.len); /* token_signer has looked at it */
    const char *whole = arena_format(&c->arena, "%s%.*s", token->place, STR_FMT(rest)).at;
    (void)ENGINE_ctrl_cmd_string(library, "PIN", token->pin, 0); /* it forgets it when a login fails */
    EVP_PKEY *key = ENGINE_load_private_key(library, whole, token->nobody, NULL);
    if (key)
        return key;
    for (unsigned long code; (code = ERR_get_error());) {
        const char *reason = ERR_reason_error_string(code);
        if (reason && (strcasestr(reason, "PIN incorrect") || strcasestr(reason, "PIN locked")))
            token->has_wrong_pin = true;
    }
    fail(c, E_UNAVAILABLE,
         token->has_wrong_pin ? "the token's PIN is wrong" : "the token does not answer, or has no such private key");
    return NULL;
}

/* What else the engine reads out of a URI is the operator's: where to sign in, which module to load, a file with a
 * PIN. */
static bool is_attribute(struct str part)
{
    static const char *const names[] = { "object=", "id=", "type=" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_starts(part, str_from(names[i])))
            return part.len > (ptrdiff_t)strlen(names[i]);
    return false;
}

static bool check_uri(struct call *c, struct str uri)
{
    bool ok = uri.len < TEXT_MAX && str_is_utf8(uri) && !memchr(uri.at ? uri.at : "", 0, (size_t)uri.len) &&
              str_starts(uri, S("pkcs11:")) && str_find(uri, S("?")) < 0;
    for (ptrdiff_t at = (ptrdiff_t)strlen("pkcs11:"); ok && at <= uri.len;) {
        struct str rest = str_slice(uri, at, uri.len);
        ptrdiff_t end = str_find(rest, S(";"));
        struct str part = end < 0 ? rest : str_slice(rest, 0, end);
        ok = is_attribute(part);
        at += part.len + 1;
    }
    return ok || fail(c, E_INVALID, "a key on the token is named as pkcs11:object=...;id=..., and by nothing else");
}

bool token_signer(struct call *c, struct token *token, struct str uri, const struct chain *chain, struct signer *out)
{
    struct signer made = { .chain = *chain, .token = token, .uri = uri };
    if (!check_uri(c, uri))
        return false;
    made.uri = arena_copy(&c->arena, uri);
    if (!signer_check_key(c, &made))
        return false;
    *out = made;
    return true;
}
