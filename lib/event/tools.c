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

/* qemu-user's programs are called after the machine, and may have a suffix: qemu-aarch64-static. Others that begin so
 * are tools (qemu-img), or run a whole machine. */
static bool is_qemu_user(const char *name)
{
        static const char *const machines[] = {"aarch64", "alpha", "arm",       "cris",   "hexagon",
                                               "hppa",    "i386",  "loongarch", "m68k",   "microblaze",
                                               "mips",    "nios2", "or1k",      "ppc",    "riscv",
                                               "s390x",   "sh4",   "sparc",     "x86_64", "xtensa"};

        if (strncmp(name, "qemu-", strlen("qemu-")) != 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(machines); i++)
                if (strncmp(name + strlen("qemu-"), machines[i], strlen(machines[i])) == 0)
                        return true;
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
