/* token.c - see token.h. Engines are OpenSSL's old way of doing this; Debian 12 has none of the new. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "signing/token.h"

#include "signing/openssl.h"
#include "signing/private_key.h"
#include "signing/token_key.h"

#include <dlfcn.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <pthread.h>

struct token {
    ENGINE *engine;
    pthread_mutex_t lock;
    bool has_wrong_pin; /* under the lock */
};

static bool set(ENGINE *engine, const char *name, struct str value)
{
    char text[512];
    if (value.len < 1 || value.len >= (ptrdiff_t)sizeof(text) || memchr(value.at, 0, (size_t)value.len))
        return false;
    memcpy(text, value.at, (size_t)value.len);
    text[value.len] = '\0';
    bool done = ENGINE_ctrl_cmd_string(engine, name, text, 0) == 1;
    OPENSSL_cleanse(text, sizeof(text));
    return done;
}

/* The engine loads the module when the first key is asked for; a wrong path is to be told at the start. */
static bool is_module(struct str path)
{
    char text[512];
    if (path.len < 1 || path.len >= (ptrdiff_t)sizeof(text) || path.at[0] != '/' ||
        memchr(path.at, 0, (size_t)path.len))
        return false;
    memcpy(text, path.at, (size_t)path.len);
    text[path.len] = '\0';
    void *library = dlopen(text, RTLD_LAZY | RTLD_LOCAL);
    bool is_one = library && dlsym(library, "C_GetFunctionList");
    if (library)
        dlclose(library);
    return is_one;
}

bool token_open(const struct token_options *options, struct token **out, struct error *error)
{
    if (!is_module(options->module))
        return error_set(error, E_INVALID, "%.*s is no PKCS#11 module (the absolute path of a library)",
                         STR_FMT(options->module));
    ENGINE_load_dynamic();
    ENGINE *engine = ENGINE_by_id("pkcs11");
    if (!engine)
        return error_set(error, E_INVALID, "no engine pkcs11 for OpenSSL (Debian: libengine-pkcs11-openssl): %s",
                         openssl_reason());
    ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 1); /* it would write to stderr */
    if (!set(engine, "MODULE_PATH", options->module) || !set(engine, "PIN", options->pin) || !ENGINE_init(engine)) {
        ENGINE_free(engine);
        return error_set(error, E_INVALID, "the PKCS#11 module %.*s cannot be used: %s", STR_FMT(options->module),
                         openssl_reason());
    }
    struct token *token = calloc(1, sizeof(*token));
    if (!token)
        abort();
    token->engine = engine;
    pthread_mutex_init(&token->lock, NULL);
    *out = token;
    return true;
}

void token_close(struct token *token)
{
    if (!token)
        return;
    ENGINE_finish(token->engine);
    ENGINE_free(token->engine);
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
    EVP_PKEY *key = ENGINE_load_private_key(token->engine, arena_cstring(&c->arena, uri), NULL, NULL);
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

/* What else the engine reads out of a URI is the operator's: a module would be loaded, a file with a PIN read. */
static bool check_uri(struct call *c, struct str uri)
{
    enum { URI_MAX = 512 };
    if (uri.len > URI_MAX || !str_is_utf8(uri) || memchr(uri.at ? uri.at : "", 0, (size_t)uri.len) ||
        !str_starts(uri, S("pkcs11:")) || str_find(uri, S("?")) >= 0 || str_find(uri, S("pin-")) >= 0)
        return fail(c, E_INVALID, "a key on a token is named as pkcs11:token=...;object=..., and nothing behind a ?");
    return true;
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
