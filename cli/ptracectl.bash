# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion of ptracectl in bash. What it offers is read from --help, so it follows the program's own table.

_ptracectl_verbs() {
        ptracectl --help 2>/dev/null | sed -n '/^Verbs:/,/^Options:/s/^  \([a-z]\{1,\}\)\( .*\)\{0,1\}$/\1/p'
}

_ptracectl_options() {
        # shellcheck disable=SC2086
        ptracectl $1 --help 2>/dev/null | sed -n '/^Options:/,$s/^  \(-[a-z], \)\{0,1\}\(--[a-z-]\{1,\}\).*/\2/p'
}

_ptracectl_pids() {
        local d
        for d in /proc/[0-9]*; do
                echo "${d#/proc/}"
        done
}

_ptracectl() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb="" words="" i

        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                --socket) i=$((i + 1)) ;;
                -*) ;;
                *)
                        verb=${COMP_WORDS[i]}
                        break
                        ;;
                esac
        done
        COMPREPLY=()
        if [[ $verb == @(record|debug) && " ${COMP_WORDS[*]:0:COMP_CWORD} " == *" -- "* ]]; then
                mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
                return
        fi
        case $prev in
        --socket | --file | --output | -o | --owner-exe)
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                compopt -o filenames 2>/dev/null
                return
                ;;
        --format) words="jsonl csv chrome" ;;
        --pid | --owner-pid) words=$(_ptracectl_pids) ;;
        --owner-uid) words=$(compgen -u) ;;
        --mode) words="enforce audit" ;;
        --wait) [[ $verb == status ]] || words=$(_ptracectl_pids) ;;
        --since | --until) words="-5m -1h -1d" ;;
        --type | --lease | --token | --owner-cgroup) return ;;
        *)
                if [[ -z $verb && $cur != -* ]]; then
                        words=$(_ptracectl_verbs)
                elif [[ $cur == -* ]]; then
                        words=$(_ptracectl_options "$verb")
                else
                        case $verb in
                        policy)
                                [[ $prev != policy ]] || words="show check reload"
                                [[ $prev != check ]] || words=$(compgen -f -- "$cur")
                                ;;
                        guard) words="on off status" ;;
                        who | why | diagnose | claim | claims | debug | hold | catch | heal)
                                words=$(_ptracectl_pids)
                                ;;
                        esac
                fi
                ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _ptracectl ptracectl
