/* mllp_client.c - see mllp_client.h. */
#include "hl7/mllp_client.h"

#include "hl7/message.h"
#include "hl7/mllp.h"
#include "outbound/outbound_line.h"

enum { READ_BYTES = 16 << 10, HOST_MAX = 253 };

static bool is_host(struct str host)
{
    for (ptrdiff_t i = 0; i < host.len; i++)
        if ((unsigned char)host.at[i] <= ' ' || strchr("/@?#\\", host.at[i]))
            return false;
    return host.len > 0 && host.len <= HOST_MAX;
}

bool mllp_receiver_read(struct str text, struct arena *arena, struct mllp_receiver *out, struct error *error)
{
    *out = (struct mllp_receiver){ .name = arena_copy(arena, text), .is_tls = str_starts(text, S("tls://")) };
    struct str rest = out->is_tls ? str_slice(out->name, 6, out->name.len) : out->name;
    ptrdiff_t colon = rest.len - 1;
    while (colon >= 0 && rest.at[colon] != ':')
        colon--;
    out->host = arena_copy(arena, str_slice(rest, 0, colon));
    if (colon < 1 || !is_host(out->host) || !str_to_integer(str_slice(rest, colon + 1, rest.len), &out->port) ||
        out->port < 1 || out->port > 65535)
        return error_set(error, E_INVALID, "%.*s is not host:port or tls://host:port", STR_FMT(text));
    return true;
}

static bool read_answer(struct outbound_line *line, struct arena *arena, struct str *answer, struct error *error)
{
    struct mllp in;
    char buffer[READ_BYTES];
    struct str message;
    enum mllp_step step = MLLP_MORE;
    mllp_init(&in, HL7_MESSAGE_MAX);
    while (step == MLLP_MORE) {
        ptrdiff_t got;
        if (!outbound_line_receive(line, buffer, sizeof(buffer), &got, error))
            break;
        if (!got) {
            error_set(error, E_UNAVAILABLE, "the receiver closed the connection without an answer");
            break;
        }
        struct str bytes = { buffer, got };
        step = mllp_take(&in, &bytes, &message);
    }
    if (step == MLLP_MESSAGE)
        *answer = arena_copy(arena, message);
    mllp_release(&in);
    return step == MLLP_MESSAGE || error_set(error, E_UNAVAILABLE, "what the receiver answered is no message");
}

bool mllp_exchange(const struct mllp_receiver *to, const struct mllp_sending *how, struct str message,
                   struct arena *arena, struct str *answer, struct error *error)
{
    struct outbound_line_options options = {
        .host = to->host,
        .port = to->port,
        .is_tls = to->is_tls,
        .ca_file = how->ca_file,
        .certificate_file = how->certificate_file,
        .key_file = how->key_file,
        .timeout_ms = how->timeout_ms,
        .is_stopping = how->is_stopping,
        .context = how->context,
    };
    struct outbound_line *line;
    struct text frame;
    if (!outbound_line_open(&options, &line, error))
        return false;
    text_init(&frame, message.len + 16);
    mllp_put(&frame, message);
    bool ok = outbound_line_send(line, text_str(&frame), error) && read_answer(line, arena, answer, error);
    text_release(&frame);
    outbound_line_close(line);
    return ok;
}
