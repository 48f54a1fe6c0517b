/* mllp_client.h - sends one message and waits for its answer.
 *
 *     struct mllp_receiver to;
 *     if (!mllp_receiver_read(S("tls://ris.example.org:2576"), &arena, &to, &error)) ...      // or "10.1.2.3:2575"
 *     if (!mllp_exchange(&to, &options, message, &arena, &answer, &error)) ...                // E_UNAVAILABLE
 *
 * A connection of its own for each message. With tls:// the receiver's certificate is checked. Blocks.
 */
#ifndef ROENTGEN_HL7_MLLP_CLIENT_H
#define ROENTGEN_HL7_MLLP_CLIENT_H

#include "base/error.h"

struct mllp_receiver {
    struct str host;
    int64_t port;
    bool is_tls;
    struct str name; /* as it was written */
};

struct mllp_sending {
    const char *ca_file;                      /* of the authorities to trust; NULL: those that the system does */
    const char *certificate_file, *key_file;  /* what is shown to receivers that ask for it; NULL: nothing */
    int64_t timeout_ms;                       /* of the whole */
    bool (*is_stopping)(const void *context); /* asked about once a second; NULL: nothing stops it */
    const void *context;
};

/* E_INVALID: it is not host:port, nor tls://host:port. */
bool mllp_receiver_read(struct str text, struct arena *arena, struct mllp_receiver *out, struct error *error);
/* *answer: at most 1 MiB, in the arena. E_UNAVAILABLE: no connection, or no answer. */
bool mllp_exchange(const struct mllp_receiver *to, const struct mllp_sending *how, struct str message,
                   struct arena *arena, struct str *answer, struct error *error);

#endif
