/* migrations.h - the schema's history, embedded.
 *
 *     migrate_to(c, &roentgen_migrations, roentgen_migrations.count, tell, NULL)       // `roentgen init-db`
 *
 * migrations/{sqlite,mysql}/NNNN_name.{up,down}.sql become this table when the program is built
 * (script/embed-migrations.py), which refuses gaps and names that only one dialect has. For migrate_to, migrate_check
 * and migrate_history (db/db.h).
 */
#ifndef ROENTGEN_APP_MIGRATIONS_H
#define ROENTGEN_APP_MIGRATIONS_H

#include "db/db.h"

extern const struct migrations roentgen_migrations;

#endif
