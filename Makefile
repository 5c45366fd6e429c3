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
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib/libshim
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/libshim
COMPDIR ?= $(PREFIX)/share/bash-completion/completions

Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-7s %s\n')

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 -Wvla
CFLAGS ?= -O2 -g
SHIM_CFLAGS := -std=gnu11 $(WARN) -D_GNU_SOURCE -I. -Isrc -Iinterpose -MMD -MP \
	-DSHIM_VERSION='"$(VERSION)"'

# The library: initial-exec TLS so that a call never allocates, unwind tables so
# that a cancelled thread can be unwound from anywhere in a call, no
# fortification because these are the functions that it would call.
LIB_CFLAGS := $(SHIM_CFLAGS) -fPIC -fvisibility=hidden -ftls-model=initial-exec \
	-fasynchronous-unwind-tables -fno-strict-aliasing \
	-U_FORTIFY_SOURCE
LIB_LDFLAGS := -shared -Wl,-soname,libshim.so -Wl,-z,defs -Wl,-z,now -Wl,-z,relro \
	-Wl,-z,initfirst -Wl,-z,nodelete \
	-Wl,--version-script=interpose/libshim.map

CORE_SRC := $(sort $(wildcard src/*.c))
LIB_SRC := $(CORE_SRC) $(sort $(wildcard interpose/*.c interpose/*.S))
LIB_OBJ := $(patsubst %,$(BUILD)/%.o,$(LIB_SRC))
PROGRAMS := $(patsubst tests/programs/%,$(BUILD)/programs/%,$(basename $(sort $(wildcard tests/programs/*.c tests/programs/*.cpp))))
PRELOADS := $(patsubst tests/preload/%.c,$(BUILD)/preload/%.so,$(sort $(wildcard tests/preload/*.c)))
TRACED := $(patsubst tests/trace/%.c,$(BUILD)/trace/%,$(sort $(wildcard tests/trace/*.c)))
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
CLI_UNITS := $(patsubst tests/unit/cli/%.c,$(BUILD)/unit/cli/%,$(sort $(wildcard tests/unit/cli/test_*.c)))
UNIT_SRC := $(filter-out $(wildcard tests/unit/test_*.c),$(wildcard tests/unit/*.c))
CLI_SRC := $(sort $(wildcard cli/*.c))
CLI_OBJ := $(patsubst %,$(BUILD)/%.o,$(CLI_SRC))
BENCHES := $(patsubst bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard bench/*.c)))

.PHONY: help build
help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

build: $(BUILD)/libshim.so $(BUILD)/shim ## build build/libshim.so and build/shim

$(BUILD)/libshim.so: $(LIB_OBJ) interpose/libshim.map
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LIB_LDFLAGS) -o $@ $(LIB_OBJ) -Wl,-Bstatic -luring -Wl,-Bdynamic -ldl

# The same with the form of ring that kernels before 6.5 have, for the tests.
OLD_OBJ := $(patsubst $(BUILD)/src/thread.c.o,$(BUILD)/old/thread.c.o,$(LIB_OBJ))
$(BUILD)/old/thread.c.o: src/thread.c
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CFLAGS) $(LIB_CFLAGS) -DSHIM_FIRST_FORM=SHIM_RING_REGISTERED -c -o $@ $<

$(BUILD)/old/libshim.so: $(OLD_OBJ) interpose/libshim.map
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LIB_LDFLAGS) -o $@ $(OLD_OBJ) -Wl,-Bstatic -luring -Wl,-Bdynamic -ldl

$(BUILD)/%.c.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) $(LIB_CFLAGS) -c -o $@ $<

$(BUILD)/%.S.o: %.S interpose/calls.def interpose/each.def
	@mkdir -p $(@D)
	$(say) AS $<
	$(Q)$(CC) -Iinterpose -c -o $@ $<

# The command knows neither the core nor libc's symbols: no -I.
CLI_CFLAGS := -std=gnu11 $(WARN) -D_GNU_SOURCE -MMD -MP \
	-DSHIM_VERSION='"$(VERSION)"' -DSHIM_LIBDIR='"$(LIBDIR)"'
CLI_LIBS := -ljansson -lgsl -lgslcblas -lxxhash -lm

$(BUILD)/cli/%.c.o: cli/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) $(CLI_CFLAGS) -c -o $@ $<

# Where the library will be is compiled into it: another place, another command.
$(CLI_OBJ): $(BUILD)/cli/libdir
$(BUILD)/cli/libdir: always
	@mkdir -p $(@D)
	@echo '$(LIBDIR)' | cmp -s - $@ || echo '$(LIBDIR)' >$@
.PHONY: always

$(BUILD)/shim: $(CLI_OBJ)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) -o $@ $(CLI_OBJ) $(CLI_LIBS)

# Programs that are run natively and under the library, and compared.
$(BUILD)/programs/%: tests/programs/%.c $(wildcard tests/programs/*.h)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -pthread -o $@ $< -ldl -lutil

$(BUILD)/programs/%: tests/programs/%.cpp $(wildcard tests/programs/*.h)
	@mkdir -p $(@D)
	$(say) CXX $<
	$(Q)$(CXX) $(CFLAGS) -std=gnu++20 -fnon-call-exceptions -Wall -Wextra -Werror \
		-Wno-missing-field-initializers -pthread -o $@ $<

# Programs to be traced.  Their calls are wrong on purpose, and the writer does
# without the library: static.
$(BUILD)/trace/%: tests/trace/%.c format/trace.h
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -Wall -Wextra -Werror -Wno-unused-result -Wno-nonnull -D_GNU_SOURCE \
		-pthread $(if $(findstring writer,$*),-static) -o $@ $<

# Libraries that tests preload beside ours, or dlopen.
$(BUILD)/preload/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -fPIC -shared -o $@ $< -ldl

.PHONY: programs demo check check-unit check-asan check-tsan stress lint bench \
	install uninstall clean

programs: $(PROGRAMS) $(PRELOADS) $(BUILD)/old/libshim.so $(TRACED) $(BUILD)/deny_uring ## build the differential test programs

# Denies io_uring to a program and its children.  Static, so that the library is
# not preloaded into this one.
$(BUILD)/deny_uring: tests/deny/deny_uring.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -static -o $@ $<

# Unit tests are linked with the core alone: it is usable without interposition.
UNIT_CFLAGS := -O1 $(SHIM_CFLAGS) $(SANITIZE)
.SECONDARY:
UNIT_OBJ := $(patsubst %.c,$(BUILD)/unit/obj/%.o,$(CORE_SRC) $(UNIT_SRC))

$(BUILD)/unit/obj/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) $(UNIT_CFLAGS) -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(UNIT_OBJ) $(wildcard src/*.h tests/unit/*.h)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) $(filter-out -MMD -MP,$(UNIT_CFLAGS)) -o $@ $< $(UNIT_OBJ) \
		-lcmocka -luring -pthread

# Those of the command, with the one file that they are about.
$(BUILD)/unit/cli/test_%: tests/unit/cli/test_%.c cli/%.c $(wildcard cli/*.h)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) -O1 $(filter-out -MMD -MP,$(CLI_CFLAGS)) $(SANITIZE) -o $@ $(filter %.c,$^) \
		-lcmocka $(CLI_LIBS)

check-unit: $(UNITS) $(CLI_UNITS) ## run the unit tests
	$(Q)for t in $(UNITS) $(CLI_UNITS); do timeout 120 $$t >$$t.log 2>&1 || { cat $$t.log; echo "$$t failed"; exit 1; }; \
		tail -n 1 $$t.log; done

check-asan: ## unit tests under AddressSanitizer and UBSan
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)-asan SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' check-unit

check-tsan: ## unit tests under ThreadSanitizer
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)-tsan SANITIZE='-fsanitize=thread' check-unit

# The tests mostly wait, for signals, timeouts and each other.
JOBS ?= 4
PYTEST := $(PYTHON) -m pytest -q -rf -n $(JOBS) py_tests
check: setup build programs ## build and pass all tests, in five variants
	$(Q)$(MAKE) --no-print-directory -j2 lint check-unit check-asan check-tsan check-fuzz
	$(Q)$(PYTEST) --variant ring
	$(Q)$(PYTEST) --variant nopatch
	$(Q)$(PYTEST) --variant off
	$(Q)$(PYTEST) --variant auto
	$(Q)$(PYTEST) --variant denied

# Hostile input to what reads files: libFuzzer makes it, under ASan and UBSan.
FUZZ_SECONDS ?= 60
FUZZ := $(patsubst fuzz/fuzz_%.c,%,$(sort $(wildcard fuzz/fuzz_*.c)))
FUZZ_BUILD := $(BUILD)-fuzz
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_OBJ := $(patsubst %.c,$(FUZZ_BUILD)/%.o,$(CLI_SRC) fuzz/target.c)

# The command's main() is not needed, and in the way.
$(FUZZ_BUILD)/%.o: %.c $(wildcard cli/*.h fuzz/*.h format/*.h)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) -g -O1 $(filter-out -MMD -MP,$(CLI_CFLAGS)) -Wno-missing-prototypes -Dmain=shim_main \
		$(SANITIZE) -c -o $@ $<

$(FUZZ_BUILD)/%: fuzz/fuzz_%.c $(FUZZ_OBJ) $(FUZZ_MAIN)
	$(say) LINK $@
	$(Q)$(CC) -g -O1 $(filter-out -MMD -MP,$(CLI_CFLAGS)) $(SANITIZE) $(FUZZ_LINK) -o $@ $(filter %.c %.o,$^) $(CLI_LIBS)

fuzz-targets: $(addprefix $(FUZZ_BUILD)/,$(FUZZ))

fuzz: setup ## fuzz what reads files, FUZZ_SECONDS=60 for each target
	$(Q)$(MAKE) --no-print-directory CC=clang SANITIZE='$(FUZZ_SANITIZE) -fsanitize=fuzzer-no-link' \
		FUZZ_LINK=-fsanitize=fuzzer fuzz-targets
	$(Q)for t in $(FUZZ); do \
		echo "fuzz: $$t, $(FUZZ_SECONDS) s"; mkdir -p $(FUZZ_BUILD)/corpus/$$t; \
		$(FUZZ_BUILD)/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
			-close_fd_mask=3 -print_final_stats=1 -artifact_prefix=$(FUZZ_BUILD)/found-$$t- \
			$(FUZZ_BUILD)/corpus/$$t fuzz/seeds/$$t >$(FUZZ_BUILD)/$$t.log 2>&1 || \
			{ tail -n 40 $(FUZZ_BUILD)/$$t.log; exit 1; }; \
		grep -E '^stat::(number|new|average)|^Done' $(FUZZ_BUILD)/$$t.log; \
	done

check-fuzz: ## what the fuzzers begin with, and what they have found, once
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)-replay SANITIZE='$(FUZZ_SANITIZE)' FUZZ_MAIN=fuzz/replay.c fuzz-targets
	$(Q)for t in $(FUZZ); do \
		timeout 300 $(BUILD)-replay-fuzz/$$t fuzz/seeds/$$t/* >$(BUILD)-replay-fuzz/$$t.log 2>&1 || \
			{ tail -n 40 $(BUILD)-replay-fuzz/$$t.log; exit 1; }; \
		echo "$$t: $$(ls fuzz/seeds/$$t | wc -l) files"; \
	done
.PHONY: fuzz fuzz-targets check-fuzz

stress: build programs ## minutes of threads, signals, jumps, cancels and forks
	$(Q)for seed in 1 2 3 4 5 6; do for wait in native ring; do \
		echo "storm: 20 s, seed $$seed, SHIM_WAIT=$$wait"; \
		SHIM_WAIT=$$wait LD_PRELOAD=$(abspath $(BUILD))/libshim.so timeout 120 $(BUILD)/programs/storm 20 $$seed || exit 1; \
	done; done

demo: setup build ## run real programs natively and under the library, and compare
	$(Q)sh tests/demo.sh

setup: # install what is missing, or say what it is
	$(Q).ci/setup
.PHONY: setup

coverage: setup build ## which share of the calls of common programs is seen (COVERAGE_ARGS=...)
	$(Q)$(PYTHON) tests/coverage.py --build $(BUILD) $(COVERAGE_ARGS)
.PHONY: coverage

bench: build $(BENCHES) ## the four below, one after the other: half an hour (BENCH_ARGS=--quick)
	$(Q)for what in calls traces servers trees; do \
		echo "== bench-$$what"; \
		$(MAKE) --no-print-directory -j1 "bench-$$what" || exit; \
	done

bench-calls: build $(BENCHES) ## single calls, ping-pong, start-up, memory: ratios of medians, side by side
	$(Q)$(PYTHON) bench/bench.py --build $(BUILD) $(BENCH_ARGS)
.PHONY: bench-calls

bench-traces: build ## dd under shim trace, strace, perf trace (BENCH_ARGS=--quick)
	$(Q)$(PYTHON) bench/traces.py --build $(BUILD) $(BENCH_ARGS)
.PHONY: bench-traces

bench-servers: build ## redis, nginx and PostgreSQL under load (BENCH_ARGS=--quick)
	$(Q)$(PYTHON) bench/servers.py --build $(BUILD) $(BENCH_ARGS)
.PHONY: bench-servers

bench-trees: build $(BUILD)/bench/treeread ## SHIM_MODE=auto on cold and hot trees; root, ten minutes (BENCH_ARGS=--quick)
	$(Q)$(PYTHON) bench/trees.py --build $(BUILD) $(BENCH_ARGS)
.PHONY: bench-trees

$(BUILD)/bench/%: bench/%.c bench/bench.h
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) -O2 -g -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -pthread -o $@ $< -luring

TIDY := -*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-bugprone-assignment-in-if-condition,-bugprone-macro-parentheses,-bugprone-not-null-terminated-result,clang-analyzer-*,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,-clang-analyzer-security.insecureAPI.strcpy,-clang-analyzer-valist.Uninitialized
LINT_C := $(filter %.c,$(LIB_SRC))
lint: ## compile with gcc and clang -Werror, clang-tidy, cppcheck, shellcheck
	$(Q)$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)-clang build
	$(Q)clang-tidy --quiet --warnings-as-errors='*' --checks='$(TIDY)' $(LINT_C) -- $(filter-out -MMD -MP -Werror,$(SHIM_CFLAGS)) 2>/dev/null
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,portability --suppress=unknownMacro:*calls.def -D__x86_64__ -DSHIM_VERSION='""' -I. -Isrc -Iinterpose $(LINT_C)
	$(Q)clang-tidy --quiet --warnings-as-errors='*' --checks='$(TIDY)' $(CLI_SRC) -- $(filter-out -MMD -MP -Werror,$(CLI_CFLAGS)) 2>/dev/null
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,portability -D__x86_64__ -DSHIM_VERSION='""' -DSHIM_LIBDIR='""' $(CLI_SRC) $(wildcard fuzz/*.c)
	$(Q)shellcheck .ci/run .ci/setup tests/*.sh cli/completion.bash

install: build ## install below DESTDIR/PREFIX
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR) $(DESTDIR)$(DOCDIR) $(DESTDIR)$(COMPDIR) \
		$(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7
	install -m 755 $(BUILD)/shim $(DESTDIR)$(BINDIR)/shim
	install -m 755 $(BUILD)/libshim.so $(DESTDIR)$(LIBDIR)/libshim.so
	install -m 644 README.md NEWS.md LICENSE docs/*.md $(DESTDIR)$(DOCDIR)
	install -m 644 docs/man/shim.1 $(DESTDIR)$(MANDIR)/man1/shim.1
	install -m 644 docs/man/shim-trace.5 $(DESTDIR)$(MANDIR)/man5/shim-trace.5
	install -m 644 docs/man/libshim.7 $(DESTDIR)$(MANDIR)/man7/libshim.7
	install -m 644 cli/completion.bash $(DESTDIR)$(COMPDIR)/shim

uninstall: ## remove what install has put there
	rm -f $(DESTDIR)$(BINDIR)/shim $(DESTDIR)$(LIBDIR)/libshim.so $(DESTDIR)$(COMPDIR)/shim \
		$(DESTDIR)$(MANDIR)/man1/shim.1 $(DESTDIR)$(MANDIR)/man5/shim-trace.5 \
		$(DESTDIR)$(MANDIR)/man7/libshim.7
	rm -rf $(DESTDIR)$(DOCDIR)
	-rmdir $(DESTDIR)$(LIBDIR)

# Debian's own tools make the package, in a copy of what they need: they write
# beside the sources, and a debian/ at the top would be in a packager's way.
DEB := $(BUILD)/libshim_$(VERSION)_amd64.deb
DEB_TOP := $(BUILD)/deb/libshim-$(VERSION)
DEB_SRC := Makefile README.md NEWS.md LICENSE format src interpose cli docs packaging/debian

deb: ## build build/libshim_VERSION_amd64.deb
	$(say) DEB $(DEB)
	$(Q)rm -rf $(BUILD)/deb $(DEB) && mkdir -p $(DEB_TOP) && cp -R $(DEB_SRC) $(DEB_TOP)
	$(Q)time=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null)} || time=$$(stat -c %Y NEWS.md); \
		printf 'libshim (%s) unstable; urgency=medium\n\n  * See NEWS.md.\n\n -- %s  %s\n' '$(VERSION)' \
		"$$(sed -n 's/^Maintainer: //p' packaging/debian/control)" \
		"$$(LC_ALL=C date -uRd "@$$time")" >$(DEB_TOP)/debian/changelog
	$(Q)(cd $(DEB_TOP) && env -u MAKEFLAGS -u MFLAGS dpkg-buildpackage -b -us -uc) >$(BUILD)/deb/log 2>&1 || \
		{ tail -n 30 $(BUILD)/deb/log; exit 1; }
	$(Q)cp $(BUILD)/deb/$(notdir $(DEB)) $(DEB)

check-deb: setup deb ## install the package on a new Debian, use it, remove it (root)
	$(Q)tests/check_deb.sh $(DEB)
.PHONY: deb check-deb

clean: ## remove everything that was built
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-clang $(BUILD)-fuzz \
		$(BUILD)-replay-fuzz

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
