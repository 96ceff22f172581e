/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/unit/child.h"
#include "tests/unit/own_file.h"
#include "lib/base/cleanup.h"
#include "lib/proc/elf_text.h"

#define SELF "/proc/self/exe"

/* Code with a breakpoint of its own, and a symbol that has no size. */
__asm__(".text\n"
        ".globl sized_breakpoint\n"
        ".type sized_breakpoint, @function\n"
        "sized_breakpoint:\n"
        "        nop\n"
        "        int3\n"
        "        nop\n"
        "        .byte 0xcd, 0x03\n"
        "        ret\n"
        ".size sized_breakpoint, . - sized_breakpoint\n"
        ".globl sizeless\n"
        "sizeless:\n"
        "        nop\n"
        "        nop\n"
        "        ret\n"
        ".globl after_sizeless\n"
        ".type after_sizeless, @function\n"
        "after_sizeless:\n"
        "        ret\n"
        ".size after_sizeless, . - after_sizeless\n"
        "        nop\n"
        "        nop\n"
        ".globl end_of_gap\n"
        ".type end_of_gap, @function\n"
        "end_of_gap:\n"
        "        ret\n"
        ".size end_of_gap, . - end_of_gap\n");
extern char sized_breakpoint[], sizeless[], after_sizeless[];

static char directory[] = "/tmp/test_elf_text.XXXXXX";

static void setup(void)
{
        ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void teardown(void)
{
        char command[PATH_MAX];

        snprintf(command, sizeof(command), "rm -rf '%s'", directory);
        ck_assert_int_eq(system(command), 0);
}

static const char *file_path(const char *name)
{
        static char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        return path;
}

static const char *write_file(const char *name, const void *data, size_t n)
{
        const char *path = file_path(name);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, data, n), (ssize_t)n);
        return path;
}

static uint8_t *read_self(size_t *ret_n)
{
        _cleanup_close_ int fd = open(SELF, O_RDONLY);
        struct stat st;
        uint8_t *data;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fstat(fd, &st), 0);
        data = malloc((size_t)st.st_size);
        ck_assert_int_eq(read(fd, data, (size_t)st.st_size), st.st_size);
        *ret_n = (size_t)st.st_size;
        return data;
}

static uint64_t offset_of(const void *address)
{
        char path[PATH_MAX];
        uint64_t offset;

        ck_assert_int_eq(elf_text_mapping((uint32_t)getpid(), (uint64_t)(uintptr_t)address, path,
                                          sizeof(path), &offset),
                         0);
        return offset;
}

/* ---- bytes ----------------------------------------------------------------------------------------- */

START_TEST(finds_the_mapping_of_an_address)
{
        char exe[PATH_MAX] = "", path[PATH_MAX];
        uint8_t bytes[8];
        uint64_t offset;
        void *anonymous;

        ck_assert_int_gt(readlink(SELF, exe, sizeof(exe) - 1), 0);
        ck_assert_int_eq(elf_text_mapping((uint32_t)getpid(), (uint64_t)(uintptr_t)sized_breakpoint, path,
                                          sizeof(path), &offset),
                         0);
        ck_assert_str_eq(path, exe);
        ck_assert_int_eq(elf_text_bytes(SELF, offset, bytes, 6), 6);
        ck_assert_int_eq(memcmp(bytes, sized_breakpoint, 6), 0);

        anonymous = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ck_assert_int_eq(elf_text_mapping((uint32_t)getpid(), (uint64_t)(uintptr_t)anonymous, path,
                                          sizeof(path), &offset),
                         0);
        ck_assert_str_eq(path, "");
        ck_assert_int_eq(elf_text_mapping((uint32_t)getpid(), 1, path, sizeof(path), &offset), -ENOENT);
        ck_assert_int_eq(elf_text_mapping(UINT32_MAX, 1, path, sizeof(path), &offset), -ESRCH);
}
END_TEST

START_TEST(knows_both_forms_of_the_breakpoint)
{
        static const bool expected[] = {false, true, false, true, true, false};
        uint64_t offset = offset_of(sized_breakpoint);

        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                bool found;

                ck_assert_int_eq(elf_text_has_int3(SELF, offset + i, &found), 0);
                ck_assert_int_eq(found, expected[i]);
        }
}
END_TEST

START_TEST(edges_of_a_file_are_edges)
{
        const char *path = write_file("edges", "\x03\xcc", 2);
        uint8_t bytes[4];
        bool found = true;

        ck_assert_int_eq(elf_text_has_int3(path, 0, &found), 0);
        ck_assert(!found);
        ck_assert_int_eq(elf_text_has_int3(path, 1, &found), 0);
        ck_assert(found);
        ck_assert_int_eq(elf_text_has_int3(path, 2, &found), 0);
        ck_assert(!found);
        ck_assert_int_eq(elf_text_bytes(path, 1, bytes, 4), 1);
        ck_assert_int_eq(elf_text_bytes(path, 2, bytes, 4), 0);
        ck_assert_int_eq(elf_text_bytes(path, UINT64_MAX, bytes, 4), 0);
        ck_assert_int_eq(elf_text_has_int3(path, UINT64_MAX, &found), 0);
        ck_assert(!found);
        ck_assert_int_eq(elf_text_bytes(file_path("none"), 0, bytes, 4), -ENOENT);
}
END_TEST

START_TEST(only_regular_files_are_opened)
{
        uint8_t byte;
        int fd;

        ck_assert_int_eq(mkfifo(file_path("fifo"), 0600), 0);
        ck_assert_int_eq(elf_text_bytes(file_path("fifo"), 0, &byte, 1), -EINVAL);
        ck_assert_int_eq(elf_text_bytes("/dev/zero", 0, &byte, 1), -EINVAL);
        ck_assert_int_eq(elf_text_bytes("/tmp", 0, &byte, 1), -EINVAL);
        ck_assert_int_eq(symlink("/dev/zero", file_path("link")), 0);
        ck_assert_int_eq(elf_text_bytes(file_path("link"), 0, &byte, 1), -EINVAL);

        fd = open(file_path("sparse"), O_WRONLY | O_CREAT, 0600);
        ck_assert_int_eq(ftruncate(fd, (off_t)ELF_TEXT_FILE_MAX + 1), 0);
        close(fd);
        ck_assert_int_eq(elf_text_bytes(file_path("sparse"), 0, &byte, 1), -EFBIG);
}
END_TEST

/* ---- symbols --------------------------------------------------------------------------------------- */

START_TEST(names_the_function)
{
        uint64_t offset = offset_of(sized_breakpoint);
        char name[128];

        ck_assert_int_eq(elf_text_symbol(SELF, offset, name, sizeof(name)), 0);
        ck_assert_str_eq(name, "sized_breakpoint");
        ck_assert_int_eq(elf_text_symbol(SELF, offset + 1, name, sizeof(name)), 0);
        ck_assert_str_eq(name, "sized_breakpoint+0x1");
        ck_assert_int_eq(elf_text_symbol(SELF, offset_of(sizeless) + 2, name, sizeof(name)), 0);
        ck_assert_str_eq(name, "sizeless+0x2");
        /* Between two functions it is nobody's, whatever has no size before them. */
        ck_assert_int_eq(elf_text_symbol(SELF, offset_of(after_sizeless) + 1, name, sizeof(name)), -ENOENT);
        ck_assert_int_eq(elf_text_symbol(SELF, offset + 1, name, 10), 0);
        ck_assert_str_eq(name, "sized+0x1");
        ck_assert_int_eq(elf_text_symbol(SELF, offset + 1, name, 3), -ENOBUFS);
        ck_assert_int_eq(elf_text_symbol(SELF, UINT64_MAX, name, sizeof(name)), -ENOENT);
        ck_assert_int_eq(elf_text_symbol(write_file("text", "#!/bin/sh\n", 10), 0, name, sizeof(name)),
                         -ENOEXEC);
}
END_TEST

START_TEST(names_a_library_function)
{
        void *address = dlsym(RTLD_DEFAULT, "inet_network");
        char path[PATH_MAX], name[128];
        uint64_t offset;

        ck_assert_ptr_nonnull(address);
        ck_assert_int_eq(elf_text_mapping((uint32_t)getpid(), (uint64_t)(uintptr_t)address, path,
                                          sizeof(path), &offset),
                         0);
        ck_assert(strstr(path, ".so"));
        ck_assert_int_eq(elf_text_symbol(path, offset + 3, name, sizeof(name)), 0);
        ck_assert_str_eq(name, "inet_network+0x3");
}
END_TEST

/* ---- hostile files --------------------------------------------------------------------------------- */

/* Every question about a file: none may crash, hang, or leave its buffer unterminated. */
static void interrogate(const char *path, uint64_t offset)
{
        char name[64];
        bool found;
        int r;

        memset(name, 'x', sizeof(name));
        r = elf_text_symbol(path, offset, name, sizeof(name));
        if (r == 0)
                ck_assert_ptr_nonnull(memchr(name, 0, sizeof(name)));
        (void)elf_text_has_int3(path, offset, &found);
}

START_TEST(a_truncated_file_is_survived)
{
        uint64_t offset = offset_of(sized_breakpoint);
        size_t n;
        _cleanup_free_ uint8_t *data = read_self(&n);
        const char *path = write_file("cut", data, n);
        size_t at = n;

        while (at > 0) {
                ck_assert_int_eq(truncate(path, (off_t)at), 0);
                interrogate(path, offset);
                at = at > 4096 ? at - at / 13 : at > 80 ? at - 61 : at - 1;
        }
        interrogate(path, offset);
}
END_TEST

/* The same numbers in every run. */
static uint32_t next_random(uint32_t *state)
{
        *state = *state * 1664525u + 1013904223u;
        return *state >> 8;
}

START_TEST(random_bytes_are_survived)
{
        uint8_t data[4096];
        uint32_t seed = 1;

        for (unsigned i = 0; i < 300; i++) {
                const char *path;

                for (size_t k = 0; k < sizeof(data); k++)
                        data[k] = (uint8_t)next_random(&seed);
                memcpy(data, ELFMAG, SELFMAG);
                data[EI_CLASS] = i % 2 ? ELFCLASS64 : ELFCLASS32;
                data[EI_DATA] = i % 3 ? ELFDATA2LSB : ELFDATA2MSB;
                data[EI_VERSION] = EV_CURRENT;
                path = write_file("random", data, sizeof(data));
                interrogate(path, next_random(&seed) % sizeof(data));
        }
}
END_TEST

/* A real file with some bytes of its tables changed: past the first checks, deep in the parser. */
START_TEST(damaged_tables_are_survived)
{
        uint64_t offset = offset_of(sized_breakpoint);
        size_t n;
        _cleanup_free_ uint8_t *data = read_self(&n);
        Elf64_Ehdr *header = (Elf64_Ehdr *)data;
        size_t sections = header->e_shoff, end = n;
        uint32_t seed = 7;
        const char *path = write_file("damaged", data, n);

        for (unsigned i = 0; i < 300; i++) {
                _cleanup_close_ int fd = open(path, O_RDWR);
                size_t where[4];

                ck_assert_int_ge(fd, 0);
                for (size_t k = 0; k < ELEMENTSOF(where); k++) {
                        uint8_t byte = (uint8_t)next_random(&seed);
                        uint32_t random = next_random(&seed);

                        if (k % 2)
                                where[k] = random % sizeof(*header);
                        else
                                where[k] = sections + random % (end - sections);
                        if (where[k] < EI_NIDENT)
                                where[k] += EI_NIDENT;
                        ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)where[k]), 1);
                }
                interrogate(path, offset);
                for (size_t k = 0; k < ELEMENTSOF(where); k++)
                        ck_assert_int_eq(pwrite(fd, &data[where[k]], 1, (off_t)where[k]), 1);
        }
}
END_TEST

/* A header that promises as much as its fields can say, over a file that seems as large. */
START_TEST(large_promises_are_not_believed)
{
        Elf64_Ehdr h = {
                .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                .e_type = ET_EXEC,
                .e_machine = EM_X86_64,
                .e_version = EV_CURRENT,
                .e_phoff = 4096,
                .e_shoff = 65536,
                .e_ehsize = sizeof(h),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_shentsize = sizeof(Elf64_Shdr),
        };
        static const uint16_t counts[][2] = {
                {0, 0}, {0xffff, 0xffff}, {1, 0xfffe}, {PN_XNUM, 1}, {1024, 4096}};
        char name[64];

        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                const char *path;

                h.e_phnum = counts[i][0];
                h.e_shnum = counts[i][1];
                path = write_file("promises", &h, sizeof(h));
                ck_assert_int_eq(truncate(path, 1LL << 31), 0);
                ck_assert_int_lt(elf_text_symbol(path, 4096, name, sizeof(name)), 0);
        }
}
END_TEST

/* node has three executable segments, and gaps between them. */
START_TEST(code_may_lie_in_several_segments)
{
        const Elf64_Phdr segments[] = {
                {.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = 0x400000, .p_filesz = 0x1000},
                {.p_type = PT_LOAD,
                 .p_flags = PF_X,
                 .p_vaddr = 0x406000,
                 .p_offset = 0x3000,
                 .p_filesz = 0x800},
                {.p_type = PT_LOAD,
                 .p_flags = PF_X,
                 .p_vaddr = 0x402000,
                 .p_offset = 0x1000,
                 .p_filesz = 0x800},
                {.p_type = PT_NOTE, .p_flags = PF_X, .p_vaddr = 0x401000, .p_filesz = 0x8000},
        };
        Elf64_Ehdr h = {
                .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                .e_type = ET_EXEC,
                .e_machine = EM_X86_64,
                .e_version = EV_CURRENT,
                .e_phoff = sizeof(h),
                .e_ehsize = sizeof(h),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_phnum = ELEMENTSOF(segments),
                .e_shoff = 512,
                .e_shentsize = sizeof(Elf64_Shdr),
                .e_shnum = 1,
        };
        uint8_t file[1024] = {};
        const char *path;
        uint64_t offset;

        memcpy(file, &h, sizeof(h));
        memcpy(file + sizeof(h), segments, sizeof(segments));
        path = write_file("segments", file, sizeof(file));
        ck_assert_int_eq(elf_text_code_offset(path, 0x10, &offset), 0);
        ck_assert_uint_eq(offset, 0x1010);
        ck_assert_int_eq(elf_text_code_offset(path, 0x47ff, &offset), 0);
        ck_assert_uint_eq(offset, 0x37ff);
        ck_assert_int_eq(elf_text_code_offset(path, 0x800, &offset), -ENOENT);
        ck_assert_int_eq(elf_text_code_offset(path, 0x4800, &offset), -ENOENT);
        ck_assert_int_eq(elf_text_code_offset(path, UINT64_MAX, &offset), -ENOENT);
}
END_TEST

/* A symbol table of a gigabyte: the bound holds, and the answer is the same as for a small one. */
START_TEST(a_huge_symbol_table_is_cut)
{
        enum {
                TABLE = 8192,
                STRINGS = 4096
        };
        Elf64_Ehdr h = {
                .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                .e_type = ET_EXEC,
                .e_machine = EM_X86_64,
                .e_version = EV_CURRENT,
                .e_phoff = sizeof(h),
                .e_shoff = 512,
                .e_ehsize = sizeof(h),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_phnum = 1,
                .e_shentsize = sizeof(Elf64_Shdr),
                .e_shnum = 3,
        };
        Elf64_Phdr ph = {.p_type = PT_LOAD, .p_flags = PF_X, .p_vaddr = 0x400000, .p_filesz = 1 << 30};
        Elf64_Shdr sections[3] = {
                {},
                {.sh_type = SHT_SYMTAB,
                 .sh_offset = TABLE,
                 .sh_size = 1 << 30,
                 .sh_link = 2,
                 .sh_entsize = sizeof(Elf64_Sym)},
                {.sh_type = SHT_STRTAB, .sh_offset = STRINGS, .sh_size = 64},
        };
        Elf64_Sym symbol = {
                .st_name = 1,
                .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                .st_shndx = 1,
                .st_value = 0x400100,
                .st_size = 16,
        };
        uint8_t file[TABLE + sizeof(symbol)] = {};
        char name[64];
        const char *path;

        memcpy(file, &h, sizeof(h));
        memcpy(file + sizeof(h), &ph, sizeof(ph));
        memcpy(file + 512, sections, sizeof(sections));
        memcpy(file + STRINGS + 1, "found", 5);
        memcpy(file + TABLE, &symbol, sizeof(symbol));
        path = write_file("huge", file, sizeof(file));
        ck_assert_int_eq(truncate(path, 1LL << 30), 0);
        ck_assert_int_eq(elf_text_symbol(path, 0x104, name, sizeof(name)), 0);
        ck_assert_str_eq(name, "found+0x4");
        ck_assert_int_eq(elf_text_symbol(path, 0x110, name, sizeof(name)), -ENOENT);
}
END_TEST

/* ---- a mapped file found again --------------------------------------------------------------------- */

struct mapped {
        uint64_t address, inode;
        uint32_t dev;
};

static int note_mapped(void *userdata, const struct elf_mapping *m)
{
        struct mapped *mapped = userdata;

        if (mapped->address < m->start || mapped->address >= m->end)
                return 0;
        mapped->inode = m->inode;
        mapped->dev = m->dev;
        return 1;
}

static void find_mapped(uint32_t pid, const void *address, struct mapped *ret)
{
        ret->address = (uint64_t)(uintptr_t)address;
        ck_assert_int_eq(elf_text_each_mapping(pid, note_mapped, ret), 1);
}

/* Its root is then the directory of our executable: no mount point. */
static void change_root(void)
{
        char exe[PATH_MAX] = "";

        if (readlink(SELF, exe, sizeof(exe) - 1) < 0 || chroot(dirname(exe)) < 0)
                _exit(1);
}

START_TEST(finds_a_mapped_file_below_a_root_that_is_no_mount)
{
        char exe[PATH_MAX] = "", inside[PATH_MAX] = "", path[PATH_MAX], own[PATH_MAX];
        struct mapped mapped;
        uint32_t child;
        int fd;

        if (geteuid() != 0)
                return;
        child = child_new(change_root);
        ck_assert_int_gt(readlink(SELF, exe, sizeof(exe) - 1), 0);
        own_file_in_filesystem(inside);
        find_mapped(child, sized_breakpoint, &mapped);
        fd = elf_text_open_mapped(child, mapped.dev, mapped.inode, inside, path, sizeof(path));
        ck_assert_int_ge(fd, 0);
        close(fd);
        ck_assert_str_eq(path, strrchr(exe, '/'));
        ck_assert_int_eq(elf_text_find_file(child, mapped.dev, mapped.inode, inside, path, sizeof(path)), 0);
        snprintf(own, sizeof(own), "/proc/%u/root%s", child, strrchr(exe, '/'));
        ck_assert_str_eq(path, own);
        ck_assert_int_eq(elf_text_find_file(child, mapped.dev, mapped.inode + 1, inside, path, sizeof(path)),
                         -ENOENT);
        child_end(child);
}
END_TEST

START_TEST(finds_a_mapped_file_by_its_identity)
{
        char exe[PATH_MAX] = "", inside[PATH_MAX] = "", path[PATH_MAX];
        uint32_t child = child_new(NULL);
        struct mapped mapped;
        struct stat a, b;
        int fd;

        ck_assert_int_gt(readlink(SELF, exe, sizeof(exe) - 1), 0);
        own_file_in_filesystem(inside);
        find_mapped(child, sized_breakpoint, &mapped);
        ck_assert_int_eq(elf_text_find_file(child, mapped.dev, mapped.inode, inside, path, sizeof(path)), 0);
        ck_assert_int_eq(stat(path, &a), 0);
        ck_assert_int_eq(stat(exe, &b), 0);
        ck_assert_uint_eq(a.st_ino, b.st_ino);
        ck_assert_uint_eq(a.st_dev, b.st_dev);

        /* Without its path, by what /proc links to. */
        fd = elf_text_open_mapped(child, mapped.dev, mapped.inode, "", path, sizeof(path));
        ck_assert_int_ge(fd, 0);
        close(fd);
        ck_assert_str_eq(path, exe);

        /* The path alone is not believed, neither is an inode of another device. */
        ck_assert_int_eq(elf_text_find_file(child, mapped.dev, mapped.inode + 1, inside, path, sizeof(path)),
                         -ENOENT);
        ck_assert_int_eq(elf_text_find_file(child, mapped.dev + 1, mapped.inode, "", path, sizeof(path)),
                         -ENOENT);
        ck_assert_int_eq(elf_text_find_file(child, mapped.dev, mapped.inode, inside, path, 4),
                         -ENAMETOOLONG);

        /* Already dead: our own view of the same file serves. */
        child_end(child);
        fd = elf_text_open_mapped(child, mapped.dev, mapped.inode, inside, path, sizeof(path));
        ck_assert_int_ge(fd, 0);
        close(fd);
        ck_assert_str_eq(path, exe);
}
END_TEST

START_TEST(a_link_does_not_lead_elsewhere)
{
        uint32_t dev;
        char path[PATH_MAX];
        struct stat st;

        write_file("real", "\xcc", 1);
        ck_assert_int_eq(stat(file_path("real"), &st), 0);
        dev = major(st.st_dev) << 20 | minor(st.st_dev);
        snprintf(path, sizeof(path), "%s", file_path("real"));
        ck_assert_int_eq(symlink(path, file_path("link")), 0);
        ck_assert_int_eq(elf_text_find_file((uint32_t)getpid(), dev, st.st_ino, file_path("link"), path,
                                            sizeof(path)),
                         -ENOENT);
        ck_assert_int_eq(
                elf_text_find_file((uint32_t)getpid(), dev, st.st_ino, "/../../..", path, sizeof(path)),
                -ENOENT);
        ck_assert_int_eq(
                elf_text_find_file((uint32_t)getpid(), dev, st.st_ino, "no/slash", path, sizeof(path)),
                -ENOENT);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("elf_text");
        TCase *t = tcase_create("elf_text");
        int failed;

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_set_timeout(t, 20);
        tcase_add_test(t, finds_the_mapping_of_an_address);
        tcase_add_test(t, knows_both_forms_of_the_breakpoint);
        tcase_add_test(t, edges_of_a_file_are_edges);
        tcase_add_test(t, only_regular_files_are_opened);
        tcase_add_test(t, names_the_function);
        tcase_add_test(t, names_a_library_function);
        tcase_add_test(t, a_truncated_file_is_survived);
        tcase_add_test(t, random_bytes_are_survived);
        tcase_add_test(t, damaged_tables_are_survived);
        tcase_add_test(t, large_promises_are_not_believed);
        tcase_add_test(t, code_may_lie_in_several_segments);
        tcase_add_test(t, a_huge_symbol_table_is_cut);
        tcase_add_test(t, finds_a_mapped_file_below_a_root_that_is_no_mount);
        tcase_add_test(t, finds_a_mapped_file_by_its_identity);
        tcase_add_test(t, a_link_does_not_lead_elsewhere);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
