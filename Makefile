# SPDX-License-Identifier: GPL-2.0-or-later
# `make` builds build/ptraced and build/ptracectl. For the rest, as root:
#   make demo       install what is missing, build, and watch debuggers get in each other's way
#   make run        the daemon with `ptracectl watch` in front
#   make test       every test, within its time: tests/all; PARTS="unit host" for some. make test-long has the rest:
#                   all kernels, full rounds, long fuzzing
#   make test-unit, test-integration, test-vm    one kind, without what `make test` prepares
#   make walk       how far one POST /v1/claims goes: calls between files, files, climbs back up
#   make install    and uninstall; DESTDIR=, PREFIX=
# Switches: SAN=1 (ASan + UBSan, in build-san/), V=1 (show commands), VM_KERNELS= (see tests/vm/run).

O        := $(if $(SAN),build-san,build)
PREFIX   ?= /usr/local
CC       ?= cc
CLANG    ?= clang
BPFTOOL  ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
VERSION  := 0.1.0

PKGS     := libbpf libelf libdw zlib libsystemd sqlite3 libmicrohttpd libcurl json-c inih smartcols
WARN     := -Wall -Wextra -Wformat=2 -Wtype-limits -Werror
CFLAGS   ?= -O2 -g
# Asked once, and only when something is compiled: on a new machine pkg-config comes with `make deps`.
PKG_CFLAGS   = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS     = $(eval PKG_LIBS := $(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
CHECK_FLAGS  = $(eval CHECK_FLAGS := $(shell pkg-config --cflags --libs check))$(CHECK_FLAGS)
ALL_CFLAGS   = -std=gnu17 -D_GNU_SOURCE -DPTRACED_VERSION='"$(VERSION)"' $(WARN) -I. -I$(O) $(PKG_CFLAGS) $(CFLAGS)
LDLIBS       = -Wl,--as-needed $(PKG_LIBS) -lpthread
ifneq ($(SAN),)
ALL_CFLAGS += -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LDFLAGS   += -fsanitize=address,undefined
endif

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

LIB_OBJS    := $(patsubst %.c,$(O)/%.o,$(sort $(shell find lib -name "*.c")))
DAEMON_OBJS := $(patsubst %.c,$(O)/%.o,$(sort $(shell find daemon -name "*.c")))
CLI_OBJS    := $(patsubst %.c,$(O)/%.o,$(sort $(shell find cli -name "*.c")))
BPF_OBJS    := $(patsubst %.bpf.c,$(O)/%.bpf.o,$(filter-out bpf/guard.bpf.c,$(sort $(wildcard bpf/*.bpf.c))))
UNIT_BINS   := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/unit/test_*.c)))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all clean traces unit test test-long test-unit test-integration test-vm demo run deps deps-build deps-demo install uninstall \
        format format-check lint walk

all: $(O)/ptraced $(O)/ptracectl

$(O)/ptraced: $(DAEMON_OBJS) $(O)/libptraced.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/ptracectl: $(CLI_OBJS) $(O)/libptraced.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/libptraced.a: $(LIB_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/%.o: %.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# BPF: one object file per concern, linked into one, embedded by its skeleton; the guard is an object of its own,
# as it is loaded later and outlives the daemon.
# A hook's arguments are the kernel's choice, not ours: unused ones are no mistake.
BPF_CFLAGS := -target bpf -I. -mcpu=v3 -O2 -g -D__TARGET_ARCH_x86 $(WARN) -Wno-unused-parameter -I/usr/include/x86_64-linux-gnu
$(O)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/bpf/ptraced.linked.o: $(BPF_OBJS)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(O)/ptraced.skel.h: $(O)/bpf/ptraced.linked.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name ptraced_bpf > $@

$(O)/ptraced_guard.skel.h: $(O)/bpf/guard.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name ptraced_guard_bpf > $@

$(O)/daemon/kernel/loader.o: $(O)/ptraced.skel.h
$(O)/daemon/guard/guard_object.o: $(O)/ptraced_guard.skel.h

# Unit tests: one Check program per file in tests/unit. Those about the daemon's or the client's modules link
# these, from archives: the linker takes what a test calls, and a test's own model in the place of lib's.
DAEMON_TESTS := backlog departed enrich finding_reach old proctier procfs_access sampler scan
CLI_TESTS    := describe
$(O)/daemon/daemon.a: $(filter-out $(O)/daemon/main.o,$(DAEMON_OBJS))
$(O)/cli/cli.a: $(filter-out $(O)/cli/ptracectl.o,$(CLI_OBJS))
$(O)/daemon/daemon.a $(O)/cli/cli.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(addprefix $(O)/tests/unit/test_,$(DAEMON_TESTS)): $(O)/daemon/daemon.a
$(addprefix $(O)/tests/unit/test_,$(CLI_TESTS)): $(O)/cli/cli.a

$(O)/tests/unit/test_%: tests/unit/test_%.c $(O)/libptraced.a
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< \
		$(filter-out %/libptraced.a,$(filter %.a,$^)) $(O)/libptraced.a $(CHECK_FLAGS) $(LDLIBS)

test-unit: $(UNIT_BINS)
	$(Q)tests/unit/run $^
unit: test-unit

# Programs that the integration tests and the demo watch: tests/scenarios/build.mk and others.
-include $(wildcard tests/*/build.mk)

test-integration: all scenarios
	$(Q)O=$(O) tests/integration/run

# The same tests in tier full, and the units, in guests with stock Debian kernels.
test-vm: all scenarios
	$(Q)O=$(O) tests/vm/run

# Ends what its command leaves running.
KEEPER := $(O)/tests/keeper
$(KEEPER): tests/keeper.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -O2 -g -o $@ $<

# The parts in turn; each ends with its runner's closing line, and all of them with a summary.
test-long: deps-fuzz
test test-long: deps
	$(Q)$(MAKE) $(KEEPER)
	$(Q)exec env KEEPER=$(KEEPER) tests/all $(if $(filter test-long,$@),-l) $(PARTS)

demo: deps-demo
	$(Q)$(MAKE) all scenarios $(KEEPER)
	$(Q)O=$(O) exec $(KEEPER) tests/demo

run: deps-build
	$(Q)$(MAKE) all
	$(Q)O=$(O) tests/run-daily

# What a bare Debian 12 or 13 lacks. Only missing packages are installed; with ?, those that the release has.
DEPS_BUILD := gcc libc6-dev pkg-config clang bpftool libbpf-dev libelf-dev libdw-dev zlib1g-dev libsystemd-dev \
              libsqlite3-dev libmicrohttpd-dev libcurl4-openssl-dev libjson-c-dev libinih-dev libsmartcols-dev
DEPS_DEMO  := gdb strace delve golang-go php-cli php-xdebug procps util-linux jq sqlite3
DEPS_TEST  := check clang-format gojq universal-ctags lldb ltrace linux-perf php-fpm curl systemd qemu-system-x86 \
              qemu-system-common virtiofsd? busybox-static cpio xz-utils zstd mmdebstrap
# The parties of the cases and the clean corpus. A test whose party is missing is skipped.
DEPS_PARTY := gdbserver valgrind bpftrace qemu-user nodejs default-jdk-headless python3 perl make runit zsh tmux \
              openssh-client libc6-dev-i386 lib32gcc-12-dev? lib32gcc-14-dev?
deps-build:
	$(Q)tests/need-packages $(DEPS_BUILD)
deps-demo:
	$(Q)tests/need-packages $(DEPS_BUILD) $(DEPS_DEMO)
deps:
	$(Q)tests/need-packages $(DEPS_BUILD) $(DEPS_DEMO) $(DEPS_TEST) $(DEPS_PARTY)

# Installation. One list, SOURCE:TARGET:MODE, is walked by install and uninstall.
LIBDIR  := $(PREFIX)/lib
MANDIR  := $(PREFIX)/share/man
DOCDIR  := $(PREFIX)/share/doc/ptraced
INSTALL := \
  $(O)/ptraced:$(PREFIX)/sbin/ptraced:755 \
  $(O)/ptracectl:$(PREFIX)/bin/ptracectl:755 \
  daemon/ptraced.8:$(MANDIR)/man8/ptraced.8:644 \
  cli/ptracectl.1:$(MANDIR)/man1/ptracectl.1:644 \
  cli/ptracectl.bash:$(PREFIX)/share/bash-completion/completions/ptracectl:644 \
  systemd/ptraced.service:$(LIBDIR)/systemd/system/ptraced.service:644 \
  systemd/ptraced.socket:$(LIBDIR)/systemd/system/ptraced.socket:644 \
  systemd/ptraced.sysusers:$(LIBDIR)/sysusers.d/ptraced.conf:644 \
  systemd/ptraced.tmpfiles:$(LIBDIR)/tmpfiles.d/ptraced.conf:644 \
  daemon/ptraced.conf:$(DOCDIR)/ptraced.conf:644 \
  daemon/policy.conf:$(DOCDIR)/policy.conf:644 \
  LICENSE:$(DOCDIR)/LICENSE:644

install: all
	$(Q)set -e; for f in $(INSTALL); do IFS=:; set -- $$f; unset IFS; \
		install -D -m $$3 $$1 $(DESTDIR)$$2; done
	$(Q)sed -i 's|@sbindir@|$(PREFIX)/sbin|' $(DESTDIR)$(LIBDIR)/systemd/system/ptraced.service
	@echo 'Next: systemd-sysusers; systemctl daemon-reload; systemctl enable --now ptraced'

# Stops it first, for a unit that is gone cannot be disabled. Directories that are empty now go too, except bin
# and sbin.
uninstall:
	$(Q)$(if $(DESTDIR),:,systemctl -q disable --now ptraced.socket ptraced.service 2>/dev/null || :)
	$(Q)for f in $(INSTALL); do IFS=:; set -- $$f; unset IFS; rm -f $(DESTDIR)$$2; \
		case $$2 in */bin/* | */sbin/*) ;; *) rmdir $(DESTDIR)$${2%/*} 2>/dev/null || :; esac; done
	@echo 'Left: records in /var/lib/ptraced, settings in /etc/ptraced, the group ptraced'

FORMATTED = $(shell find bpf lib daemon cli tests -name '*.[ch]')
format:
	$(Q)clang-format -i $(FORMATTED)
format-check:
	$(Q)clang-format --dry-run -Werror $(FORMATTED)

# The rules of the house that a script can see.
lint:
	$(Q)tests/lint

# Record again what tests/traces has: the cases and the clean corpus, as they are told here and now.
traces: all scenarios
	$(Q)rm -f tests/traces/*.jsonl.gz tests/traces/*.want
	$(Q)mkdir -p tests/traces
	$(Q)O=$(O) TRACES=$(CURDIR)/tests/traces tests/integration/run $(addprefix tests/integration/,clean.t cases-access.t cases-state.t cases-traps.t)

# How far one claim goes through the daemon.
walk: all scenarios
	$(Q)tests/walk

clean:
	$(Q)rm -rf build build-san build-trixie build-walk

-include $(shell find $(O) -name '*.d' 2>/dev/null)
