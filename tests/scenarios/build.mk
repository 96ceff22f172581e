# SPDX-License-Identifier: GPL-2.0-or-later
# Fixture programs. Never built with sanitizers: they set signal handlers of their own and run into int3.
# Included by the top Makefile; `make scenarios` builds them.

SCENARIO_O      := $(O)/tests/scenarios
SCENARIO_LIBS   := library.so preload.so
SCENARIO_BINS   := $(addprefix $(SCENARIO_O)/,$(SCENARIO_LIBS) \
                     $(filter-out $(basename $(SCENARIO_LIBS)),$(patsubst %.c,%,$(notdir $(wildcard tests/scenarios/*.c)))))
SCENARIO_CFLAGS := -std=gnu17 -D_GNU_SOURCE -I. $(WARN) -O1 -g -fno-omit-frame-pointer
GO              ?= $(shell command -v go 2>/dev/null)

.PHONY: scenarios
scenarios: $(SCENARIO_BINS) $(SCENARIO_O)/mishap32 $(if $(GO),$(addprefix $(SCENARIO_O)/,blocked gocalls starter worker))

$(SCENARIO_O)/%: tests/scenarios/%.c tests/scenarios/fixture.h tests/scenarios/filter.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SCENARIO_CFLAGS) $(SCENARIO_EXTRA) -o $@ $< -lpthread

$(SCENARIO_O)/leak: SCENARIO_EXTRA := -fsanitize=address

$(SCENARIO_O)/%.so: tests/scenarios/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SCENARIO_CFLAGS) -shared -fPIC -o $@ $<

# Only where the compiler has libraries of 32 bits; else the tests that need it are skipped.
$(SCENARIO_O)/mishap32: tests/scenarios/mishap.c tests/scenarios/fixture.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@; $(CC) $(SCENARIO_CFLAGS) -m32 -isystem /usr/include/x86_64-linux-gnu -o $@ $< -lpthread 2>$@.log || :

$(addprefix $(SCENARIO_O)/,blocked gocalls starter worker): $(SCENARIO_O)/%: tests/scenarios/%.go
	$(call say,GO,$@)
	@mkdir -p $(@D)
	$(Q)GOCACHE=$(CURDIR)/$(SCENARIO_O)/go-cache GO111MODULE=off $(GO) build -gcflags='-N -l' -o $@ $<
