# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Sourced by what fetches packages of another Debian release: where this machine gets its own from.

mirror_of() { # LABEL
        apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Label: $1" 'Component: main' | head -1
}

mirror_for_suite() { # SUITE
        local uri
        case $1 in *-security)
                uri=$(mirror_of Debian-Security)
                [ -z "$uri" ] || { echo "$uri"; return; }
                ;;
        esac
        uri=$(mirror_of Debian)
        # labels are known only after an apt-get update: fall back to what the path looks like
        [ -n "$uri" ] || uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/$')
        [ -n "$uri" ] || return 1
        case $1 in *-security) uri=${uri%/}-security ;; esac
        echo "$uri"
}
