/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/event/tools.h"

static const struct tool tools[] = {
        {"gdb", "\"detach\"", "HUP", false},
        {"dlv", "\"quit\", and not killing the process", NULL, false},
        {"lldb", "\"process detach\"", NULL, false},
        {"lldb-server", NULL, NULL, false},
        {"strace", NULL, "INT", true},
        {"ltrace", NULL, "INT", false},
};

const struct tool *tool_of(const struct task_ref *tracer)
{
        for (size_t i = 0; i < ELEMENTSOF(tools); i++)
                if (strcmp(tools[i].comm, tracer->comm) == 0)
                        return &tools[i];
        return NULL;
}

bool is_delve(const struct task_ref *process)
{
        return strncmp(process->comm, "dlv", 3) == 0 && (!process->comm[3] || process->comm[3] == '-');
}

bool is_holder(const struct task_ref *tracer)
{
        return tracer->pid && strcmp(tracer->comm, HOLDER_COMM) == 0;
}

bool plants_breakpoints(const struct task_ref *tracer)
{
        const struct tool *tool = tool_of(tracer);

        return !(tool && tool->writes_nothing) && !is_holder(tracer);
}

/* Behind the machine and its variant, or as much of that as a comm has: qemu-aarch64-st. The kernel adds the last one
 * when the file was replaced. */
static bool ends_as_qemu_user(const char *rest)
{
        static const char *const ends[] = {"-static", "-binfmt", " (deleted)"};

        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                if (strncmp(rest, ends[i], MIN_OF(strlen(rest), strlen(ends[i]))) == 0)
                        return true;
        return false;
}

/* qemu-user's programs are called after the machine, and may have a suffix: qemu-aarch64-static. Others that begin so
 * are tools (qemu-img), run a whole machine, or are somebody's own (qemu-arm-notes). The last two of these names are
 * what a comm has of the longest. */
static bool is_qemu_user(const char *name)
{
        static const char *const machines[] = {
                "aarch64",      "aarch64_be", "alpha",  "arm",         "armeb",    "cris",
                "hexagon",      "hppa",       "i386",   "loongarch64", "m68k",     "microblaze",
                "microblazeel", "mips",       "mips64", "mips64el",    "mipsel",   "mipsn32",
                "mipsn32el",    "nios2",      "or1k",   "ppc",         "ppc64",    "ppc64le",
                "riscv32",      "riscv64",    "s390x",  "sh4",         "sh4eb",    "sparc",
                "sparc32plus",  "sparc64",    "x86_64", "xtensa",      "xtensaeb", "loongarch6",
                "sparc32plu"};

        if (strncmp(name, "qemu-", strlen("qemu-")) != 0)
                return false;
        name += strlen("qemu-");
        for (size_t i = 0; i < ELEMENTSOF(machines); i++) {
                size_t n = strlen(machines[i]);

                if (strncmp(name, machines[i], n) == 0 && ends_as_qemu_user(name + n))
                        return true;
        }
        return false;
}

bool is_emulator(const char *path)
{
        static const char *const names[] = {"rosetta", "box64", "box86", "FEXInterpreter", "blink"};
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        return is_qemu_user(name);
}
