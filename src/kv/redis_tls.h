/* redis_tls.h - our end of TLS, without a socket: bytes go in and come out. Private to kv/.
 *
 *     line  -> tls_end_write -> [SSL] -> tls_end_take -> network
 *     line  <- tls_end_read  <- [SSL] <- tls_end_give <- network
 *
 * So the deadlines are the line's alone, and no library writes to a descriptor (whose other end may have gone:
 * SIGPIPE).
 */
#ifndef ROENTGEN_REDIS_TLS_H
#define ROENTGEN_REDIS_TLS_H

#include "base/error.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* TLS 1.2 or later; the other end's certificate has to lead to one of the file, or of those that the system trusts
 * (NULL or ""). E_INVALID: the file cannot be read. */
bool tls_new(const char *ca_file, struct ssl_ctx_st **out, struct error *error);
void tls_free(struct ssl_ctx_st *tls); /* takes NULL */

struct tls_end;
/* `name`: a host's name or address, which the certificate has to be for. */
struct tls_end *tls_end_new(struct ssl_ctx_st *tls, const char *name);
void tls_end_free(struct tls_end *end); /* takes NULL */

enum tls_step { TLS_DONE, TLS_NEEDS_BYTES, TLS_BROKEN };
enum tls_step tls_end_shake(struct tls_end *end, struct error *error);
enum tls_step tls_end_read(struct tls_end *end, char *out, ptrdiff_t size, ptrdiff_t *got, struct error *error);
bool tls_end_write(struct tls_end *end, struct str bytes, struct error *error); /* at most 16 KiB */
ptrdiff_t tls_end_take(struct tls_end *end, char *out, ptrdiff_t size);         /* 0: nothing is to be sent */
void tls_end_give(struct tls_end *end, struct str bytes);
bool tls_end_holds_bytes(const struct tls_end *end);

#endif
