# SPDX-License-Identifier: GPL-2.0-or-later
# Benchmarks. Never built with sanitizers: they would measure those.
#   make bench          the cost of ptraced, of other recorders and of the guard, and ptraced's limits (20 minutes)
#   make bench-base     what a change costs: this build against BASE=DIR, the build directory of an earlier one (2 minutes)
#   make bench-smoke    the same with two rounds: does it run?
#   make deps-bench     install the recorders to compare with

BENCH_O      := $(O)/tests/bench
BENCH_BINS   := $(addprefix $(BENCH_O)/,storm floor fill crowd ready)
BENCH_CFLAGS := -std=gnu17 -D_GNU_SOURCE -I. $(WARN) -O2 -g -I$(O) -I$(BENCH_O)
DEPS_BENCH   := linux-perf bpftrace libbpf-tools strace jq curl sqlite3 procps

.PHONY: bench bench-base bench-smoke bench-bins deps-bench
bench-bins: $(BENCH_BINS)

bench: all bench-bins scenarios
	$(Q)O=$(O) tests/bench/run
	$(Q)O=$(O) tests/bench/limits
	$(Q)O=$(O) tests/bench/guard

bench-base: all bench-bins
	$(Q)O=$(O) tests/bench/run --base $(BASE)

bench-smoke: all bench-bins scenarios
	$(Q)O=$(O) ROUNDS=2 FLOOR_ROUNDS=2 tests/bench/run
	$(Q)O=$(O) ROUNDS=2 tests/bench/guard

deps-bench:
	$(Q)tests/need-packages $(DEPS_BENCH)

$(addprefix $(BENCH_O)/,storm crowd ready): $(BENCH_O)/%: tests/bench/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $<

$(BENCH_O)/floor.bpf.o: tests/bench/floor.bpf.c tests/bench/floor.h bpf/records.h bpf/kernel_types.h
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(BENCH_O)/floor.skel.h: $(BENCH_O)/floor.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name floor_bpf > $@

$(BENCH_O)/floor: tests/bench/floor.c tests/bench/floor.h $(BENCH_O)/floor.skel.h $(O)/ptraced.skel.h
	$(call say,CC,$@)
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $< -lbpf

$(BENCH_O)/fill: tests/bench/fill.c $(O)/libptraced.a
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) $(LDFLAGS) -o $@ $< $(O)/libptraced.a $(LDLIBS)
