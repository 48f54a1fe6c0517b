/* turns.h - one at a time for whoever does something about the same thing: uploads of the same bytes by one person,
 * moves of one file.
 *
 *     struct turn turn;
 *     bool mine = turn_take(app->turns, key, &turn);    // waits for who has it, within reason
 *     ... look, then act ...
 *     turn_give(&turn);
 *
 * Within one process, and only a courtesy: what must hold between processes is a lock in the database. Nobody who
 * waits holds a connection to it. A key that nobody has costs a mutex.
 */
#ifndef ROENTGEN_TURNS_H
#define ROENTGEN_TURNS_H

#include "base/str.h"

struct turns;
struct turn {
    struct turns *turns; /* NULL: not taken */
    struct turn *next;
    struct str key; /* lives as long as the turn */
};

struct turns *turns_new(void);
void turns_free(struct turns *turns); /* takes NULL */

/* False: somebody else has had it for too long. Then there is nothing to give, though that is harmless. */
bool turn_take(struct turns *turns, struct str key, struct turn *turn);
void turn_give(struct turn *turn);

#endif
