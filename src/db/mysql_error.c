/* mysql_error.c - MySQL's error numbers as ours. Its messages may quote values, so only those known not to are passed
 * on. */
#include "db/mysql_driver.h"

#include <errmsg.h>

static bool is_in(unsigned number, const unsigned *numbers)
{
    for (; *numbers; numbers++) {
        if (*numbers == number)
            return true;
    }
    return false;
}

/* The word after the first `insert into`, `replace into` or `update` of the text. */
static struct str table_of(const char *sql)
{
    struct str rest = str_trim(str_from(sql)), word;
    for (int i = 0; i < 4 && str_next(&rest, ' ', &word); i++) {
        bool verb = str_equal_fold(word, S("insert")) || str_equal_fold(word, S("replace")) ||
                    str_equal_fold(word, S("update")) || str_equal_fold(word, S("into")) ||
                    str_equal_fold(word, S("ignore"));
        ptrdiff_t bracket = str_find(word, S("("));
        if (!verb)
            return bracket >= 0 ? str_slice(word, 0, bracket) : word;
        rest = str_trim(rest);
    }
    return STR_NULL;
}

/* "Duplicate entry 'x' for key 'uq_patients_patient_id'" -> "patient_id", the member as people know it. The value may
 * hold anything, so the key is looked for from the end. MySQL 8 puts the table before it: 'patients.uq_...'. */
static bool fail_unique(const char *message, const char *sql, struct error *error)
{
    struct str text = str_from(message), table = table_of(sql), key = STR_NULL;
    ptrdiff_t end = text.len - 1;
    while (end >= 0 && text.at[end] != '\'')
        end--;
    ptrdiff_t start = end - 1;
    while (start >= 0 && text.at[start] != '\'' && text.at[start] != '.')
        start--;
    if (start >= 0)
        key = str_slice(text, start + 1, end);
    if (!key.len)
        return error_set(error, E_CONFLICT, "a unique value is taken already");
    if (str_equal_fold(key, S("PRIMARY")))
        return error_set(error, E_CONFLICT, "%.*s: its key is taken already", STR_FMT(table));
    if (str_starts(key, S("uq_")))
        key = str_slice(key, 3, key.len);
    if (table.len && str_starts(key, table) && key.len > table.len + 1 && key.at[table.len] == '_')
        key = str_slice(key, table.len + 1, key.len);
    return error_set(error, E_CONFLICT, "%.*s is taken already", STR_FMT(key));
}

static bool fail_unavailable(struct error *error, int retry_after_s, unsigned number, const char *why)
{
    if (!error->code)
        error->retry_after_s = retry_after_s;
    return error_set(error, E_UNAVAILABLE, "%s (%u)", why, number);
}

static bool mysql_fail_held(struct error *error)
{
    return fail_unavailable(error, 2, 1205, "somebody else is changing the same record: try again");
}

bool mysql_fail(struct mysql_connection *connection, unsigned number, const char *message, const char *sql,
                struct error *error)
{
    /* No answer, or the conversation is out of step: CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_UNKNOWN_HOST,
     * CR_SERVER_GONE_ERROR, CR_SERVER_LOST, CR_COMMANDS_OUT_OF_SYNC, CR_MALFORMED_PACKET, CR_SERVER_LOST_EXTENDED,
     * ER_SERVER_SHUTDOWN, ER_CONNECTION_KILLED, ER_NORMAL_SHUTDOWN, ER_FORCING_CLOSE; no descriptor or memory for one:
     * CR_SOCKET_CREATE_ERROR, CR_IPSOCK_ERROR, CR_OUT_OF_MEMORY. */
    static const unsigned lost[] = { 2002, 2003, 2005, 2006, 2013, 2014, 2027, 2055,
                                     1053, 1927, 1077, 1080, 2001, 2004, 2008, 0 };
    /* Too many connections, read-only server, interrupted, out of locks, statement timeouts. */
    static const unsigned passing[] = { 1040, 1203, 1129, 1130, 1290, 1836, 1317, 1206,
                                        1969, 3024, 1041, 1158, 1159, 1160, 1161, 0 };
    static const unsigned conflict[] = { 1213, 1020, 0 }; /* deadlock, row changed */
    static const unsigned full[] = { 1021, 1114, 0 };
    static const unsigned foreign[] = { 1216, 1217, 1451, 1452, 0 };
    static const unsigned again[] = { 1243, 1615, 2057, 0 }; /* prepared anew: the schema changed */
    /* Messages that name tables and columns, and the SQL itself, which holds no values. */
    static const unsigned plain[] = { 1005, 1044, 1045, 1046, 1048, 1049, 1050, 1051, 1052, 1054, 1060, 1061, 1064,
                                      1091, 1109, 1142, 1146, 1227, 1264, 1295, 1360, 1359, 1364, 1406, 2061, 0 };
    if (is_in(number, lost)) {
        connection->base.lost = true;
        return fail_unavailable(error, 2, number, "the connection to the database was lost");
    }
    if (number == 1205 || number == 3572) { /* the wait was too long; MySQL: `nowait` */
        connection->conflicted = connection->held = true;
        return mysql_fail_held(error);
    }
    if (is_in(number, conflict)) {
        connection->conflicted = true;
        return fail_unavailable(error, 1, number, "another transaction held the rows for too long");
    }
    if (is_in(number, passing))
        return fail_unavailable(error, 2, number, "the database does not take this now");
    if (is_in(number, again))
        return fail_unavailable(error, 1, number, "the tables changed under a statement");
    if (number == 1062 || number == 1586)
        return fail_unique(message, sql, error);
    if (is_in(number, foreign))
        return error_set(error, E_CONFLICT, "refers to something that does not exist, or is still referred to");
    if (is_in(number, full) || (number == 3 && strstr(message, "28"))) {
        db_found_full(connection->base.db);
        return error_set(error, E_STORAGE_FULL, "the disk of the database is full");
    }
    if (is_in(number, plain))
        return error_set(error, E_INTERNAL, "database: %s (%u)", message, number);
    return error_set(error, E_INTERNAL, "database: error %u", number);
}
