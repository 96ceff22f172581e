#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Run one command in a QEMU guest on a stock Debian kernel. No image is built: the guest's / is an overlay of
# the host's root, shared read-only, and a tmpfs. Emulated (TCG), so no /dev/kvm is needed.
#
# Usage: run-in-vm.sh [options] -- CMD [ARG...]
#   -k KERNEL   the kernel; repeatable, later ones are added. One of: a .deb (linux-image-*, or from 6.19 on both
#               linux-binary-* and linux-modules-*), a directory with such .debs unpacked, or suite:NAME[/FLAVOUR]
#               (default suite:bookworm/cloud-amd64), fetched once by apt-get with a private state directory
#   -f FS       virtiofs (default; cloud and generic kernels) or 9p (generic kernels only, no root needed)
#   -t SECS     wall-clock limit of the guest (default 600)       -m MB    guest memory (default 1024)
#   -s N        CPUs (default 2)                                  -a ARGS  more kernel command line (lsm=...)
#   -e VAR=VAL  environment of CMD; repeatable                    -C DIR   working directory (default: this one)
#   -R DIR      share DIR instead of / (a debootstrap tree); the working directory is one of its own
#   -B DIR      with -R: show this directory of the host there at its own path, where the tree must have one
#   -1          all CPUs in one host thread, in turn. With a thread for each, QEMU 7.2 may translate an int3 that the
#               kernel is just replacing and run it ever after: code that is patched while it runs (BPF programs
#               attached to a busy function) then hangs the guest, or panics it
#   -S          boot systemd as PID 1; CMD runs as a unit after basic.target (the host's own services stay out)
#   -T DIR      cache of kernels, and where console.log is left
#               (default ${XDG_CACHE_HOME:-~/.cache}/ptraced-vm)
#   -v          print the console log afterwards                  -n       only fetch and unpack; print vmlinuz's path
#
# CMD runs as root with stdin /dev/null. Its stdout and stderr arrive apart and byte for byte, so
# `-- tar c results >x.tar` gets files out. Exit status: CMD's own (128+N for signal N); 124 timed out; 125 the
# guest died without a status, or showed no life for FROZEN_SECONDS and was made to panic (its last console lines
# are shown); 126 setup failed on the host, or QEMU was killed.
# $QEMU names another QEMU binary, $QEMU_OPTS adds options to it.
#
# The host is protected from outside the guest: virtiofsd serves a read-only bind mount, 9p is readonly=on.
# The guest has no network.
set -u

readonly CONSOLE_LINES=60   # of the console shown when a guest dies
readonly FROZEN_SECONDS=180 # without a heartbeat; one is due every HEARTBEAT
readonly HEARTBEAT=5        # seconds
# Reboot at once, which ends QEMU. So does an oops: it may leave locks taken, and then the guest hangs. An NMI panics,
# and the stacks of all processors are shown.
readonly ON_PANIC='oops=panic panic=-1 unknown_nmi_panic panic_print=0x40'
readonly PANIC_SECONDS=30   # for the stacks of a frozen guest's processors to appear

die() {
        echo "run-in-vm: $*" >&2
        exit 126
}

# --- options ----------------------------------------------------------------------------------------------------
KERNELS=() ENVS=() FS=virtiofs LIMIT=600 MEM=1024 CPUS=2 ARGS='' CWD=$PWD ROOT=/ BIND='' SYSTEMD='' VERBOSE='' ONLY='' THREADS=multi
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ptraced-vm
while getopts k:f:t:m:s:a:e:C:R:B:1ST:vn o; do
        case $o in
        k) KERNELS+=("$OPTARG") ;;
        f) FS=$OPTARG ;;
        t) LIMIT=$OPTARG ;;
        m) MEM=$OPTARG ;;
        s) CPUS=$OPTARG ;;
        a) ARGS+=" $OPTARG" ;;
        e) ENVS+=("$OPTARG") ;;
        C) CWD=$OPTARG ;;
        R) ROOT=$(realpath "$OPTARG") || exit 126 ;;
        B) BIND=$OPTARG ;;
        1) THREADS=single ;;
        S) SYSTEMD=1 ;;
        T) CACHE=$OPTARG ;;
        v) VERBOSE=1 ;;
        n) ONLY=1 ;;
        *) exit 126 ;;
        esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || [ -n "$ONLY" ] || die "no command given; the head of this script says how to use it"
[ ${#KERNELS[@]} -gt 0 ] || KERNELS=(suite:bookworm/cloud-amd64)
case $FS in virtiofs | 9p) ;; *) die "-f $FS: not a shared file system I know" ;; esac
[ -z "$BIND" ] || { [ "$ROOT" != / ] && [ "$FS" = virtiofs ]; } || die "-B is for -R and virtiofs"
[ -d "$ROOT/$CWD" ] || die "no such directory: $CWD$([ "$ROOT" = / ] || echo " in $ROOT")"
[ -z "$BIND" ] || [ -d "$ROOT/$BIND" ] || die "no such directory to show $BIND at in $ROOT"

QEMU=${QEMU:-qemu-system-x86_64}
for tool in "$QEMU" busybox cpio xz zstd dpkg-deb flock; do
        command -v "$tool" >/dev/null || die "$tool is not installed (make deps installs it)"
done
mkdir -p "$CACHE" || die "cannot make the cache directory $CACHE"
CACHE=$(realpath "$CACHE")
RUN=$(mktemp -d "${TMPDIR:-/tmp}/run-in-vm.XXXXXX") || die "cannot make a temporary directory"

FS_PID='' QEMU_PID='' ERR_PID='' WATCH_PID=''
cleanup() {
        local p
        for p in $WATCH_PID $QEMU_PID $FS_PID $ERR_PID; do
                kill "$p" 2>/dev/null
                wait "$p" 2>/dev/null
        done
        cp "$RUN/console.log" "$CACHE/console.log" 2>/dev/null
        rm -rf --one-file-system "$RUN"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- the kernel: fetch, unpack, locate --------------------------------------------------------------------------

# Guests' kernels come from where this machine's packages do.
# shellcheck source=mirror.bash
. "$(dirname "${BASH_SOURCE[0]}")/mirror.bash"

# An apt that knows one suite only and touches nothing of the system's.
private_apt() { # DIR SUITE
        local dir=$1 suite=$2 uri key
        uri=$(mirror_for_suite "$suite") || return 1
        key=$(find /usr/share/keyrings -name 'debian-archive-keyring.[gp]*' | head -1)
        mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,etc/empty}
        echo "deb [signed-by=$key] ${uri%/} $suite main" >"$dir/etc/sources.list"
        cat >"$dir/apt.conf" <<EOF
Dir::State "$dir/state";
Dir::State::status "/dev/null";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/etc/sources.list";
Dir::Etc::sourceparts "$dir/etc/empty";
Dir::Etc::preferencesparts "$dir/etc/empty";
APT::Sandbox::User "root";
Acquire::Languages "none";
EOF
}

# Since 6.19 linux-image-* is empty: the kernel is in linux-binary-*, the modules in linux-modules-*.
download_kernel() { # FLAVOUR -> .debs in the current directory; needs APT_CONFIG
        local version
        apt-get -qq update || return 1
        version=$(apt-cache depends --important "linux-image-$1" |
                awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { sub("linux-image-", "", $2); print $2; exit }')
        [ -n "$version" ] || return 1
        if apt-cache show "linux-binary-$version" >/dev/null 2>&1; then
                apt-get -qq download "linux-binary-$version" "linux-modules-$version"
        else
                apt-get -qq download "linux-image-$version"
        fi
}

fetch() { # SUITE FLAVOUR -> .debs in $CACHE/debs/SUITE-FLAVOUR
        local debs=$CACHE/debs/$1-$2 apt=$RUN/apt-$1
        [ ! -e "$debs/.done" ] || return 0
        mkdir -p "$debs"
        private_apt "$apt" "$1" || return 1
        (cd "$debs" && APT_CONFIG=$apt/apt.conf download_kernel "$2" && touch .done) >&2
}

KERNEL_DIRS=()
unpack() { # .deb or directory
        local dir tmp
        if [ -d "$1" ]; then
                KERNEL_DIRS+=("$1")
                return
        fi
        [ -f "$1" ] || die "no kernel at $1"
        dir=$CACHE/kernel/$(basename "$1" .deb)
        if [ ! -d "$dir" ]; then
                mkdir -p "$CACHE/kernel"
                tmp=$(mktemp -d "$CACHE/kernel/.unpack.XXXX") || die "cannot write to $CACHE"
                dpkg-deb -x "$1" "$tmp" && mv -T "$tmp" "$dir" || die "cannot unpack $1"
        fi
        KERNEL_DIRS+=("$dir")
}

locate_kernel() { # -> VMLINUZ, MODULES ("" if there are none), KVERSION
        local k suite flavour f
        exec 9>"$CACHE/lock"
        flock 9 # another run may be fetching the same kernel
        for k in "${KERNELS[@]}"; do
                case $k in
                suite:*)
                        suite=${k#suite:}
                        flavour=cloud-amd64
                        case $suite in */*) flavour=${suite#*/} suite=${suite%%/*} ;; esac
                        fetch "$suite" "$flavour" || die "cannot fetch a kernel for $k with apt-get"
                        for f in "$CACHE/debs/$suite-$flavour"/*.deb; do unpack "$f"; done
                        ;;
                *) unpack "$k" ;;
                esac
        done
        exec 9>&-
        VMLINUZ=$(find "${KERNEL_DIRS[@]}" -name 'vmlinuz*' -type f | head -1)
        [ -n "$VMLINUZ" ] || die "no vmlinuz in ${KERNEL_DIRS[*]}"
        MODULES=$(find "${KERNEL_DIRS[@]}" -path '*lib/modules/*/kernel' -type d | head -1)
        KVERSION=$(basename "$VMLINUZ") # from 7.2 on it is lib/modules/VERSION/vmlinuz
        [ "$KVERSION" != vmlinuz ] || KVERSION=$(basename "$(dirname "$VMLINUZ")")
        KVERSION=${KVERSION#vmlinuz-}
}

# --- the initramfs: busybox, the few modules needed, the job ----------------------------------------------------

# The packages hold no modules.dep, so dependencies are read from .modinfo. A module not found is built in.
LOAD_ORDER=' '
add_module() { # NAME
        local file name=${1//-/_} dep
        case $LOAD_ORDER in *" $name "*) return ;; esac
        file=$(find "$MODULES" \( -name "$name.ko*" -o -name "${name//_/-}.ko*" \) | head -1)
        [ -n "$file" ] || return 0
        case $file in
        *.xz) xz -dc "$file" ;;
        *.zst) zstd -dcq "$file" ;;
        *) cat "$file" ;;
        esac >"$IRFS/m/$name"
        for dep in $(tr '\0' '\n' <"$IRFS/m/$name" | sed -n 's/^depends=//p' | tr , ' '); do
                add_module "$dep"
        done
        LOAD_ORDER+="$name "
}

write_init() {
        local mount_root='-t virtiofs hostroot'
        [ "$FS" = virtiofs ] || mount_root='-t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose hostroot'
        cat >"$IRFS/init" <<EOF
#!/vm/busybox sh
export PATH=/bin
/vm/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for m in$LOAD_ORDER; do insmod /m/\$m; done

mount $mount_root -r /ro && mount -t tmpfs -o mode=755 rw /rw && mkdir /rw/upper /rw/work &&
mount -t overlay -o lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work root /new || {
        echo "run-in-vm: cannot mount the root"
        poweroff -f
}

cd /new
mount -t proc proc proc
mount -t sysfs sys sys
mount -t devtmpfs dev dev
mkdir -p dev/pts dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 pts dev/pts
mount -t tmpfs shm dev/shm
mount -t tmpfs -o mode=755 run run
mount -t securityfs none sys/kernel/security
mount -t tracefs none sys/kernel/tracing
mount -t debugfs none sys/kernel/debug
mount -t bpf none sys/fs/bpf
mount -t cgroup2 none sys/fs/cgroup
hostname vm
ifconfig lo up
ln -sf /proc/self/fd dev/fd
ln -sf fd/0 dev/stdin
ln -sf fd/1 dev/stdout
ln -sf fd/2 dev/stderr
mkdir run/vm run/lock
cp /vm/* run/vm/
[ -e /vm/vm.target ] || exec switch_root /new /run/vm/busybox sh /run/vm/job

mkdir -p run/systemd/system run/tmpfiles.d
cp /vm/vm.target /vm/vm-job.service run/systemd/system/
# not wanted here: emptying /tmp at boot, a time service without a network, "I am in a container"
ln -s /dev/null run/tmpfiles.d/tmp.conf
ln -s /dev/null run/systemd/system/systemd-timesyncd.service
rm -f .dockerenv
exec switch_root /new /lib/systemd/systemd
EOF
        chmod +x "$IRFS/init"
}

# Not multi-user.target: the host's own services stay out.
write_units() {
        cat >"$IRFS/vm/vm.target" <<'EOF'
[Unit]
Requires=basic.target
Wants=dbus.socket vm-job.service
After=basic.target
AllowIsolate=yes
EOF
        cat >"$IRFS/vm/vm-job.service" <<'EOF'
[Unit]
After=basic.target dbus.socket

[Service]
ExecStart=/run/vm/busybox sh /run/vm/job
EOF
}

# Runs in the guest: serial lines 1 and 2 carry stdout and stderr, 3 heartbeats and the exit status. A child left
# behind keeps its end of the fifo open: it gets 3 s, then the guest ends anyway. stty waits for the line to drain.
write_job() {
        cat >"$IRFS/vm/job" <<'EOF'
b=/run/vm/busybox
running() { [ -e "/proc/$1/exe" ]; } # false for a zombie too
cd /run/vm
for i in 1 2 3; do $b stty raw -echo </dev/ttyS$i; done
while :; do
        echo .
        $b sleep HEARTBEAT
done >/dev/ttyS3 & heart=$!
$b mkfifo out err
$b cat <out >/dev/ttyS1 & out=$!
$b cat <err >/dev/ttyS2 & err=$!
$b setsid $b env -i /bin/bash /run/vm/cmd </dev/null >out 2>err
rc=$?
i=0
while [ $i -lt 30 ] && { running $out || running $err; }; do
        $b usleep 100000
        i=$((i + 1))
done
kill $heart
$b stty raw </dev/ttyS1
$b stty raw </dev/ttyS2
echo "rc=$rc" >/dev/ttyS3
$b stty raw </dev/ttyS3
$b poweroff -f
EOF
        sed -i "s/HEARTBEAT/$HEARTBEAT/" "$IRFS/vm/job"
        {
                printf 'export %q\n' PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
                        HOME=/root LANG=C.UTF-8 TERM=dumb "${ENVS[@]}"
                printf 'cd %q || exit 126\nexec' "$CWD"
                printf ' %q' "$@"
                echo
        } >"$IRFS/vm/cmd"
}

build_initramfs() { # CMD...
        local m
        IRFS=$RUN/initramfs
        mkdir -p "$IRFS"/{bin,m,proc,sys,dev,ro,rw,new,vm}
        cp "$(command -v busybox)" "$IRFS/vm/busybox"
        if [ -n "$MODULES" ]; then
                for m in virtio_pci "$FS" overlay; do add_module "$m"; done
                [ "$FS" != 9p ] || add_module 9pnet_virtio
        fi
        write_init
        [ -z "$SYSTEMD" ] || write_units
        write_job "$@"
        (cd "$IRFS" && find . | cpio -o -H newc --quiet) >"$RUN/initrd" || die "cannot pack the initramfs"
}

# --- boot -------------------------------------------------------------------------------------------------------

# QEMU before 10 sets wrong flags after cmpxchg16b, which SLUB uses: random double faults, so hide it. From 6.19
# on, BPF task storage fails without it (and does not crash with it), so keep it there.
cpu_model() {
        [[ $("$QEMU" --version) =~ version\ ([0-9]+) ]] || die "$QEMU --version says nothing I understand"
        if [ "${BASH_REMATCH[1]}" -ge 10 ] || [ "$(printf '%s\n' "$KVERSION" 6.19 | sort -V | head -1)" = 6.19 ]; then
                echo max
        else
                echo max,-cx16
        fi
}

share_root() {
        local virtiofsd mount i
        if [ "$FS" = 9p ]; then
                QEMU_ARGS+=(-virtfs "local,path=$ROOT,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap")
                return
        fi
        virtiofsd=$(find /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd 2>/dev/null | head -1)
        [ -n "$virtiofsd" ] || die "virtiofsd is not installed (make deps installs it)"
        mount=$BIND
        if [ "$ROOT" = / ]; then # the working directory may be on a mount of its own: a volume, a separate /home
                mount=$(findmnt -n -o TARGET --target "$CWD")
                [ "$mount" != / ] || mount=''
        fi
        mkdir "$RUN/ro"
        # A mount namespace of its own, with read-only binds and a /run for virtiofsd's lock file.
        unshare -m --propagation private sh -c '
                show() { mount --bind "$1" "$2" && mount -o remount,bind,ro "$2"; }
                show "$3" "$1/ro" && { [ -z "$4" ] || show "$4" "$1/ro$4"; } && mount -t tmpfs run /run &&
                exec "$2" --socket-path="$1/fs.sock" -o source="$1/ro" -o cache=always -o sandbox=chroot
        ' - "$RUN" "$virtiofsd" "$ROOT" "$mount" >"$RUN/virtiofsd.log" 2>&1 </dev/null &
        FS_PID=$!
        for ((i = 0; i < 100; i++)); do
                [ ! -S "$RUN/fs.sock" ] || break
                kill -0 "$FS_PID" 2>/dev/null || break
                sleep 0.05
        done
        [ -S "$RUN/fs.sock" ] || die "virtiofsd did not start: $(tail -3 "$RUN/virtiofsd.log")"
        QEMU_ARGS+=(-object "memory-backend-memfd,id=mem,size=${MEM}M,share=on" -numa node,memdev=mem
                -chardev "socket,id=fs,path=$RUN/fs.sock"
                -device vhost-user-fs-pci,chardev=fs,tag=hostroot,queue-size=1024)
}

# Runs beside QEMU. A guest that hangs says nothing by itself: an NMI makes it panic, which prints the stack of each
# processor to the console. Its pauses are reads from a pipe that says nothing: no process of theirs outlives it.
watch_guest() { # QEMU'S PID
        local size=-1 now began=$SECONDS beat=$SECONDS silence
        exec {silence}<> <(:)
        while read -rt "$HEARTBEAT" -u "$silence" || :; do
                now=$(stat -c %s "$RUN/status" 2>/dev/null || echo 0)
                [ "$now" = "$size" ] || { size=$now beat=$SECONDS; }
                [ $((SECONDS - beat)) -lt "$FROZEN_SECONDS" ] || { touch "$RUN/frozen" && break; }
                [ $((SECONDS - began)) -lt "$LIMIT" ] || { touch "$RUN/late" && break; }
        done
        echo nmi >"$RUN/monitor.in"
        read -rt "$PANIC_SECONDS" -u "$silence"
        kill "$1" 2>/dev/null
}

boot() { # -> QEMU_RC
        local cpu
        cpu=$(cpu_model) || exit
        [ -z "$SYSTEMD" ] || ARGS+=' systemd.unit=vm.target'
        # shellcheck disable=SC2206 # QEMU_OPTS is a list of words
        QEMU_ARGS=(${QEMU_OPTS:-} -accel "tcg,thread=$THREADS" -cpu "$cpu" -smp "$CPUS" -m "$MEM"
                -nodefaults -no-user-config -display none -no-reboot -nic none
                -kernel "$VMLINUZ" -initrd "$RUN/initrd" -append "console=ttyS0 quiet $ON_PANIC$ARGS"
                -chardev "pipe,id=monitor,path=$RUN/monitor" -mon chardev=monitor
                -serial "file:$RUN/console.log" -chardev stdio,id=out,signal=off -serial chardev:out
                -serial "file:$RUN/err" -serial "file:$RUN/status")
        share_root
        mkfifo "$RUN"/monitor.{in,out}
        mkfifo "$RUN/err" # file:/dev/fd/2 would truncate a log file that stderr was sent to
        cat <"$RUN/err" >&2 &
        ERR_PID=$!
        timeout -k 5 $((LIMIT + HEARTBEAT + PANIC_SECONDS)) "$QEMU" "${QEMU_ARGS[@]}" </dev/null 2>"$RUN/qemu.log" &
        QEMU_PID=$!
        watch_guest "$QEMU_PID" >"$RUN/watch.log" 2>&1 &
        WATCH_PID=$!
        wait "$QEMU_PID"
        QEMU_RC=$?
        QEMU_PID=''
        kill "$WATCH_PID" 2>/dev/null
        [ ! -s "$RUN/console.log" ] || wait "$ERR_PID"
}

# Its end, without what registers hold.
show_console() {
        grep -avE '\] (Code:|RSP:|R[A-D0-9][X0-9]:|RBP:|FS:|CS:|CR2:|DR[0-9]:|PKRU:)' "$RUN/console.log" | tail -$CONSOLE_LINES
}

# QEMU's own status says nothing: a guest that panics ends it with 0.
finish() {
        local rc
        [ -z "$VERBOSE" ] || cat "$RUN/console.log" >&2
        rc=$(sed -n 's/^rc=\([0-9]*\)\r*$/\1/p' "$RUN/status" 2>/dev/null | tail -1)
        [ -z "$rc" ] || exit "$rc"
        if [ -e "$RUN/late" ] || [ "$QEMU_RC" = 124 ] || [ "$QEMU_RC" = 137 ]; then
                echo "run-in-vm: timed out after $LIMIT s" >&2
                show_console >&2
                exit 124
        fi
        if [ -e "$RUN/frozen" ]; then
                echo "run-in-vm: the guest showed no life for $FROZEN_SECONDS s" >&2
                show_console >&2
                exit 125
        fi
        if grep -q 'terminating on signal' "$RUN/qemu.log" || [ "$QEMU_RC" -gt 128 ]; then
                echo "run-in-vm: QEMU was ended from outside: $(tail -1 "$RUN/qemu.log")" >&2
                exit 126
        fi
        {
                echo "run-in-vm: the guest ended without a status (QEMU's was $QEMU_RC)"
                cat "$RUN/qemu.log"
                show_console
        } >&2
        exit 125
}

locate_kernel
if [ -n "$ONLY" ]; then
        echo "$VMLINUZ"
        exit 0
fi
build_initramfs "$@"
boot
finish
