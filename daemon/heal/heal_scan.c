/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/heal/heal_scan.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/proc/elf_text.h"
#include "lib/proc/procfs.h"
#include "lib/base/text.h"
#include "lib/event/wording.h"

#define MAP_ENTRIES 512 /* of pagemap, read at a time */
#define DELETED     " (deleted)"
#define CLOCK_SLACK_NS \
        (2 * NSEC_PER_SEC) /* a start time is in ticks, the clock may be set, a file time is coarse */

/* ---- the files behind changed text --------------------------------------------------------------- */

/* When the process began, on the wall clock: what a file's times are compared with. */
static uint64_t start_wall_ns(const struct task_ref *t)
{
        uint64_t since_boot = t->start * (NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));

        return clock_wall_ns() - clock_boot_ns() + since_boot;
}

static bool is_deleted(const char *path)
{
        size_t n = strlen(path), cut = strlen(DELETED);

        return n > cut && strcmp(path + n - cut, DELETED) == 0;
}

/* Its bytes can be believed: a program of this machine that nobody has written to since. */
static bool file_is_sound(struct heal *h, const struct heal_file *file)
{
        char link[32], name[EVENT_PATH_MAX * 4 + 1];
        Elf64_Ehdr header; /* e_machine is at the same place in both sizes */
        struct stat st;

        text_escape(file->path, name, sizeof(name));
        snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
        if (elf_text_bytes(link, 0, (uint8_t *)&header, sizeof(header)) < (int)sizeof(header) ||
            memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
                heal_refuse(h, "%.256s has changed code in memory, and is no ELF file to compare it with.",
                            name);
        else if (header.e_machine != EM_X86_64 && header.e_machine != EM_386)
                heal_refuse(h,
                            "%.256s is a program for another machine, run by an emulator: its breakpoints "
                            "cannot be told from its code.",
                            name);
        else if (fstat(file->fd, &st) < 0 ||
                 (uint64_t)st.st_mtim.tv_sec * NSEC_PER_SEC > start_wall_ns(&h->target) + CLOCK_SLACK_NS)
                heal_refuse(h,
                            "%.256s was written to after the process began: it is not certain that it still "
                            "holds the code that runs.",
                            name);
        return !h->refused[0];
}

static int open_file(struct heal *h, const struct elf_mapping *m)
{
        struct heal_file *file;
        char name[EVENT_PATH_MAX * 4 + 1], error[32];
        int fd;

        for (size_t i = 0; i < h->n_files; i++)
                if (h->files[i].inode == m->inode && h->files[i].dev == m->dev)
                        return (int)i;
        text_escape(m->path, name, sizeof(name));
        if (is_deleted(m->path)) {
                heal_refuse(
                        h,
                        "%.256s was deleted or replaced while the process runs: there is nothing certain "
                        "to compare its code with. Restart the program.",
                        name);
                return -1;
        }
        if (h->n_files == HEAL_FILES_MAX) {
                heal_refuse(h, "The code of more than %d files is changed: this is no debugger's doing.",
                            HEAL_FILES_MAX);
                return -1;
        }
        file = &h->files[h->n_files];
        fd = elf_text_open_mapped(h->reader, m->dev, m->inode, m->path, file->path, sizeof(file->path));
        if (fd < 0) {
                heal_refuse(h,
                            "%.256s has changed code in memory, and the file cannot be opened to compare it "
                            "with: %s.",
                            name, errno_name(-fd, error, sizeof(error)));
                return -1;
        }
        file->fd = fd;
        file->inode = m->inode;
        file->dev = m->dev;
        h->n_files++;
        return file_is_sound(h, file) ? (int)h->n_files - 1 : -1;
}

/* ---- pages ------------------------------------------------------------------------------------------- */

struct heal_walk {
        struct heal *h;
        int mem, pagemap;
        uint64_t pages, compared, foreign; /* foreign: bytes of code that is in no file */
        bool uprobes;
};

/* The page a process has of its own, beside the file's. */
static bool compare_page(struct heal_walk *s, const struct elf_mapping *m, uint64_t address, int number)
{
        uint8_t memory[HEAL_PAGE], file[HEAL_PAGE] = {};
        uint64_t offset = m->offset + (address - m->start), changed = 0;
        char link[32], name[EVENT_PATH_MAX * 4 + 1];
        struct heal *h = s->h;
        int r;

        if (pread(s->mem, memory, sizeof(memory), (off_t)address) != sizeof(memory))
                return true; /* beyond the end of the file: nobody can run it */
        snprintf(link, sizeof(link), "/proc/self/fd/%d", h->files[number].fd);
        r = elf_text_bytes(link, offset, file, sizeof(file));
        text_escape(h->files[number].path, name, sizeof(name));
        if (r < 0) {
                heal_refuse(h, "%.256s cannot be read: %s.", name, strerror(-r));
                return false;
        }
        r = heal_compare(&h->plan,
                         &(struct heal_piece){.memory = memory,
                                              .file = file,
                                              .n = sizeof(file),
                                              .address = address,
                                              .offset = offset,
                                              .number = (uint32_t)number},
                         &changed);
        if (r == -EUCLEAN)
                heal_refuse(h,
                            "The code at 0x%" PRIx64 " (%.256s) is changed in another way than by "
                            "breakpoints: by a patch, a relocation, or the program itself. Nothing is "
                            "touched.",
                            changed, name);
        else if (r < 0)
                heal_refuse(h,
                            "More than %d bytes of code are int3 instead of the file's bytes: no debugger "
                            "sets that many breakpoints. Nothing is touched.",
                            HEAL_SITES_MAX);
        return r == 0;
}

static bool consider_page(struct heal_walk *s, const struct elf_mapping *m, uint64_t address)
{
        int number = open_file(s->h, m);

        if (number < 0)
                return false;
        if (s->pagemap < 0 && s->compared++ >= HEAL_COMPARE_MAX) {
                heal_refuse(s->h,
                            "The kernel does not tell which pages are changed, and more than %u would "
                            "have to be compared.",
                            HEAL_COMPARE_MAX);
                return false;
        }
        return compare_page(s, m, address, number);
}

static bool scan_pages(struct heal_walk *s, const struct elf_mapping *m)
{
        uint64_t entries[MAP_ENTRIES];

        for (uint64_t address = m->start; address < m->end; address += MAP_ENTRIES * HEAL_PAGE) {
                size_t n = MIN_OF((m->end - address) / HEAL_PAGE, (uint64_t)MAP_ENTRIES);

                s->pages += n;
                if (s->pages > HEAL_PAGES_MAX) {
                        heal_refuse(s->h, "The process has more code than is looked at (%u pages).",
                                    HEAL_PAGES_MAX);
                        return false;
                }
                if (s->pagemap >= 0 && pread(s->pagemap, entries, n * sizeof(entries[0]),
                                             (off_t)(address / HEAL_PAGE * sizeof(entries[0]))) !=
                                               (ssize_t)(n * sizeof(entries[0])))
                        return true; /* unmapped meanwhile */
                for (size_t i = 0; i < n; i++)
                        if ((s->pagemap < 0 || heal_is_private(entries[i])) &&
                            !consider_page(s, m, address + i * HEAL_PAGE))
                                return false;
        }
        return true;
}

static int scan_mapping(void *userdata, const struct elf_mapping *m)
{
        struct heal_walk *s = userdata;

        if (strcmp(m->path, "[uprobes]") == 0)
                s->uprobes = true;
        if (!m->executable || m->path[0] == '[')
                return 0;
        if (m->inode == 0 || m->shared) {
                s->foreign += m->end - m->start;
                return 0;
        }
        return scan_pages(s, m) ? 0 : 1;
}

bool heal_scan(struct heal *h)
{
        _cleanup_close_ int mem = -1, pagemap = -1;
        struct heal_walk s = {.h = h};
        char path[64], size[32];
        int r;

        snprintf(path, sizeof(path), "/proc/%" PRIu32 "/mem", h->reader);
        mem = open(path, O_RDONLY | O_CLOEXEC);
        if (mem < 0) {
                heal_refuse(h, "The memory of process %" PRIu32 " cannot be read: %s.", h->target.pid,
                            strerror(errno));
                return false;
        }
        snprintf(path, sizeof(path), "/proc/%" PRIu32 "/pagemap", h->reader);
        pagemap = open(path, O_RDONLY | O_CLOEXEC);
        s.mem = mem;
        s.pagemap = pagemap;
        h->plan.n = 0;
        r = elf_text_each_mapping(h->reader, scan_mapping, &s);
        if (r < 0)
                heal_refuse(h, "The mappings of process %" PRIu32 " cannot be read: %s.", h->target.pid,
                            strerror(-r));
        if (h->plan.n && s.uprobes)
                heal_refuse(h,
                            "Uprobes run in process %" PRIu32 " (it has a mapping [uprobes]): their int3 "
                            "cannot be told from a debugger's. Stop what traces it (bpftrace, perf, ...) "
                            "first.",
                            h->target.pid);
        if (s.foreign)
                heal_note(h,
                          "%s of its code is in no private mapping of a file (a JIT, for one) and was not "
                          "looked at.",
                          (snprintf(size, sizeof(size), "%" PRIu64 " KiB", s.foreign / 1024), size));
        return !h->refused[0];
}

/* ---- whether at all ---------------------------------------------------------------------------------- */

struct tracer_search {
        const struct heal *h;
        struct task_ref tracer;
};

static int find_tracer(void *userdata, uint32_t pid, uint32_t tid)
{
        struct tracer_search *s = userdata;
        uint32_t tracer;

        if (procfs_tracer_tid(pid, tid, &tracer) < 0 || !tracer)
                return 0;
        /* A tool is called as its process, not as the thread of it that attached. */
        if (procfs_task(tracer, &s->tracer) < 0 || procfs_task(s->tracer.pid, &s->tracer) < 0)
                s->tracer = (struct task_ref){.pid = s->tracer.pid ?: tracer};
        return s->h->helper && s->tracer.pid == s->h->helper ? 0 : 1;
}

bool heal_may_look(struct heal *h)
{
        struct proc_status st, living;
        char target[WORD_MAX];

        if (procfs_status(h->target.pid, 0, &st) < 0 ||
            (h->target.start && st.task.start != h->target.start)) {
                heal_refuse(h, "Process %" PRIu32 " is gone.", h->target.pid);
                return false;
        }
        word_process(&st.task, target);
        if (!h->any_uid && (st.ruid != h->uid || st.euid != h->uid || st.suid != h->uid))
                heal_refuse(h, "%s does not run under uid %" PRIu32 " alone.", target, h->uid);
        else if (st.kthread || procfs_living_thread(h->target.pid, &living) < 0)
                heal_refuse(h, "%s has no program: it is a kernel thread, or has ended.", target);
        else
                h->reader = living.task.tid;
        return !h->refused[0];
}

bool heal_may_touch(struct heal *h)
{
        struct tracer_search search = {.h = h};
        char who[WORD_MAX], target[WORD_MAX];

        if (!heal_may_look(h))
                return false;
        if (procfs_each_thread(h->target.pid, find_tracer, &search) == 1)
                heal_refuse(h,
                            "%s is traced by %s: breakpoints in it may be in use, and are for that one to "
                            "take out. Detach it first.",
                            word_process(&h->target, target), word_process(&search.tracer, who));
        return !h->refused[0];
}
