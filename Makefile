# SPDX-License-Identifier: GPL-2.0-or-later
# `make` builds build/ptraced and build/ptracectl. `sudo make demo` and `sudo make test` are in README.md.
# Switches: SAN=1 (ASan + UBSan, in build-san/), V=1 (show commands), DESTDIR=, PREFIX= (install).

O        := $(if $(SAN),build-san,build)
PREFIX   ?= /usr/local
CC       ?= cc
CLANG    ?= clang
BPFTOOL  ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
VERSION  := 0.1.0

PKGS     := libbpf libelf libdw zlib libsystemd sqlite3 libmicrohttpd libcurl json-c inih smartcols
WARN     := -Wall -Wextra -Wformat=2 -Wtype-limits -Werror
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -DPTRACED_VERSION='"$(VERSION)"' $(WARN) -I$(O) \
             $(shell pkg-config --cflags $(PKGS)) $(CFLAGS)
LDLIBS    = $(shell pkg-config --libs $(PKGS)) -lpthread
ifneq ($(SAN),)
ALL_CFLAGS += -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LDFLAGS   += -fsanitize=address,undefined
endif

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

LIB_OBJS    := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard lib/*.c)))
DAEMON_OBJS := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard daemon/*.c)))
CLI_OBJS    := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard cli/*.c)))
BPF_OBJS    := $(patsubst %.bpf.c,$(O)/%.bpf.o,$(sort $(wildcard bpf/*.bpf.c)))
UNIT_BINS   := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/unit/test_*.c)))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all clean unit format format-check

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

# BPF: one object file per concern, linked into one, embedded by its skeleton.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -D__TARGET_ARCH_x86 $(WARN) -I/usr/include/x86_64-linux-gnu
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

$(O)/daemon/loader.o: $(O)/ptraced.skel.h

# Unit tests: one Check program per file in tests/unit.
$(O)/tests/unit/test_%: tests/unit/test_%.c $(O)/libptraced.a
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Ilib -MMD -MP -MF $@.d -o $@ $< $(O)/libptraced.a $(shell pkg-config --cflags --libs check) $(LDLIBS)

unit: $(UNIT_BINS)
	$(Q)rc=0; for t in $(UNIT_BINS); do $$t || rc=1; done; exit $$rc

FORMATTED = $(wildcard */*.c */*.h tests/*/*.c tests/*/*.h)
format:
	$(Q)clang-format -i $(FORMATTED)
format-check:
	$(Q)clang-format --dry-run -Werror $(FORMATTED)

clean:
	$(Q)rm -rf build build-san

-include tests/*/build.mk
-include $(shell find $(O) -name '*.d' 2>/dev/null)
