# SPDX-License-Identifier: GPL-2.0-or-later
# The table of tests/bench/against. A cell: round place build op ns

{
        if (!($4 in known)) {
                known[$4]
                op[++ops] = $4
        }
        ns[$1, $2, $4] = $5
        build[$1, $2] = $3
        all[$3 SUBSEP $4, ++n_all[$3 SUBSEP $4]] = $5
        if ($1 + 1 > rounds)
                rounds = $1 + 1
}

# Of each round: what the change costs, and what one build differs by from itself.
function learn(o,    r, around, ratio) {
        n = 0
        for (r = 0; r < rounds; r++) {
                if (!((r, 1, o) in ns) || !((r, 2, o) in ns) || !((r, 3, o) in ns))
                        continue
                around = (ns[r, 1, o] + ns[r, 3, o]) / 2
                ratio = build[r, 2] == "this" ? ns[r, 2, o] / around : around / ns[r, 2, o]
                n++
                change[o, n] = ratio
                control[o, n] = ns[r, 3, o] / ns[r, 1, o]
        }
}

END {
        printf "%-12s %12s %12s %12s %16s %16s\n", "operation", "without", "base", "this", "this/base", "same/same"
        for (i = 1; i <= ops; i++) {
                o = op[i]
                learn(o)
                if (!n)
                        continue
                ratio = median(change, o, n)
                spread = SPREAD
                same = median(control, o, n)
                noise = SPREAD
                off = ratio > 1 ? ratio - 1 : 1 - ratio
                limit = noise + spread
                said = off <= limit ? "within noise" : ratio > 1 ? "slower" : "faster"
                printf "%-12s %9.0f ns %9.0f ns %9.0f ns  %6.3f ±%.3f    %6.3f ±%.3f    %s\n", o,
                        median(all, "bare" SUBSEP o, n_all["bare" SUBSEP o]), median(all, "base" SUBSEP o, n_all["base" SUBSEP o]),
                        median(all, "this" SUBSEP o, n_all["this" SUBSEP o]), ratio, spread, same, noise, said
        }
}
