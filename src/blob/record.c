/* record.c - a record of the journal: its checksum, its size, and how it is written. */
#include "blob/journal.h"

#include <errno.h>
#include <stddef.h>

uint64_t journal_sum(uint64_t sum, const void *bytes, ptrdiff_t len)
{
    /* Four lanes, so that the multiplications overlap. */
    static const uint64_t odd = 0x9e3779b97f4a7c15u;
    const unsigned char *at = bytes;
    uint64_t lanes[4] = { sum, sum ^ odd, sum + odd, ~sum }, word;
    for (; len >= 32; at += 32, len -= 32) {
        for (int i = 0; i < 4; i++) {
            memcpy(&word, at + (ptrdiff_t)8 * i, 8);
            lanes[i] = (lanes[i] ^ word) * odd;
            lanes[i] ^= lanes[i] >> 29;
        }
    }
    for (; len > 0; at += 8, len -= 8) {
        word = 0;
        memcpy(&word, at, len < 8 ? (size_t)len : 8);
        lanes[0] = (lanes[0] ^ word) * odd;
        lanes[0] ^= lanes[0] >> 29;
    }
    for (int i = 1; i < 4; i++) {
        lanes[0] = (lanes[0] ^ lanes[i]) * odd;
        lanes[0] ^= lanes[0] >> 32;
    }
    return lanes[0];
}

uint64_t journal_record_sum(const struct journal_record *record, const char *key, const char *payload)
{
    uint64_t sum = journal_sum(0, record, offsetof(struct journal_record, sum));
    sum = journal_sum(sum, key, (ptrdiff_t)record->key_len);
    return journal_sum(sum, payload, (ptrdiff_t)record->payload_len);
}

ptrdiff_t journal_record_bytes(ptrdiff_t key_len, ptrdiff_t payload_len)
{
    ptrdiff_t bytes = (ptrdiff_t)sizeof(struct journal_record) + key_len + payload_len;
    return (bytes + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
}

bool journal_write(int fd, struct iovec *parts, int count, int64_t offset)
{
    while (count > 0) {
        ssize_t n = pwritev(fd, parts, count, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n < 0 ? errno : EIO;
            return false;
        }
        offset += n;
        while (count > 0 && (size_t)n >= parts->iov_len) {
            n -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + n;
            parts->iov_len -= (size_t)n;
        }
    }
    return true;
}
