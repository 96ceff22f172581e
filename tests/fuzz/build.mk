# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzz targets, one program per file, built with Clang's libFuzzer and sanitizers whatever SAN says.
#   make fuzz           each target for FUZZ_SECONDS (10)
#   make fuzz-model     one of them
# What a target learns stays in its corpus below FUZZ_O, which `make clean` removes.

FUZZ_O       := $(O)/tests/fuzz
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c)))
FUZZ_BINS    := $(addprefix $(FUZZ_O)/,$(FUZZ_TARGETS))
FUZZ_LIB     := $(patsubst %.c,$(FUZZ_O)/%.o,$(sort $(shell find lib -name "*.c")))
FUZZ_SECONDS ?= 10
FUZZ_CFLAGS   = -std=gnu17 -D_GNU_SOURCE -I. -DPTRACED_VERSION='"$(VERSION)"' -O1 -g -fno-omit-frame-pointer \
                -fsanitize=address,undefined -fno-sanitize-recover=undefined $(PKG_CFLAGS)
DEPS_FUZZ    := clang libclang-rt-14-dev

.PHONY: fuzz deps-fuzz $(addprefix fuzz-,$(FUZZ_TARGETS))
fuzz: $(FUZZ_BINS)
	$(Q)FUZZ_O=$(FUZZ_O) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run $(FUZZ_TARGETS)
$(addprefix fuzz-,$(FUZZ_TARGETS)): fuzz-%: $(FUZZ_O)/%
	$(Q)FUZZ_O=$(FUZZ_O) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run $*
deps-fuzz:
	$(Q)tests/need-packages $(DEPS_BUILD) $(DEPS_FUZZ)

$(FUZZ_O)/lib/%.o: lib/%.c
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(FUZZ_O)/libptraced.a: $(FUZZ_LIB)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(FUZZ_O)/%: tests/fuzz/%.c $(FUZZ_O)/libptraced.a
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -o $@ $< $(FUZZ_O)/libptraced.a $(LDLIBS)
