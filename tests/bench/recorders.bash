# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The recorders that are compared. For each NAME:
#   start_recorder NAME   records the whole machine when it returns; on failure the reason is in $WHY
#   stop_recorder NAME    ends it and leaves what it recorded in $T
#   tally NAME PID...     one line "PID GENERATED DELIVERED" each: the signals it recorded with that target;
#                         "-" for what it does not record. Of live ones before the stop, of others after it
# $REC_PID is its process, 0 if it has none of its own. Outputs go to $T, which is on a tmpfs if there is one.

REC_PID=0 WHY='' WRAP=()
READY_S=${READY_S:-15} # emulated machines need more

is_live() { [[ $1 == ptraced-* || $1 =~ ^(empty|count|ring|flood|edge)$ ]]; }

# await COMMAND...: poll until it succeeds or the recorder is gone
await() {
        local end=$((SECONDS + READY_S))
        until "$@"; do
                [[ -d /proc/$REC_PID ]] && ((SECONDS < end)) || return 1
                sleep 0.02
        done
}
has_line() { grep -qs -- "$2" "$1"; }

need_tool() {
        command -v "$1" >/dev/null && return
        WHY="$1 is not installed (make deps-bench)"
        return 1
}

start_recorder() {
        local name=$1
        REC_PID=0 WHY='' WRAP=()
        rm -rf "$T"/rec.*
        case $name in
        nothing) return 0 ;;
        ptraced-*) start_ptraced "${name#ptraced-}" ;;
        empty | count | ring | flood | edge) start_floor "$name" ;;
        *) "start_${name//-/_}" ;;
        esac && return
        WHY=${WHY:-$(tr '\n' ' ' <"$T/rec.err" | cut -c 1-200)}
        [[ $REC_PID == 0 ]] || end_recorder TERM
        return 1
}

# end_recorder SIGNAL: bounded
end_recorder() {
        local i
        kill "-$1" "$REC_PID" 2>/dev/null
        for ((i = 0; i < 500; i++)); do
                [[ -d /proc/$REC_PID && $(cut -d' ' -f3 "/proc/$REC_PID/stat" 2>/dev/null) != Z ]] || break
                sleep 0.02
        done
        kill -KILL "$REC_PID" 2>/dev/null
        wait "$REC_PID" 2>/dev/null
        REC_PID=0
}

stop_recorder() {
        case $1 in
        nothing | strace) ;;
        perf-* | bpftrace) end_recorder INT ;;
        *) end_recorder TERM ;;
        esac
        [[ -z ${FLOOR_IN-} ]] || exec {FLOOR_IN}>&-
        FLOOR_IN='' WRAP=()
}

# ---- ptraced ----------------------------------------------------------------------------------------

ctl() { timeout 30 "$PTRACECTL" "$@" --socket "$T/rec.sock" --json 2>/dev/null; }

start_ptraced() {
        "$PTRACED" --socket "$T/rec.sock" --state-dir "$T/rec.state" --tier "$1" --log-level error >"$T/rec.out" 2>"$T/rec.err" &
        REC_PID=$!
        await test -S "$T/rec.sock" && ctl status --wait "$READY_S" >/dev/null
}

tally_ptraced() {
        local pid
        for pid; do
                # shellcheck disable=SC2016 # jq's variables
                ctl events --pid "$pid" | jq -rn --argjson p "$pid" '
                        def total(t): map(select(.type == t or .of_type == t) | .count // 1) | add // 0;
                        [inputs | select(.target.pid? == $p)] | "\($p) \(total("signal.generate")) \(total("signal.deliver"))"'
        done
}
ptraced_losses() { ctl status | jq -r .losses.total; }

# ---- the floor --------------------------------------------------------------------------------------

start_floor() {
        mkfifo "$T/rec.in"
        exec {FLOOR_IN}<>"$T/rec.in"
        "$BENCH/floor" ${FLOOR_OPTION:+"$FLOOR_OPTION"} "$1" <"$T/rec.in" >"$T/rec.out" 2>"$T/rec.err" {FLOOR_IN}>&- &
        REC_PID=$!
        await has_line "$T/rec.out" ready
}

tally_floor() {
        local pid
        for pid; do
                echo "$pid" >&"$FLOOR_IN"
                await has_line "$T/rec.out" "^pid=$pid "
        done
        sed -n 's/^pid=\([0-9]*\) generated=\([0-9]*\) delivered=\([0-9]*\).*/\1 \2 \3/p' "$T/rec.out"
}

# ---- others -----------------------------------------------------------------------------------------

start_perf_record() {
        need_tool perf || return 1
        perf record -a -e 'signal:*' -o "$T/rec.data" >"$T/rec.out" 2>"$T/rec.err" &
        REC_PID=$!
        await test -s "$T/rec.data" && sleep 0.3 # the file has its header before the events are on
}
tally_perf_record() {
        perf script -i "$T/rec.data" -F pid,event,trace 2>/dev/null | awk '
                $2 == "signal:signal_generate:" && match($0, / pid=[0-9]+/) { g[substr($0, RSTART + 5, RLENGTH - 5)]++ }
                $2 == "signal:signal_deliver:" { d[$1]++ }
                END { for (p in g) print p, g[p], d[p] + 0 }'
}

start_perf_trace() {
        need_tool perf || return 1
        perf trace -a -e 'signal:*' -o "$T/rec.data" >"$T/rec.out" 2>"$T/rec.err" &
        REC_PID=$!
        await prove_events
}
tally_perf_trace() {
        awk '
                /signal:signal_generate\(/ && match($0, / pid: [0-9]+/) { g[substr($0, RSTART + 6, RLENGTH - 6)]++ }
                /signal:signal_deliver\(/ && match($0, /\/[0-9]+ /) { d[substr($0, RSTART + 1, RLENGTH - 2)]++ }
                END { for (p in g) print p, g[p], d[p] + 0 }' "$T/rec.data"
}

start_sigsnoop() {
        need_tool sigsnoop || return 1
        sigsnoop >"$T/rec.data" 2>"$T/rec.err" &
        REC_PID=$!
        await prove_events
}
tally_sigsnoop() { awk '$5 ~ /^[0-9]+$/ { g[$5]++ } END { for (p in g) print p, g[p], "-" }' "$T/rec.data"; }

start_bpftrace() {
        need_tool bpftrace || return 1
        bpftrace -B full -e 'tracepoint:signal:signal_generate { printf("%d %d %d %d\n", args->pid, args->sig, args->code, args->result) }' \
                >"$T/rec.data" 2>"$T/rec.err" &
        REC_PID=$!
        await prove_events
}
tally_bpftrace() { awk 'NF == 4 { g[$1]++ } END { for (p in g) print p, g[p], "-" }' "$T/rec.data"; }

# Nothing says when these are ready: send signals until one is written. Output that is buffered takes many.
prove_events() {
        [[ ! -s $T/rec.data || $(wc -l <"$T/rec.data") -lt 2 ]] || return 0
        "$BENCH/storm" -n 300 kill >/dev/null
        sleep 0.1
        [[ $(wc -l 2>/dev/null <"$T/rec.data") -ge 2 ]]
}

start_strace() {
        need_tool strace || return 1
        # shellcheck disable=SC2034 # the caller puts it before the generator
        WRAP=(strace -f -q -o "$T/rec.data" -A)
}
tally_strace() {
        awk '$2 == "---" { d[$1]++ } END { for (p in d) print p, d[p], "-" }' "$T/rec.data" 2>/dev/null
}

tally() {
        local name=$1
        shift
        case $name in
        nothing) ;;
        ptraced-*) tally_ptraced "$@" ;;
        empty) ;;
        count | ring | flood | edge) tally_floor "$@" ;;
        *) "tally_${name//-/_}" ;;
        esac
}
