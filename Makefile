# SPDX-License-Identifier: MIT
#
# Hand-written and short on purpose: every product of this project is one of a
# handful of shapes, and a reader must see at once what is compiled with what.
# V=1 shows the commands.

.DEFAULT_GOAL := build

VERSION := 0.1.0

CC ?= gcc
PYTHON ?= /usr/bin/python3
BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib/libshim
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/libshim

Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-7s %s\n')

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 -Wvla
CFLAGS ?= -O2 -g
SHIM_CFLAGS := -std=gnu11 $(WARN) -D_GNU_SOURCE -Isrc -Iinterpose -MMD -MP \
	-DSHIM_VERSION='"$(VERSION)"'

# The library: initial-exec TLS so that a call never allocates, unwind tables so
# that a cancelled thread can be unwound from anywhere in a call, no
# fortification because these are the functions that it would call.
LIB_CFLAGS := $(SHIM_CFLAGS) -fPIC -fvisibility=hidden -ftls-model=initial-exec \
	-fasynchronous-unwind-tables -fno-strict-aliasing \
	-U_FORTIFY_SOURCE
LIB_LDFLAGS := -shared -Wl,-soname,libshim.so -Wl,-z,defs -Wl,-z,now -Wl,-z,relro \
	-Wl,--version-script=interpose/libshim.map

CORE_SRC := $(sort $(wildcard src/*.c))
LIB_SRC := $(CORE_SRC) $(sort $(wildcard interpose/*.c interpose/*.S))
LIB_OBJ := $(patsubst %,$(BUILD)/%.o,$(LIB_SRC))
PROGRAMS := $(patsubst tests/programs/%.c,$(BUILD)/programs/%,$(sort $(wildcard tests/programs/*.c)))
PRELOADS := $(patsubst tests/preload/%.c,$(BUILD)/preload/%.so,$(sort $(wildcard tests/preload/*.c)))
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_SRC := $(filter-out $(wildcard tests/unit/test_*.c),$(wildcard tests/unit/*.c))
BENCHES := $(patsubst bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard bench/*.c)))

.PHONY: help build
help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

build: $(BUILD)/libshim.so ## build build/libshim.so

$(BUILD)/libshim.so: $(LIB_OBJ) interpose/libshim.map
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LIB_LDFLAGS) -o $@ $(LIB_OBJ) -Wl,-Bstatic -luring -Wl,-Bdynamic -ldl

$(BUILD)/%.c.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) $(LIB_CFLAGS) -c -o $@ $<

$(BUILD)/%.S.o: %.S
	@mkdir -p $(@D)
	$(say) AS $<
	$(Q)$(CC) -c -o $@ $<

# Programs that are run natively and under the library, and compared.
$(BUILD)/programs/%: tests/programs/%.c $(wildcard tests/programs/*.h)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -pthread -o $@ $< -ldl -lutil

# Libraries that tests preload beside ours, or dlopen.
$(BUILD)/preload/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -fPIC -shared -o $@ $< -ldl

programs: $(PROGRAMS) $(PRELOADS) ## build the differential test programs

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
