/* sandbox.h - what a process may still do once it is ready for strangers' bytes (boxed.h).
 *
 *     if (!sandbox_enter(&limits, &error)) ...   // and nothing of this can be taken back
 *
 * Memory, the descriptors it has, and its socket: no files are opened, no sockets made, no programs started, nothing is
 * made executable, nobody else is signalled. Whatever it needs from outside (libraries, tables) has to be loaded
 * before. A forbidden call ends the process with SIGSYS. It cannot be traced and leaves no core file, since its memory
 * holds patients' pictures.
 */
#ifndef ROENTGEN_SANDBOX_H
#define ROENTGEN_SANDBOX_H

#include "base/error.h"

struct sandbox_limits {
    /* address space; not enforced under AddressSanitizer and ThreadSanitizer, which reserve terabytes */
    int64_t memory_bytes;
    int descriptors; /* most open at once */
    int socket;      /* the only descriptor that messages may be sent over */
    bool threads;    /* may it start threads? libvips does, where a raster file is transparent */
};

/* E_UNAVAILABLE when this kernel (or the container it runs in) does not let a process close itself in. */
bool sandbox_enter(const struct sandbox_limits *limits, struct error *error);

#endif
