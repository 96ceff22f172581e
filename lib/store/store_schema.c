/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Is this directory ours to write in, and this file ours to read? Everything that can be refused is looked
 * at before anything is changed; each refusal is one sentence: what, where, what to do.
 */

#include "lib/store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "lib/store/sql.h"
#include "lib/base/text.h"

#define SHOWN_MAX     512 /* of a path in a sentence */
#define LOCK_RETRY_MS 50
#define LOCK_RETRIES  40 /* two seconds for a daemon that is being killed */
#define PF_EXITING    4  /* linux/sched.h */

/* The first bytes of any SQLite file; big-endian numbers. https://www.sqlite.org/fileformat.html */
#define HEADER_SIZE           100
#define HEADER_MAGIC          "SQLite format 3"
#define HEADER_USER_VERSION   60
#define HEADER_APPLICATION_ID 68

/*
 * A span is a run of 1 << STORE_SPAN_SHIFT seqs. It knows which times and which types (bits) its events
 * cover, so that a search passes over most of them, and the index by pid is kept span by span: whatever is
 * written lies in the few pages of the newest span, whatever expires in those of the oldest, and a question
 * about a pid is one look-up per span.
 */
static const char schema[] =
        "PRAGMA auto_vacuum = INCREMENTAL;"
        "BEGIN EXCLUSIVE;"
        "CREATE TABLE events(seq INTEGER PRIMARY KEY, wall INTEGER NOT NULL, boot INTEGER NOT NULL,"
        " type INTEGER NOT NULL, body BLOB NOT NULL);"
        "CREATE TABLE event_pid(span INTEGER NOT NULL, pid INTEGER NOT NULL, seq INTEGER NOT NULL,"
        " PRIMARY KEY(span, pid, seq)) WITHOUT ROWID;"
        "CREATE TABLE span(id INTEGER PRIMARY KEY, events INTEGER NOT NULL, last_seq INTEGER NOT NULL,"
        " min_wall INTEGER NOT NULL, max_wall INTEGER NOT NULL, types INTEGER NOT NULL);"
        "CREATE TABLE findings(id INTEGER PRIMARY KEY, code TEXT NOT NULL, cause TEXT NOT NULL,"
        " pid INTEGER NOT NULL, start INTEGER NOT NULL, other_pid INTEGER NOT NULL,"
        " last_wall INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE(code, cause, pid, start, other_pid));"
        "CREATE INDEX finding_pid ON findings(pid);"
        "CREATE INDEX finding_other ON findings(other_pid);"
        "CREATE INDEX finding_last ON findings(last_wall);"
        "PRAGMA application_id = %d;"
        "PRAGMA user_version = %d;"
        "COMMIT;";

/*
 * From each earlier schema to the next, by its number; run in one transaction. A stored event is read by any
 * later program, as its fields are only ever added to, so most steps have nothing to do: the number alone
 * keeps earlier programs from fields that they do not know.
 */
static const char *const migrations[STORE_SCHEMA_VERSION] = {
        [1] = "", /* 0.1.0. Since then: security_modules, kernel_seq */
};

/* Each table with the columns we use: fails on a file that only looks like ours. */
static const char *const probes[] = {
        "SELECT seq, wall, boot, type, body FROM events ORDER BY seq LIMIT 1",
        "SELECT seq, wall, boot, type, body FROM events ORDER BY seq DESC LIMIT 1",
        "SELECT span, pid, seq FROM event_pid LIMIT 1",
        "SELECT sum(events), max(last_seq), min(min_wall), max(max_wall), max(types) FROM span",
        "SELECT code, cause, pid, start, other_pid, last_wall, body FROM findings ORDER BY last_wall LIMIT "
        "1",
};

/* ---- sentences -------------------------------------------------------------------------------------- */

static const struct {
        int error;
        const char *what, *fix;
} dir_sentences[] = {
        {ENOENT, "does not exist", "create it"},
        {ENOTDIR, "is not a directory", "remove what is there"},
        {EACCES, "cannot be written by this user", "run ptraced as root"},
        {EPERM, "cannot be written by this user", "run ptraced as root"},
        {EROFS, "is on a read-only file system", "mount it writable"},
        {ENOSPC, "has no space left", "free some"},
        {EDQUOT, "has used up its disk quota", "free some space"},
        {EBUSY, "holds a trace that another program has locked", "close that program"},
};

/* The sentence about a directory that cannot be used. Returns -error. */
static int refuse_dir(const char *dir, int error, char *buf, size_t size)
{
        const char *what = NULL, *fix = "see what is wrong with it";
        char shown[SHOWN_MAX];

        for (size_t i = 0; i < ELEMENTSOF(dir_sentences); i++)
                if (dir_sentences[i].error == error) {
                        what = dir_sentences[i].what;
                        fix = dir_sentences[i].fix;
                }
        snprintf(buf, size, "the state directory %s %s%s: %s, or choose another one with --state-dir",
                 text_escape(dir, shown, sizeof(shown)),
                 what ? what : "cannot be used: ", what ? "" : strerror(error), fix);
        return -error;
}

static int refuse_foreign(const char *path, char *buf, size_t size)
{
        char shown[SHOWN_MAX];

        snprintf(buf, size,
                 "%s is not a ptraced trace: nothing was changed in it; move it away, or name another place",
                 text_escape(path, shown, sizeof(shown)));
        return -EUCLEAN;
}

static int refuse_damaged(const char *path, const char *why, char *buf, size_t size)
{
        char shown[SHOWN_MAX];

        snprintf(buf, size,
                 "%s is damaged (%s): nothing was changed in it; move it and its -wal and -shm files away, "
                 "and ptraced begins a new one",
                 text_escape(path, shown, sizeof(shown)), why);
        return -EUCLEAN;
}

static int refuse_version(const char *path, uint32_t version, char *buf, size_t size)
{
        char shown[SHOWN_MAX];

        snprintf(buf, size,
                 "%s has schema %u and this program knows schema %d: nothing was changed in it; use the "
                 "ptraced that wrote it, or move it away",
                 text_escape(path, shown, sizeof(shown)), version, STORE_SCHEMA_VERSION);
        return -EPROTONOSUPPORT;
}

/* ---- the lock --------------------------------------------------------------------------------------- */

/* Who holds the lock, as it wrote itself; 0 if that cannot be told. */
static long lock_owner(int fd)
{
        char text[16] = {}, *end;
        long pid;

        if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
                return 0;
        pid = strtol(text, &end, 10);
        return *end == '\n' && pid > 0 ? pid : 0;
}

static int refuse_locked(const char *dir, int fd, char *buf, size_t size)
{
        char shown[SHOWN_MAX], who[32] = "";
        long pid = lock_owner(fd);

        if (pid > 0)
                snprintf(who, sizeof(who), " (pid %ld)", pid);
        snprintf(buf, size,
                 "another ptraced%s uses the state directory %s: stop it, or choose another one with "
                 "--state-dir",
                 who, text_escape(dir, shown, sizeof(shown)));
        return -EBUSY;
}

/* A killed owner takes a moment to go, and holds the lock until its last thread has. */
static bool owner_is_ending(int fd)
{
        long pid = lock_owner(fd);
        struct proc_status status;
        struct proc_stat stat;

        if (pid <= 0 || pid > PROC_PIDS_MAX)
                return false;
        if (procfs_status((uint32_t)pid, 0, &status) < 0 || procfs_stat((uint32_t)pid, 0, &stat) < 0)
                return true;
        return stat.state == 'Z' || stat.state == 'X' || (stat.flags & PF_EXITING) ||
               (status.sig_pending | status.sig_shared_pending) & 1ULL << (SIGKILL - 1);
}

static int take_lock(int fd)
{
        const struct timespec pause = {.tv_nsec = LOCK_RETRY_MS * (long)NSEC_PER_MSEC};

        for (int i = 0;; i++) {
                if (flock(fd, LOCK_EX | LOCK_NB) == 0)
                        return 0;
                if (errno != EWOULDBLOCK || i == LOCK_RETRIES || !owner_is_ending(fd))
                        return -errno;
                nanosleep(&pause, NULL);
        }
}

/* Writes our pid for whoever is refused. */
static int sign_lock(int fd)
{
        char text[16];
        int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

        if (ftruncate(fd, 0) < 0)
                return -errno;
        ssize_t w = pwrite(fd, text, (size_t)n, 0);
        return w == n ? 0 : w < 0 ? -errno : -ENOSPC;
}

int store_lock_dir(const char *dir, int *ret_fd, char *error, size_t size)
{
        _cleanup_close_ int dir_fd = -1, fd = -1;
        struct stat st;
        int r;

        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return refuse_dir(dir, errno, error, size);
        fd = openat(dir_fd, STORE_LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (fd < 0)
                return refuse_dir(dir, errno, error, size);
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return refuse_dir(dir, EINVAL, error, size);
        r = take_lock(fd);
        if (r < 0)
                return r == -EWOULDBLOCK ? refuse_locked(dir, fd, error, size)
                                         : refuse_dir(dir, -r, error, size);
        r = sign_lock(fd);
        if (r < 0)
                return refuse_dir(dir, -r, error, size);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* ---- whose file ------------------------------------------------------------------------------------- */

static uint32_t big_endian(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool file_has_bytes(const char *path, const char *suffix)
{
        char name[PATH_MAX];
        struct stat st;

        snprintf(name, sizeof(name), "%s%s", path, suffix);
        return stat(name, &st) == 0 && st.st_size > 0;
}

static bool is_known_schema(uint32_t version)
{
        return version >= 1 && version <= STORE_SCHEMA_VERSION;
}

/*
 * Looks at the raw header, so that a file which is not ours is not even opened by SQLite (which would
 * recover and checkpoint it). 1: ours; 0: there is none yet; or -errno.
 */
static int inspect_header(const char *path, char *error, size_t size)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        uint8_t header[HEADER_SIZE] = {};
        struct stat st;
        ssize_t n;

        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return refuse_foreign(path, error, size);
        if (st.st_size == 0)
                return 0;
        n = pread(fd, header, sizeof(header), 0);
        if (n < 0)
                return -errno;
        if (n < HEADER_SIZE || memcmp(header, HEADER_MAGIC, sizeof(HEADER_MAGIC)) != 0 ||
            big_endian(header + HEADER_APPLICATION_ID) != STORE_APPLICATION_ID)
                return refuse_foreign(path, error, size);
        if (!is_known_schema(big_endian(header + HEADER_USER_VERSION)))
                return refuse_version(path, big_endian(header + HEADER_USER_VERSION), error, size);
        return 1;
}

/* Small files are checked whole; of large ones the schema, the ends of each table, and the size. */
static int check_content(sqlite3 *db, const char *path, char *error, size_t size)
{
        sqlite3_stmt *statement;
        int64_t bytes;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(probes); i++) {
                r = sqlite3_prepare_v2(db, probes[i], -1, &statement, NULL);
                if (r == SQLITE_OK)
                        r = sqlite3_step(statement);
                sqlite3_finalize(statement);
                if (r != SQLITE_ROW && r != SQLITE_DONE) {
                        int e = sql_errno(db);
                        return e == EUCLEAN ? refuse_damaged(path, sqlite3_errmsg(db), error, size) : -e;
                }
        }
        bytes = sql_number(db, "PRAGMA page_count", 0) * sql_number(db, "PRAGMA page_size", 0);
        if (bytes > STORE_CHECK_BYTES_MAX)
                return 0;
        if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL) != SQLITE_OK)
                return refuse_damaged(path, sqlite3_errmsg(db), error, size);
        bool sound = sqlite3_step(statement) == SQLITE_ROW &&
                     strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
        sqlite3_finalize(statement);
        return sound ? 0 : refuse_damaged(path, "its pages do not fit together", error, size);
}

/* ---- connections ------------------------------------------------------------------------------------ */

static int create_schema(sqlite3 *db)
{
        char *sql = sqlite3_mprintf(schema, STORE_APPLICATION_ID, STORE_SCHEMA_VERSION);
        int r = 0;

        if (!sql)
                return -ENOMEM;
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                r = -sql_errno(db);
        sqlite3_free(sql);
        return r;
}

/* An empty file with the mode we want: SQLite gives the same to the files beside it. */
static int create_empty(const char *path)
{
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
                return -errno;
        close(fd);
        return 0;
}

/* Made under another name and renamed: a file with our name is whole, whenever the power fails. */
static int create_store(const char *path)
{
        _cleanup_free_ char *new = NULL, *journal = NULL;
        sqlite3 *db = NULL;
        int r;

        if (asprintf(&new, "%s.new", path) < 0 || asprintf(&journal, "%s.new-journal", path) < 0)
                return -ENOMEM;
        unlink(new);
        unlink(journal);
        r = create_empty(new);
        if (r == 0)
                r = sql_connect(new, SQLITE_OPEN_READWRITE, STORE_CACHE_KIB, STORE_BUSY_MS, &db);
        if (r == 0)
                r = create_schema(db);
        sqlite3_close(db);
        if (r == 0 && rename(new, path) < 0)
                r = -errno;
        if (r < 0) {
                unlink(new);
                unlink(journal);
        }
        return r;
}

/* All of it or nothing, whenever the power fails. Another ptraced cannot come between: we have the lock. */
static int migrate(sqlite3 *db)
{
        int64_t version = sql_number(db, "PRAGMA user_version", 0);
        char sql[64];
        int r = SQLITE_OK;

        if (version >= STORE_SCHEMA_VERSION)
                return 0;
        r = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        for (int64_t v = version; r == SQLITE_OK && v >= 1 && v < STORE_SCHEMA_VERSION; v++)
                r = sqlite3_exec(db, migrations[v], NULL, NULL, NULL);
        snprintf(sql, sizeof(sql), "PRAGMA user_version = %d; COMMIT", STORE_SCHEMA_VERSION);
        if (r == SQLITE_OK)
                r = sqlite3_exec(db, sql, NULL, NULL, NULL);
        if (r == SQLITE_OK)
                return 0;
        r = -sql_errno(db);
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return r;
}

/* Makes a disk that is full show itself now: the version is written again, as it is. */
static int begin_writing(sqlite3 *db)
{
        char sql[160];

        snprintf(sql, sizeof(sql),
                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = "
                 "8388608;"
                 "PRAGMA user_version = %d;",
                 STORE_SCHEMA_VERSION);
        return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -sql_errno(db);
}

static int open_write_db(struct store *s, char *error, size_t size)
{
        int r;

        r = inspect_header(s->path, error, size);
        if (r == 0)
                r = create_store(s->path);
        if (r >= 0)
                r = sql_connect(s->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, STORE_CACHE_KIB,
                                STORE_BUSY_MS, &s->write_db);
        if (r == 0)
                r = check_content(s->write_db, s->path, error, size);
        if (r == 0)
                r = migrate(s->write_db);
        if (r == 0)
                r = begin_writing(s->write_db);
        return r == 0 ? store_writer_prepare(s) : r;
}

int store_open_files(struct store *s, const char *dir, char *error, size_t size)
{
        int r;

        if (asprintf(&s->path, "%s/%s", dir, STORE_FILE) < 0) {
                s->path = NULL;
                return -ENOMEM;
        }
        error[0] = '\0';
        r = open_write_db(s, error, size);
        if (r == 0)
                r = sql_connect(s->path, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, STORE_CACHE_KIB / 2,
                                STORE_READ_BUSY_MS, &s->read_db);
        if (r == -EUCLEAN && !error[0])
                refuse_damaged(s->path, s->write_db ? sqlite3_errmsg(s->write_db) : "unreadable", error,
                               size);
        if (r < 0 && !error[0])
                refuse_dir(dir, -r, error, size);
        return r;
}

/* ---- reading only ----------------------------------------------------------------------------------- */

/*
 * A WAL file that nobody has open, without its -wal, needs no lock and no -shm beside it: "immutable" leaves
 * the directory untouched and works where it is read-only.
 */
static int readonly_name(const char *file, char **ret)
{
        static const char hex[] = "0123456789ABCDEF";
        bool live = file_has_bytes(file, "-wal") || file_has_bytes(file, "-shm");
        char *name = malloc(3 * strlen(file) + 32), *p = name;

        if (!name)
                return -ENOMEM;
        p = stpcpy(p, "file:");
        for (const char *c = file; *c; c++) {
                if (strchr("?#%", *c)) {
                        *p++ = '%';
                        *p++ = hex[*c >> 4 & 0xf];
                        *p++ = hex[*c & 0xf];
                } else {
                        *p++ = *c;
                }
        }
        strcpy(p, live ? "" : "?immutable=1");
        *ret = name;
        return 0;
}

int store_open_file_readonly(struct store *s, const char *file, char *error, size_t size)
{
        /* The -wal and -shm lie beside the file itself, not beside a link to it. */
        _cleanup_free_ char *real = realpath(file, NULL), *name = NULL;
        char shown[SHOWN_MAX];
        int r;

        error[0] = '\0';
        r = real ? inspect_header(real, error, size) : -errno;
        if (r == 0)
                r = refuse_foreign(file, error, size);
        if (r > 0)
                r = readonly_name(real, &name);
        if (r == 0)
                r = sql_connect(name, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_URI,
                                STORE_CACHE_KIB, STORE_READ_BUSY_MS, &s->read_db);
        if (r == 0)
                r = check_content(s->read_db, file, error, size);
        if (r < 0 && !error[0])
                snprintf(error, size, "cannot read the trace %s: %s",
                         text_escape(file, shown, sizeof(shown)), strerror(-r));
        return r;
}
