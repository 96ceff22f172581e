/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Files of /proc: stat, status, maps, mountinfo, cgroup. */

#include <fcntl.h>

#include "lib/base/line_reader.h"
#include "lib/proc/elf_text.h"
#include "lib/proc/procfs.h"
#include "tests/fuzz/fuzz.h"

static char dir[DIR_MAX];
static int dir_fd = -1, status_fd = -1;

static void remove_dir(void)
{
        unlinkat(dir_fd, "status", 0);
        rmdir(dir);
}

static void start(void)
{
        make_dir(dir);
        dir_fd = open(dir, O_PATH | O_DIRECTORY);
        status_fd = openat(dir_fd, "status", O_RDWR | O_CREAT, 0600);
        must(status_fd >= 0);
        atexit(remove_dir);
}

static void read_lines(const struct input *in)
{
        struct line_reader reader;
        struct elf_mapping mapping;
        struct mount_line mount;
        char *line;

        lseek(status_fd, 0, SEEK_SET);
        line_reader_init(&reader, status_fd);
        while (line_reader_next(&reader, &line) > 0) {
                must(strlen(line) <= in->size);
                if (elf_text_parse_mapping(line, &mapping))
                        must(mapping.path >= line && mapping.path <= line + strlen(line));
                elf_text_parse_mount(line, &mount);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = {data, size};
        struct proc_status status = {};
        struct proc_stat stat;
        char *text, buf[16];

        if (dir_fd < 0)
                start();
        fill_file(status_fd, data, size);
        procfs_read_status(dir_fd, &status);
        must(status.n_nspid <= PROC_NSPID_MAX);
        read_lines(&in);
        text = take_string(&in, '\0');
        procfs_parse_stat(text, &stat);
        procfs_unit_from_cgroup(text, buf, sizeof(buf));
        procfs_tty_name((uint32_t)strtoul(text, NULL, 10), buf, sizeof(buf));
        free(text);
        return 0;
}
