/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/proc/elf_text.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define SYMBOLS_CHUNK   4096u /* symbols read at a time */
#define SYMBOL_NAME_MAX 256
#define INT3            0xcc
#define INT_N           0xcd /* int $3 is cd 03 */

static void cleanup_elf(Elf **elf)
{
        if (*elf)
                elf_end(*elf);
}
#define _cleanup_elf_ _cleanup_(cleanup_elf)

int elf_text_open(const char *path)
{
        _cleanup_close_ int handle = -1;
        char link[32];
        struct stat st;
        int fd;

        /* Opening a device can act on it, opening a FIFO can wake its writer: look before. */
        handle = open(path, O_PATH | O_CLOEXEC);
        if (handle < 0 || fstat(handle, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if ((uint64_t)st.st_size > ELF_TEXT_FILE_MAX)
                return -EFBIG;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", handle);
        fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* pread(2) to the end. Returns how many bytes there were. */
static ssize_t read_at(int fd, uint64_t offset, void *buf, size_t n)
{
        size_t have = 0;

        if (offset > ELF_TEXT_FILE_MAX || n > INT_MAX)
                return 0;
        while (have < n) {
                ssize_t k = pread(fd, (char *)buf + have, n - have, (off_t)(offset + have));

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                have += (size_t)k;
        }
        return (ssize_t)have;
}

int elf_text_bytes(const char *path, uint64_t offset, uint8_t *buf, size_t n)
{
        _cleanup_close_ int fd = elf_text_open(path);

        return fd < 0 ? fd : (int)read_at(fd, offset, buf, n);
}

int elf_text_has_int3(const char *path, uint64_t offset, bool *ret)
{
        uint8_t bytes[3] = {}; /* before, at and after the offset */
        size_t before = offset > 0 ? 1 : 0;
        int n;

        n = elf_text_bytes(path, offset - before, bytes + 1 - before, 2 + before);
        if (n < 0)
                return n;
        *ret = bytes[1] == INT3 || (bytes[1] == INT_N && bytes[2] == 3) ||
               (bytes[0] == INT_N && bytes[1] == 3);
        return 0;
}

/* ---- symbols --------------------------------------------------------------------------------------- */

/* What libelf would allocate for is decided by these counts, so they are bounded before it looks. */
static int check_header(int fd)
{
        enum {
                SHNUM_32 = 48,
                SHNUM_64 = 60,
                PHNUM_32 = 44,
                PHNUM_64 = 56,
                HEADER_32 = 52,
                HEADER_64 = 64
        };
        uint8_t h[HEADER_64] = {};
        ssize_t n = read_at(fd, 0, h, sizeof(h));
        bool is64, big;
        unsigned shnum, phnum;

        if (n < 0)
                return (int)n;
        is64 = h[EI_CLASS] == ELFCLASS64;
        big = h[EI_DATA] == ELFDATA2MSB;
        if (n < (is64 ? HEADER_64 : HEADER_32) || memcmp(h, ELFMAG, SELFMAG) != 0)
                return -ENOEXEC;
        if ((!is64 && h[EI_CLASS] != ELFCLASS32) || (!big && h[EI_DATA] != ELFDATA2LSB))
                return -ENOEXEC;
        shnum = is64 ? SHNUM_64 : SHNUM_32;
        phnum = is64 ? PHNUM_64 : PHNUM_32;
        shnum = big ? h[shnum] << 8 | h[shnum + 1] : h[shnum + 1] << 8 | h[shnum];
        phnum = big ? h[phnum] << 8 | h[phnum + 1] : h[phnum + 1] << 8 | h[phnum];
        /* 0 sections can mean "too many for this field". */
        return shnum == 0 || shnum > ELF_SECTIONS_MAX || phnum > ELF_SEGMENTS_MAX ? -ENOEXEC : 0;
}

/* Where the loader puts the byte at a file offset. */
static int offset_to_address(Elf *elf, uint64_t offset, uint64_t *ret)
{
        uint64_t address = 0;
        size_t n;
        bool found = false;

        if (elf_getphdrnum(elf, &n) < 0)
                return -ENOEXEC;
        for (size_t i = 0; i < n && i < ELF_SEGMENTS_MAX; i++) {
                GElf_Phdr ph;

                if (!gelf_getphdr(elf, (int)i, &ph))
                        return -ENOEXEC;
                if (ph.p_type != PT_LOAD || offset < ph.p_offset || offset - ph.p_offset >= ph.p_filesz)
                        continue;
                if (found && !(ph.p_flags & PF_X))
                        continue;
                address = ph.p_vaddr + (offset - ph.p_offset);
                found = true;
        }
        if (!found)
                return -ENOENT;
        *ret = address;
        return 0;
}

struct symbol_table {
        uint64_t offset, n;         /* in the file; symbols */
        uint64_t names, names_size; /* its string table in the file */
        uint64_t entry_size;
        size_t text_section; /* section the address is in, 0: not known */
};

static bool take_symbol_table(Elf *elf, const GElf_Shdr *sh, struct symbol_table *table)
{
        GElf_Shdr names;
        Elf_Scn *scn = elf_getscn(elf, sh->sh_link);
        size_t entry_size = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);

        if (!scn || !gelf_getshdr(scn, &names) || names.sh_type != SHT_STRTAB || entry_size == 0)
                return false;
        table->offset = sh->sh_offset;
        table->entry_size = entry_size;
        table->n = MIN_OF(sh->sh_size / entry_size, (uint64_t)ELF_SYMBOLS_MAX);
        table->names = names.sh_offset;
        table->names_size = names.sh_size;
        return true;
}

static int find_symbol_table(Elf *elf, uint64_t address, struct symbol_table *ret)
{
        struct symbol_table table = {};
        bool full = false;
        Elf_Scn *scn = NULL;

        for (unsigned i = 0; i < ELF_SECTIONS_MAX; i++) {
                GElf_Shdr sh;

                scn = elf_nextscn(elf, scn);
                if (!scn)
                        break;
                if (!gelf_getshdr(scn, &sh))
                        return -ENOEXEC;
                if ((sh.sh_flags & SHF_EXECINSTR) && address >= sh.sh_addr &&
                    address - sh.sh_addr < sh.sh_size)
                        table.text_section = elf_ndxscn(scn);
                if (sh.sh_type == SHT_SYMTAB)
                        full |= take_symbol_table(elf, &sh, &table);
                else if (sh.sh_type == SHT_DYNSYM && !full)
                        take_symbol_table(elf, &sh, &table);
        }
        if (table.n == 0)
                return -ENOENT;
        *ret = table;
        return 0;
}

struct symbol_match {
        uint64_t value, name;
        int rank; /* global before weak before local, where several share an address */
        bool sized, found;
        uint64_t nearest; /* where the last function at or before the address begins */
};

static int binding_rank(unsigned char info)
{
        switch (GELF_ST_BIND(info)) {
        case STB_GLOBAL:
                return 2;
        case STB_WEAK:
                return 1;
        default:
                return 0;
        }
}

static bool is_better(const struct symbol_match *a, const struct symbol_match *b)
{
        if (!b->found)
                return true;
        if (a->sized != b->sized)
                return a->sized;
        return a->value != b->value ? a->value > b->value : a->rank > b->rank;
}

/*
 * The symbol that covers the address and begins nearest to it. Hand-written assembly has symbols without a
 * size: where nothing else covers the address, one counts as reaching up to the next in its section.
 */
static void consider_symbol(const GElf_Sym *sym, uint64_t address, const struct symbol_table *table,
                            struct symbol_match *best)
{
        struct symbol_match match = {
                .value = sym->st_value,
                .name = sym->st_name,
                .rank = binding_rank(sym->st_info),
                .sized = sym->st_size > 0,
                .found = true,
                .nearest = MAX_OF(best->nearest, sym->st_value),
        };
        unsigned char type = GELF_ST_TYPE(sym->st_info);

        if (sym->st_shndx == SHN_UNDEF || sym->st_value > address)
                return;
        if (type != STT_FUNC && type != STT_GNU_IFUNC && (type != STT_NOTYPE || match.sized))
                return;
        best->nearest = match.nearest;
        if (match.sized ? address - sym->st_value >= sym->st_size : sym->st_shndx != table->text_section)
                return;
        if (is_better(&match, best))
                *best = match;
}

static int search_symbols(Elf *elf, const struct symbol_table *table, uint64_t address,
                          struct symbol_match *ret)
{
        struct symbol_match best = {};

        for (uint64_t done = 0; done < table->n; done += SYMBOLS_CHUNK) {
                uint64_t n = MIN_OF(table->n - done, (uint64_t)SYMBOLS_CHUNK);
                uint64_t at;
                Elf_Data *data;

                if (__builtin_add_overflow(table->offset, done * table->entry_size, &at) || at > INT64_MAX)
                        break;
                data = elf_getdata_rawchunk(elf, (int64_t)at, n * table->entry_size, ELF_T_SYM);
                if (!data)
                        break; /* beyond the end of the file: what was read still counts */
                for (uint64_t i = 0; i < n; i++) {
                        GElf_Sym sym;

                        if (gelf_getsym(data, (int)i, &sym))
                                consider_symbol(&sym, address, table, &best);
                }
        }
        if (!best.found || (!best.sized && best.nearest > best.value))
                return -ENOENT;
        *ret = best;
        return 0;
}

static int format_symbol(int fd, const struct symbol_table *table, const struct symbol_match *match,
                         uint64_t address, char *buf, size_t size)
{
        char name[SYMBOL_NAME_MAX] = "", plus[24] = "";
        uint64_t at;
        ssize_t n;

        if (match->name >= table->names_size || __builtin_add_overflow(table->names, match->name, &at))
                return -ENOENT;
        n = read_at(fd, at, name, MIN_OF(sizeof(name) - 1, table->names_size - match->name));
        if (n < 0)
                return (int)n;
        name[n] = 0;
        if (!name[0])
                return -ENOENT;
        if (address > match->value)
                snprintf(plus, sizeof(plus), "+0x%llx", (unsigned long long)(address - match->value));
        if (size <= strlen(plus))
                return -ENOBUFS;
        /* A long name is cut, the distance is kept. */
        snprintf(buf, size, "%.*s%s", (int)(size - 1 - strlen(plus)), name, plus);
        return 0;
}

/* A file that was looked over and can be given to libelf; both results are the caller's to close. */
static int open_elf(const char *path, int *ret_fd, Elf **ret)
{
        _cleanup_close_ int fd = elf_text_open(path);
        _cleanup_elf_ Elf *elf = NULL;
        int r;

        if (fd < 0)
                return fd;
        r = check_header(fd);
        if (r < 0)
                return r;
        if (elf_version(EV_CURRENT) == EV_NONE)
                return -ENOEXEC;
        elf = elf_begin(fd, ELF_C_READ, NULL);
        if (!elf || elf_kind(elf) != ELF_K_ELF)
                return -ENOEXEC;
        *ret_fd = TAKE_FD(fd);
        *ret = TAKE_PTR(elf);
        return 0;
}

/* The i-th segment, if it is mapped as code. */
static bool code_segment(Elf *elf, size_t i, GElf_Phdr *ret)
{
        return gelf_getphdr(elf, (int)i, ret) && ret->p_type == PT_LOAD && ret->p_flags & PF_X;
}

int elf_text_code_offset(const char *path, uint64_t distance, uint64_t *ret_offset)
{
        _cleanup_close_ int fd = -1;
        _cleanup_elf_ Elf *elf = NULL;
        uint64_t first = UINT64_MAX;
        GElf_Phdr ph;
        size_t n;
        int r = open_elf(path, &fd, &elf);

        if (r < 0)
                return r;
        if (elf_getphdrnum(elf, &n) < 0)
                return -ENOEXEC;
        n = MIN_OF(n, ELF_SEGMENTS_MAX);
        for (size_t i = 0; i < n; i++)
                if (code_segment(elf, i, &ph))
                        first = MIN_OF(first, ph.p_vaddr);
        for (size_t i = 0; i < n; i++) {
                if (!code_segment(elf, i, &ph) || distance < ph.p_vaddr - first ||
                    distance - (ph.p_vaddr - first) >= ph.p_filesz)
                        continue;
                *ret_offset = ph.p_offset + (distance - (ph.p_vaddr - first));
                return 0;
        }
        return -ENOENT;
}

int elf_text_symbol(const char *path, uint64_t offset, char *buf, size_t size)
{
        _cleanup_close_ int fd = -1;
        _cleanup_elf_ Elf *elf = NULL;
        struct symbol_table table;
        struct symbol_match match;
        uint64_t address;
        int r = open_elf(path, &fd, &elf);

        if (r < 0)
                return r;
        r = offset_to_address(elf, offset, &address);
        if (r < 0)
                return r;
        r = find_symbol_table(elf, address, &table);
        if (r < 0)
                return r;
        r = search_symbols(elf, &table, address, &match);
        if (r < 0)
                return r;
        return format_symbol(fd, &table, &match, address, buf, size);
}
