# SPDX-License-Identifier: GPL-2.0-or-later
# For the tables of tests/bench: awk -f median.awk -f TABLE.awk

function sort(v, n,    i, j, x) {
        for (i = 2; i <= n; i++) {
                x = v[i]
                for (j = i - 1; j >= 1 && v[j] > x; j--)
                        v[j + 1] = v[j]
                v[j + 1] = x
        }
}

# Of the n values list[key, 1..n]; SPREAD is half the distance of the quartiles.
function median(list, key, n,    v, i) {
        SPREAD = 0
        if (!n)
                return "-"
        for (i = 1; i <= n; i++)
                v[i] = list[key, i]
        sort(v, n)
        SPREAD = (v[int((3 * n + 3) / 4)] - v[int((n + 3) / 4)]) / 2
        return (v[int((n + 1) / 2)] + v[int((n + 2) / 2)]) / 2
}
