/* app.h - what the process shares: settings, database, stores, counters, and the threads that work behind requests.
 *
 *     struct app app;
 *     if (!app_open(&app, true)) ...                           // server/app.h: whatever is missing has been said
 *     c->app->config.bcrypt_cost                               // in any rule, through its call
 *     app_close(&app);                                         // in the reverse order; takes one half opened
 *
 * A command opens it once and closes it once; in between the pointers do not change, so that any thread may read them
 * without a lock. What they point to guards itself. A member that says so is NULL where nobody needs it: in commands,
 * or because it is not set. `live` alone is replaced while others read it (SIGHUP): take it once for what belongs
 * together.
 *
 * The types are named here and no more: whoever uses one includes its own header.
 */
#ifndef ROENTGEN_APP_H
#define ROENTGEN_APP_H

#include "site/actor.h"
#include "site/config.h"
#include "site/jobs.h"
#include "blob/blob.h"
#include "db/db.h"
#include "kv/cache.h"
#include "kv/rate.h"

struct audit;
struct http_server;
struct metrics;
struct router;
struct thumbnail_watch;
struct redis;
struct turns;
struct lockout;
struct decoder_pool;
struct prober;
struct places;
struct results;
struct worker;
struct schedules;
struct token;
struct job_kind;
struct celery;
struct listening;
struct announcer;
struct outbound;
struct webhook_watch;
struct programs;
struct findable;

/* The settings that SIGHUP may change (SETTING_RELOAD), always seen as a whole. */
struct reloadable {
    unsigned registration;
    struct str cors_origins;
};

struct app {
    struct config config;
    struct arena arena;                    /* holds the settings' text */
    const struct reloadable *_Atomic live; /* never freed before the app: requests may be looking at an old one */
    struct log *log;
    struct db *db;
    struct blob_store *files;
    struct blob_store *archive;       /* NULL: not set */
    const struct findable *findables; /* of those above records: records/renewal.h */
    struct redis *redis;              /* NULL: none is set; commands have it if they have opened it (server/app.h) */
    struct authority *authority;
    struct audit *audit;
    struct metrics *metrics;
    struct router *router;
    struct thumbnail_watch *thumbnails; /* sees which are to be made; NULL: no worker of this process does */
    struct jobs jobs;                   /* whom to ask for what is done later */
    struct lockout *lockout;            /* counts failed sign-ins */
    struct turns *turns;                /* of uploads of the same bytes, and of moves */
    struct results *results;            /* rendered pictures, to be made again at any time */
    struct schedules *schedules;        /* of jobs that come again; NULL in commands that do none */
    struct worker *worker;              /* does jobs in this process; NULL: none does */
    struct listening *listening;        /* tells of events; NULL in commands */
    struct announcer *announcer;        /* tells other processes that there are events; NULL: no Redis */
    struct outbound *webhook_hosts;     /* who may be told of events elsewhere; NULL: WEBHOOK_HOSTS is empty */
    struct outbound *inference_hosts;   /* who may be asked to run models; NULL: INFERENCE_HOSTS is empty */
    struct outbound *tsa_hosts;         /* who may be asked for time stamps; NULL: TSA_URL is empty */
    const struct str *time_anchors;     /* whose time stamps are believed (TSA_CERTIFICATES), DER */
    int time_anchor_count;
    const struct str *signer_anchors; /* whose certificates of signers are taken (SIGNING_CERTIFICATES), DER */
    int signer_anchor_count;
    struct token *signing_token;                /* holds keys of signers (SIGNING_TOKEN); NULL: none does */
    struct webhook_watch *webhook_watch;        /* sees that they are; NULL: the same, and in commands */
    struct places *places;                      /* how the folders are that it may do without; NULL in commands */
    struct prober *prober;                      /* looks how the server is */
    struct decoder_pool *decoders;              /* processes that decode untrusted pixels */
    struct model_pool *models;                  /* processes that run models, from the first one on; NULL in commands */
    struct programs *programs;                  /* which may be run on images */
    struct budget *budget;                      /* of memory under way; NULL: none, in commands */
    struct rate *rate, *user_rate, *login_rate; /* of strangers, of accounts, of sign-ins; NULL: no limit */
    struct cache *verdicts;                     /* of signatures that anybody asks about; NULL in commands */
    struct http_server *http;
    struct key lookup_key; /* for keyed hashes of things that are searched by equality */
    struct key shared_key; /* of what servers share in Redis */
    int64_t started_us;    /* clock_monotonic_us */
    struct str openapi;    /* the document, made at start */

    /* ---- jobs ---- */
    const struct job_kind *const *kinds; /* all that can be put */
    int kind_count;
    struct celery *celery;           /* the tasks of TASK_NAMES, and the broker if one is set */
    void (*relay_wake)(void *relay); /* there may be a job for programs elsewhere; NULL: nobody passes any on here */
    void *relay;
};

#endif
