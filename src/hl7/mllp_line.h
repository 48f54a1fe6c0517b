/* mllp_line.h - one connection of the listener, plain or with TLS, on a socket that does not block. Private to hl7/.
 *
 *     bytes <-> mllp_line_receive, mllp_line_send <-> [SSL] <-> socket
 *
 * With TLS the hands are shaken first (is_shaking, mllp_line_shake), whenever the socket is ready for `wants`. TLS 1.2
 * or later, without renegotiation and without sessions to resume, so that each connection is asked for its
 * certificate. OpenSSL writes to the socket itself: SIGPIPE has to be ignored by the process.
 */
#ifndef ROENTGEN_HL7_MLLP_LINE_H
#define ROENTGEN_HL7_MLLP_LINE_H

#include "hl7/mllp_server.h"

struct ssl_st; /* OpenSSL's SSL */

struct mllp_line {
    int fd;
    struct ssl_st *tls; /* NULL: plain */
    bool is_shaking;
    short wants; /* while it is shaking: POLLIN or POLLOUT */
};

enum mllp_io { MLLP_IO_DONE, MLLP_IO_WAIT, MLLP_IO_ENDED };

/* Takes the descriptor, and closes it if there is no memory. `tls`: NULL: plain. */
bool mllp_line_begin(struct mllp_line *line, struct mllp_tls *tls, int fd);
/* *why, where it has ended: words of OpenSSL, for the log. */
enum mllp_io mllp_line_shake(struct mllp_line *line, const char **why);
enum mllp_io mllp_line_receive(struct mllp_line *line, char *buffer, ptrdiff_t size, ptrdiff_t *got);
enum mllp_io mllp_line_send(struct mllp_line *line, struct str bytes, ptrdiff_t *sent);
void mllp_line_finish(struct mllp_line *line); /* nothing more is sent */
void mllp_line_close(struct mllp_line *line);

#endif
