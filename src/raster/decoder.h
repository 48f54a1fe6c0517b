/* decoder.h - untrusted pixels are decoded in processes of their own, where a crash hurts nobody.
 *
 *     struct decoder_pool *pool = decoder_pool_open(&options, &error)
 *     struct decode_job job = { .kind = DECODE_RENDER, .fd = fd, .pieces = ..., .presentation = &presentation };
 *     struct decode_result result;
 *     if (!decoder_run(pool, &job, arena, &result, &error)) ...
 *
 *   server                                        decoder: `roentgen decoder`, a process
 *   job + descriptor of the file (SCM_RIGHTS) --> maps the file read-only, decodes, renders, encodes
 *   result header                             <-- writes the result into memory that both share
 *
 * A decoder has no network, no file system and no way to start programs (seccomp, rlimits; set before the first job),
 * and a bounded memory and time. Each sees files of one account only: before it gets another's, a new one takes its
 * place. One that dies or runs late is replaced.
 *
 * The file is blamed (E_INVALID: "the decoder gave up on ...") only for what it can do: it used all the processor time
 * of a job, or ended two decoders in turn by a signal that a program raises itself. All else is tried again with
 * another decoder, then is E_UNAVAILABLE: a decoder that was stopped, killed by the kernel or the operator, or died
 * idle; a call that the sandbox forbids; a disk that does not answer; nonsense. `trouble` says what it was, for the
 * log, even when the second attempt went well.
 *
 * Decoders are started on first use and stay; a job waits for a free one as long as it may take itself, accounts in
 * turn, then E_UNAVAILABLE. There are two kinds: raster files need libvips, which takes long to load; frames do not.
 * They end with the pool, and with the server however that ends.
 *
 * Nothing a decoder answers is believed: numbers are checked, bytes are copied before anybody looks at them.
 *
 * All that a job names is the caller's, borrowed until decoder_run returns; the result's bytes are in the arena.
 *
 * Thread-safe: many workers call decoder_run at once.
 */
#ifndef ROENTGEN_RASTER_DECODER_H
#define ROENTGEN_RASTER_DECODER_H

#include "dicom/codec.h"
#include "raster/raster.h"
#include "raster/render.h"

enum decode_kind {
    DECODE_SAMPLES,   /* result.bytes: samples as codec.h describes them */
    DECODE_RENDER,    /* result.bytes: a PNG, JPEG or WebP, as job.presentation says */
    DECODE_HISTOGRAM, /* result.bytes: struct histogram */
    DECODE_PROBE, /* raster files: decodes all of it (damage anywhere is E_INVALID), keeps nothing but result.format */
};

struct decode_job {
    enum decode_kind kind;
    int64_t account; /* who asks, for turns; 0: nobody, as of work in the background */
    int64_t owner;   /* whose file it is */
    /* Where the bytes are: a file and the pieces of it that make the frame (DICOM; of the others the whole file is
     * read). Its offset is moved. fd -1: `bytes` instead (inflated, or not a local file). */
    int fd;
    const int64_t *offsets, *lengths;
    int64_t pieces;
    struct str bytes;
    /* What they are. file_type FILE_DICOM: one frame of this format. JPEG, PNG, TIFF: the whole file; page from 1. */
    enum file_type file_type;
    struct pixel_format format;
    int first_bit;
    int64_t page;
    int64_t max_pixels;
    /* Of DECODE_RENDER; DECODE_HISTOGRAM takes what values stand for. The caller's; else NULL. */
    const struct presentation *presentation;
    /* The ICC profile of a frame in colour, for who renders or counts it; null: none. Raster files bring their own. */
    struct str profile;
};

enum { DECODE_REMARK_BYTES = 160 };

struct decode_result {
    struct str bytes;           /* in the arena */
    struct pixel_format format; /* of the samples: also for raster files, whose rows and columns are only known now */
    struct decoded_format decoded;
    int64_t width, height;            /* of the rendered picture */
    char remark[DECODE_REMARK_BYTES]; /* what whoever looks at it should know; "" if nothing */
    /* Set whatever decoder_run returns: what went wrong that was not the file's fault; "" if nothing. */
    char trouble[200];
};

struct decoder_options {
    int processes;        /* at most so many at work at once */
    int64_t memory_bytes; /* of each, address space */
    int64_t timeout_ms;   /* for one job */
    int64_t max_result_bytes;
    const char *program; /* NULL: /proc/self/exe */
};

struct decoder_pool;
bool decoder_pool_open(const struct decoder_options *options, struct decoder_pool **out, struct error *error);
/* Jobs under way and those that come fail with E_UNAVAILABLE; takes NULL. For a server that stops, before it waits for
 * the threads that run jobs. */
void decoder_pool_stop(struct decoder_pool *pool);
void decoder_pool_close(struct decoder_pool *pool); /* takes NULL; ends the decoders. Nobody may be in decoder_run */
/* E_INVALID, E_UNSUPPORTED_TYPE, E_NOT_FOUND (a page past the last): it is about the file. E_UNAVAILABLE, with
 * retry_after_s: it is not. Blocks. */
bool decoder_run(struct decoder_pool *pool, const struct decode_job *job, struct arena *arena,
                 struct decode_result *result, struct error *error);

struct decoder_stats {
    int64_t running, waiting, jobs; /* processes; jobs that wait for one; jobs so far */
    int64_t died, timed_out, replaced;
};
/* Also buries decoders that died idle. */
void decoder_stats(struct decoder_pool *pool, struct decoder_stats *out);

/* `roentgen decoder`: the process itself. Speaks over the socket that is its descriptor 3; returns its exit status. */
int decoder_main(void);

#endif
