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
