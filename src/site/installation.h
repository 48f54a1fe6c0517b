/* installation.h - an installation is one database and the stores that are its own.
 *
 *     installation_take(c, store, "STORAGE_URL", INSTALLATION_SERVES)     // at the start of a server, before any file
 *     installation_take(c, store, "STORAGE_URL", INSTALLATION_LOOKS)      // fsck: is it?
 *
 * Two databases on one store would take each other's files for left over, and each other's work for what a crash left.
 * So the database has an id (table `installation`, one row), and each store carries it (blob_mark). The first who uses
 * the store gives both what they have not; a backup takes the row along, and restore gives it to the stores.
 *
 *   store carries      database has
 *   nothing            nothing, or an id     both get the same, durably, unless one only looks;
 *                                              E_CONFLICT where the database names files, and none is in the store
 *   an id              the same              its own
 *   an id              another, or none      E_CONFLICT, in words for who runs it
 *
 * The last is a folder whose disk is not mounted, or not yet. Who means it writes the id into it, as the message says.
 *
 * A copy of a database has its id, and may stand in its place. Two that serve at once on one store are told apart by
 * locks: of servers with SQLite one has the store, and its database (db_serve); of those that share a MySQL or MariaDB
 * database, any number.
 *
 * A database of before migration 30 has no place for an id: nothing is compared. The way down leaves the table, so that
 * the way up finds the id again. A store that has no room for the mark gets it at a later start.
 */
#ifndef ROENTGEN_INSTALLATION_H
#define ROENTGEN_INSTALLATION_H

#include "blob/blob.h"
#include "db/db.h"

/* FILLS: restore, which has just put there what there is. */
enum installation_use { INSTALLATION_LOOKS, INSTALLATION_USES, INSTALLATION_FILLS, INSTALLATION_SERVES };

/* `setting` is what names the store, for the message. Blocks: outside of transactions. False: c->error. */
bool installation_take(struct call *c, struct blob_store *store, const char *setting, enum installation_use use);
/* Null: the database has none yet. */
bool installation_id(struct call *c, struct str *id);
/* The database, which no server uses, becomes an installation of its own: the next who takes a store gives it an id. */
bool installation_leave(struct call *c);
/* The stores of c->app, of which there may be one, are not the same folder, and each is this installation's own. */
bool installation_take_all(struct call *c, enum installation_use use);

#endif
