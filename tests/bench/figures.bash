# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Figures with their targets, printed as they come and kept for a table. Sourced; none of them is asserted.

ROWS=()

# figure WHAT VALUE UNIT OPERATOR LIMIT [REMARK]
figure() {
        local verdict
        verdict=$(awk -v v="$2" -v l="$5" -v o="$4" 'BEGIN { print (o == "=" ? v == l : v < l) ? "PASS" : "over" }')
        ROWS+=("$1|$2 $3|$4 $5 $3|$verdict|${6-}")
        printf '%-4s  %-48s %14s   (target %s %s)  %s\n' "$verdict" "$1" "$2 $3" "$4" "$5 $3" "${6-}"
}
# Told, but not judged.
tell() {
        ROWS+=("$1|-|-|-|$2")
        printf '%-4s  %-48s %s\n' '-' "$1" "$2"
}
median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'; }

# write_figures FILE: all of them as Markdown
write_figures() {
        {
                echo "| figure | measured | target | | |"
                echo "|---|---:|---:|---|---|"
                for row in "${ROWS[@]}"; do echo "| ${row//|/ | } |"; done
        } >"$1"
        echo "The same as Markdown: $1"
}
