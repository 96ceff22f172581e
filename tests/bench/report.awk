# SPDX-License-Identifier: GPL-2.0-or-later
# Tables of tests/bench/run, as text or (form=md) as Markdown.
# A cell: round place recorder op ns cpu ops generated delivered seen-generated seen-delivered own-cpu rss

function row(cells, n,    i, line) {
        if (form == "md") {
                line = "|"
                for (i = 1; i <= n; i++)
                        line = line " " cells[i] " |"
        } else {
                line = sprintf("%-20s", cells[1])
                for (i = 2; i <= n; i++)
                        line = line sprintf(" %14s", cells[i])
        }
        print line
}

function rule(n,    i, line) {
        if (form != "md")
                return
        line = "|---|"
        for (i = 2; i <= n; i++)
                line = line "---:|"
        print line
}

function title(text) {
        print ""
        print form == "md" ? "**" text "**" : text
        print ""
}

function paragraph(text) {
        print form == "md" ? text "  " : text
}

FILENAME == "conditions" { condition[++n_conditions] = $0; next }
FILENAME == "skipped" { skipped[++n_skipped] = $0; next }
FILENAME == "losses" { if ($2 + 0 >= own_losses[$1]) own_losses[$1] = $2 + 0; next }

FILENAME == "statistics" {
        run[$2, $3, "generate", ++n_runs[$2, $3]] = $4
        run[$2, $3, "deliver", n_runs[$2, $3]] = $5
        next
}

FNR == 1 { set = FILENAME ~ /floor/ ? "floor" : "all" }
$3 == "bare" { bare[set, $1, $2, $4] = $5; }
{ cell[++n_cells] = set " " $0 }

function learn(    i, f, k, base, set) {
        for (i = 1; i <= n_cells; i++) {
                split(cell[i], f, " ")
                set = f[1]
                if (!((set, f[5]) in op_known)) {
                        op_known[set, f[5]] = 1
                        op[set, ++n_ops[set]] = f[5]
                }
                if (f[4] == "bare") {
                        k = set SUBSEP f[5]
                        bares[k, ++n_bares[k]] = f[6]
                        continue
                }
                if (!((set, f[4]) in recorder_known)) {
                        recorder_known[set, f[4]] = 1
                        recorder[set, ++n_recorders[set]] = f[4]
                }
                if (!((set, f[2], f[3], f[5]) in bare) || !((set, f[2], f[3] + 1, f[5]) in bare))
                        continue
                base = (bare[set, f[2], f[3], f[5]] + bare[set, f[2], f[3] + 1, f[5]]) / 2
                k = set SUBSEP f[4] SUBSEP f[5]
                ratio[k, ++n[k]] = f[6] / base
                added[k, n[k]] = f[6] - base
                ops[k] += f[8]
                own[k] += f[13]
                if (f[14] > rss[f[4]])
                        rss[f[4]] = f[14]
                if (f[11] != "-") { expected[k] += f[9]; seen[k] += f[11] }
                if (f[12] != "-") { expected[k] += f[10]; seen[k] += f[12] }
        }
}

# Part of the signals of the storms that it did not record. ptraced does not watch SIGUSR1, nor strace or tier proc count.
function lost(name,    i, k, e, s) {
        for (i = 1; i <= n_ops["all"]; i++) {
                k = "all" SUBSEP name SUBSEP op["all", i]
                if (op["all", i] !~ /^(kill|kill-trap|raise|int3)$/ || (name ~ /^(ptraced.*|flood)$/ && op["all", i] == "kill"))
                        continue
                e += expected[k]
                s += seen[k]
        }
        if (!e || name ~ /^(nothing|strace|ptraced-proc)$/)
                return "-"
        return sprintf("%.2f %%", 100 * (e - s) / e)
}

function label(name) {
        if (name == "nothing")
                return "nothing (control)"
        return name == "flood" ? "its signal programs" : name
}

function ratio_cell(set, name, o,    k, m) {
        k = set SUBSEP name SUBSEP o
        m = median(ratio, k, n[k])
        if (m == "-")
                return m
        return m >= 10 ? sprintf("%.0f ±%.0f", m, SPREAD) : sprintf("%.2f ±%.2f", m, SPREAD)
}

function table_of_ratios(    c, i, j, name, k, m) {
        if (!n_recorders["all"])
                return
        title("Time of an operation with the recorder, as a multiple of the time without (1.00: costs nothing)")
        m = n_ops["all"]
        c[1] = "recorder"
        for (j = 1; j <= m; j++)
                c[j + 1] = op["all", j]
        c[m + 2] = "signals lost"
        c[m + 3] = "own CPU/raise"
        c[m + 4] = "memory"
        row(c, m + 4)
        rule(m + 4)
        c[1] = "without"
        for (j = 1; j <= m; j++) {
                k = "all" SUBSEP op["all", j]
                c[j + 1] = sprintf("%.0f ns", median(bares, k, n_bares[k]))
        }
        c[m + 2] = c[m + 3] = c[m + 4] = "-"
        row(c, m + 4)
        for (i = 1; i <= n_recorders["all"]; i++) {
                name = recorder["all", i]
                c[1] = label(name)
                for (j = 1; j <= m; j++)
                        c[j + 1] = ratio_cell("all", name, op["all", j])
                k = "all" SUBSEP name SUBSEP "raise"
                c[m + 2] = lost(name)
                c[m + 3] = ops[k] && own[k] ? sprintf("%.0f ns", own[k] / ops[k]) : "-"
                c[m + 4] = rss[name] ? sprintf("%.0f MiB", rss[name] / 1024) : "-"
                row(c, m + 4)
        }
        print ""
        if (("all", "flood") in recorder_known)
                paragraph("Its signal programs: those of ptraced alone, each signal counted: all that tier full runs in a storm of signals.")
        for (name in own_losses)
                paragraph(name " counted " own_losses[name] " lost records of its own in its worst round.")
        for (i = 1; i <= n_skipped; i++) {
                name = skipped[i]
                sub(/ .*/, "", name)
                paragraph(name " is left out: " substr(skipped[i], length(name) + 2) ".")
        }
}

function added_of(set, name, o,    k) {
        k = set SUBSEP name SUBSEP o
        return median(added, k, n[k])
}

function table_of_the_floor(    c, i, j, name, x, m) {
        if (!n_recorders["floor"])
                return
        title("Time added to an operation by one pair of programs, ns (raise and int3: two events, kill-trap: one)")
        m = n_ops["floor"]
        c[1] = "programs"
        for (j = 1; j <= m; j++)
                c[j + 1] = op["floor", j]
        row(c, m + 1)
        rule(m + 1)
        for (i = 1; i <= n_recorders["floor"]; i++) {
                name = recorder["floor", i]
                c[1] = name == "nothing" ? "nothing (control)" : name
                for (j = 1; j <= m; j++) {
                        x = added_of("floor", name, op["floor", j])
                        c[j + 1] = x == "-" ? x : sprintf("%.0f ±%.0f", x, SPREAD)
                }
                row(c, m + 1)
        }
        print ""
        paragraph("flood and edge are ptraced's programs when they count and when they record each signal. A trap that no debugger")
        paragraph("awaits (raise, int3) is recorded with the program text around it and what is mapped there: asking for the mapping")
        paragraph("takes most of the time, and happens at most 8 times a second for one process and kind of signal.")
}

function run_of(name, o, what) {
        return n_runs[name, o] ? median(run, name SUBSEP o SUBSEP what, n_runs[name, o]) : "-"
}

# Above the empty programs, as those pay for the statistics, too.
function table_of_runs(    c, i, j, k, name, x, empty, count, what) {
        count = split("kill-trap generate raise generate raise deliver int3 generate int3 deliver", what, " ")
        title("Run time of a program by the kernel's statistics, above that of an empty one, ns")
        c[1] = "programs"
        for (j = 1; j <= count; j += 2)
                c[++k + 1] = what[j] ": " what[j + 1]
        row(c, k + 1)
        rule(k + 1)
        for (i = 1; i <= n_recorders["floor"]; i++) {
                name = recorder["floor", i]
                if (name ~ /^(nothing|empty)$/)
                        continue
                c[1] = name
                for (j = 1; j <= count; j += 2) {
                        empty = run_of("empty", what[j], what[j + 1])
                        x = run_of(name, what[j], what[j + 1])
                        c[(j + 3) / 2] = x == "-" ? x : sprintf("%.0f ±%.0f", x - empty, SPREAD)
                }
                row(c, k + 1)
        }
}

# ---- targets -----------------------------------------------------------------------------------------

function verdict(what, value, limit, unit) {
        paragraph(sprintf("%s  %s: %.2f%s (target: at most %s)", value <= limit ? "PASS" : "OVER", what, value, unit, limit))
}

function against(set, name, other, o, limit, what,    a, b) {
        a = added_of(set, name, o)
        b = added_of(set, other, o)
        if (a == "-" || b == "-")
                return
        if (b <= 0)
                paragraph("?     " what ": the cost of " other " could not be told from nothing")
        else if (a <= 0)
                paragraph("PASS  " what ": the cost of " name " could not be told from nothing")
        else
                verdict(what, a / b, limit, "")
}

function targets(    j, t, tiers, o, k, m) {
        title("Targets")
        split("ptraced-full ptraced-tracepoint flood", tiers, " ")
        for (t = 1; t <= 3; t++)
                for (j = 1; j <= n_ops["all"]; j++) {
                        o = op["all", j]
                        if (o ~ /^(kill|kill-trap|raise|int3)$/)
                                against("all", tiers[t], "perf-record", o, 0.5, "cost of " (tiers[t] == "flood" ? "ptraced's signal programs" : tiers[t]) " on " o ", as a part of perf record's")
                }
        for (j = 1; j <= n_ops["floor"]; j++) {
                o = op["floor", j]
                against("floor", "flood", "count", o, 1.5, "a flood, " o ", against a bare counter")
                if (o == "kill-trap")
                        against("floor", "edge", "ring", o, 1.5, "an edge, " o ", against a bare record")
        }
        k = "all" SUBSEP "ptraced-full" SUBSEP "getppid"
        m = median(ratio, k, n[k])
        if (m != "-")
                verdict("getppid under ptraced-full, ratio", m, sprintf("%.2f", 1.02 + SPREAD), "")
}

END {
        learn()
        for (i = 1; i <= n_conditions; i++)
                paragraph(condition[i])
        table_of_ratios()
        table_of_the_floor()
        if (n_recorders["floor"])
                table_of_runs()
        targets()
}
