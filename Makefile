# dist-train: `make help` says what there is.

CC      ?= cc
CFLAGS  ?= -O3 -g
ARCH    ?= native        # -march=; x86-64-v3 for a binary that runs on any recent x86-64
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
bindir  ?= $(PREFIX)/bin
datadir ?= $(PREFIX)/share
mandir  ?= $(datadir)/man
docdir  ?= $(datadir)/doc/dist-train
owndir   = $(datadir)/dist-train
completionsdir ?= $(datadir)/bash-completion/completions
NP      ?= 2
V       ?= 0             # V=1 shows the commands

ARCH  := $(strip $(ARCH))
V     := $(strip $(V))
QUIET := $(if $(filter 1,$(V)),,@)

# The program of a BUILD of its own lies in it.
PROGRAM := $(if $(filter-out build,$(BUILD)),$(BUILD)/)dist-train

VERSION  := 0.1.0
PKGCONF  ?= pkg-config
# A package that pkg-config knows (ompi-c: Open MPI; mpich; impi: Intel MPI), or a compiler wrapper
# that is asked what it adds (mpicc, mpicc.mpich, mpiicc).
MPI      ?= $(firstword $(foreach name,ompi-c mpich impi,$(shell $(PKGCONF) --exists $(name) && echo $(name))) mpicc)
MPI_SAYS := $(shell { $(PKGCONF) --cflags --libs $(MPI) || $(MPI) -show; } 2>/dev/null)
HDF5     := $(shell $(PKGCONF) --exists hdf5-serial && echo hdf5-serial || echo hdf5)
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
            -Wdouble-promotion -Wwrite-strings -Wformat=2 $(if $(WERROR),-Werror)
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(if $(ARCH),-march=$(ARCH)) -fno-fast-math -fno-math-errno \
             -fno-trapping-math -ffp-contract=off \
             $(WARNINGS) $(SANITIZE) -Iinclude -MMD -MP

# The rooms of src, each of which sees those before it (scripts/lint.sh says which), the headers of
# the libraries that it may use, and of no other.
ROOMS      := base chart nn data dist file run model config train bench report cli
FLAGS_dist  = $(patsubst -I%,-isystem %,$(filter -I% -D%,$(MPI_SAYS)))
FLAGS_file  = $(call system_flags,$(HDF5) spng libzip jansson)
FLAGS_run   = $(call system_flags,libprotobuf-c) -isystem $(BUILD)/run
FLAGS_model = $(call system_flags,libprotobuf-c) -isystem $(BUILD)/model
FLAGS_train = -DDT_BUILD_FLAGS='"$(subst ",,$(subst ',,$(CFLAGS) $(if $(ARCH),-march=$(ARCH))))"'
FLAGS_cli   = -DDT_VERSION='"$(VERSION)"'
LDLIBS      = -pthread $(shell $(PKGCONF) --libs $(HDF5) libxxhash libisal spng libzip jansson libprotobuf-c) -lm \
              $(filter -L% -l% -Wl%,$(MPI_SAYS))

system_flags = $(shell $(PKGCONF) --cflags $(1) | sed 's/-I/-isystem /g')

# Formats that others have defined, src/ROOM/NAME.proto, become C: "NAME.pb-c.h".
PROTOS   := $(wildcard src/*/*.proto)
MESSAGES := $(PROTOS:src/%.proto=$(BUILD)/%.pb-c.o)
PROTOC   ?= protoc

SOURCES := $(foreach room,$(ROOMS),$(sort $(wildcard src/$(room)/*.c)))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/%.o) $(MESSAGES)
LIBRARY := $(filter-out $(BUILD)/cli/main.o,$(OBJECTS))

.PHONY: all
all: $(PROGRAM)  ## the program (default)

$(PROGRAM): $(OBJECTS) $(BUILD)/mpi
	@echo "  LINK  $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(LDLIBS)

$(filter $(BUILD)/run/% $(BUILD)/model/%,$(OBJECTS)): | $(MESSAGES:.o=.h)

# Files that are texts of the program (base/embed.h).
$(BUILD)/model/demo.o: $(wildcard src/model/demo/*)

define room_rule
$(BUILD)/$(1)/%.o: src/$(1)/%.c $(BUILD)/flags
	@mkdir -p $$(@D)
	@echo "  CC    $$<"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(FLAGS_$(1)) -c -o $$@ $$<
endef
$(foreach room,$(ROOMS),$(eval $(call room_rule,$(room))))

$(BUILD)/%.pb-c.c $(BUILD)/%.pb-c.h &: src/%.proto
	@mkdir -p $(@D)
	@echo "  PROTO $<"
	$(QUIET)$(PROTOC) --proto_path=$(<D) --c_out=$(@D) $<

$(MESSAGES): %.o: %.c
	$(QUIET)$(CC) -std=gnu11 $(CFLAGS) $(SANITIZE) $(call system_flags,libprotobuf-c) -c -o $@ $<

# Rebuilds everything when the flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' > $@

# What knows MPI is built again, and all is linked again, when the MPI changes.
$(filter $(BUILD)/dist/%,$(OBJECTS)): $(BUILD)/mpi
$(BUILD)/mpi: FORCE
	@mkdir -p $(@D)
	@[ -n "$(strip $(MPI_SAYS))" ] || { echo "MPI=$(MPI): expected a package that pkg-config knows \
	(ompi-c, mpich), or an mpicc; found neither (scripts/install-deps.sh)" >&2; exit 1; }
	@echo '$(MPI) $(MPI_SAYS)' | cmp -s - $@ || echo '$(MPI) $(MPI_SAYS)' > $@
FORCE:

# Unit tests: one suite a file in tests/unit, one program, one rank.
SUITES       := $(patsubst tests/unit/test_%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
TEST_OBJECTS := $(SUITES:%=$(BUILD)/tests/test_%.o) $(addprefix $(BUILD)/tests/,main.o lock_fixture.o)
TEST_FLAGS    = $(call system_flags,cunit $(HDF5)) -I$(BUILD)/tests -Itests/unit
TEST_LIBS     = $(shell $(PKGCONF) --libs cunit)

$(BUILD)/tests/suites.h: Makefile $(wildcard tests/unit/test_*.c)
	@mkdir -p $(@D)
	@for suite in $(SUITES); do echo "SUITE($$suite)"; done > $@

# Without vectors: at those of fmax GCC 12 breaks down for aarch64.
$(BUILD)/tests/%.o: tests/unit/%.c $(BUILD)/tests/suites.h $(BUILD)/flags
	@echo "  CC    $<"
	$(QUIET)$(CC) $(ALL_CFLAGS) -fno-tree-vectorize $(TEST_FLAGS) -c -o $@ $<

$(BUILD)/unit-tests: $(TEST_OBJECTS) $(LIBRARY)
	@echo "  LINK  $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(TEST_LIBS)

# The gradient check: the network once more, in double.
CHECK_OBJECTS := $(patsubst src/%.c,$(BUILD)/double/%.o,$(filter src/base/%.c src/nn/%.c,$(SOURCES))) \
                 $(BUILD)/double/gradient_check.o

$(BUILD)/double/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $< (double)"
	$(QUIET)$(CC) $(ALL_CFLAGS) -DDT_DOUBLE -c -o $@ $<

$(BUILD)/double/gradient_check.o: tests/unit/gradient_check.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(TEST_FLAGS) -DDT_DOUBLE -c -o $@ $<

$(BUILD)/gradient-check: $(CHECK_OBJECTS)
	@echo "  LINK  $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKGCONF) --libs libxxhash) $(TEST_LIBS) -lm

# Programs that run under mpirun, one a file in tests/mpi; they share its harness.
MPI_TESTS := $(patsubst tests/mpi/%.c,$(BUILD)/mpi-tests/%,\
               $(filter-out %/harness.c %/hold.c %/measure.c,$(sort $(wildcard tests/mpi/*.c))))

$(BUILD)/mpi-tests/%.o: tests/mpi/%.c $(BUILD)/flags $(BUILD)/mpi
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(FLAGS_dist) -Itests/unit -c -o $@ $<

$(MPI_TESTS): %: %.o $(BUILD)/mpi-tests/harness.o $(LIBRARY)
	@echo "  LINK  $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# What holds the program at a place (tests/signals.bats).
$(BUILD)/mpi-tests/hold.so: tests/mpi/hold.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(QUIET)$(CC) $(filter-out $(SANITIZE) -MMD -MP,$(ALL_CFLAGS)) $(FLAGS_dist) -fPIC -shared -o $@ $< -ldl

# What makes allocations fail (tests/allocations.bats).
$(BUILD)/allocations/shim.so: tests/allocations/shim.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(QUIET)$(CC) $(filter-out $(SANITIZE) -MMD -MP,$(ALL_CFLAGS)) -fPIC -shared -o $@ $< -ldl -pthread

# What `make cost-model` measures with.
$(BUILD)/mpi-tests/measure: %: %.o $(LIBRARY)
	@echo "  LINK  $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# What `make test-faults` needs: a library that makes file operations fail, and programs that save
# and damage checkpoints.
FAULT_SHIM := $(addprefix tests/faults/,shim.c calls.c power.c)

$(BUILD)/faults/shim.so: $(FAULT_SHIM) $(wildcard tests/faults/*.h) $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(QUIET)$(CC) $(filter-out $(SANITIZE) -MMD -MP,$(ALL_CFLAGS)) -fPIC -shared -o $@ $(FAULT_SHIM) -ldl -pthread

$(BUILD)/faults/%.o: tests/faults/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(QUIET)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/faults/saves: $(BUILD)/faults/scenarios.o
$(BUILD)/faults/saves $(BUILD)/faults/damage: %: %.o $(BUILD)/faults/sample.o $(LIBRARY)
	@echo "  LINK  $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# An interpreter that has NumPy and h5py: the tests read our files back with it.
PYTHON ?= $(firstword $(foreach python,python3 /usr/bin/python3,$(shell \
            $(python) -c 'import numpy, h5py' 2>/dev/null && echo $(python))) python3)

# What `make test-runs` needs beside the program.
RUN_TESTS := $(MPI_TESTS) $(BUILD)/mpi-tests/hold.so $(BUILD)/faults/shim.so $(BUILD)/allocations/shim.so
.PHONY: test tests test-unit test-gradients test-bits test-runs test-laws test-cluster test-faults
.PHONY: test-allocations test-slurm test-web test-sanitize test-container test-distros test-mpich test-mpich-runs
test: test-unit test-gradients test-runs test-mpich  ## all tests

tests: $(PROGRAM) $(BUILD)/unit-tests $(BUILD)/gradient-check $(RUN_TESTS)  ## the programs of `make test`

test-unit: $(BUILD)/unit-tests  ## unit tests; SUITE=name for one suite
	@$(BUILD)/unit-tests $(SUITE)

test-gradients: $(BUILD)/gradient-check  ## analytic gradients against central differences
	@$(BUILD)/gradient-check

test-bits:  ## the same bits from every compiler, option and CPU that is here
	@tests/bits/run.sh

# A shell that starts them in the background, or nohup, has them ignore signals: not here.
BATS = env --default-signal=HUP,INT,TERM bats

RUNS = PYTHON=$(PYTHON) MPI_TESTS=$(abspath $(BUILD)/mpi-tests) PROGRAM=$(abspath $(PROGRAM)) \
       FAULTS=$(abspath $(BUILD)/faults/shim.so) \
       ALLOCATIONS=$(abspath $(BUILD)/allocations/shim.so) \
       LAUNCHER="$$(scripts/ranks.sh $(abspath $(PROGRAM)))" $(BATS)
test-runs: $(PROGRAM) $(RUN_TESTS)  ## the command line, and runs under mpirun
	@$(RUNS) tests

LAWS := ^(comm|reduce|exchange|track|saver|replicas|stop|same bits|k steps|restarted twice)
test-laws: $(PROGRAM) $(RUN_TESTS)  ## of these: the same bits on any number of ranks, and after a restart
	@$(RUNS) -f '$(LAWS)' $(addprefix tests/,mpi.bats runs.bats restart.bats)

test-cluster: $(PROGRAM)  ## three virtual hosts in network namespaces: as root
	@PYTHON=$(PYTHON) $(BATS) tests/cluster

test-faults: $(PROGRAM) $(addprefix $(BUILD)/faults/,shim.so saves damage)  ## kills, full disks, damaged files; FAULTS=1000 for more
	@$(PYTHON) tests/faults/faults.py $(abspath $(PROGRAM)) $(abspath $(BUILD)/faults) $(FAULTS)

test-allocations: $(PROGRAM) $(BUILD)/allocations/shim.so  ## every allocation of short commands fails; test-runs takes every place
	@ALLOC_ALL=1 $(RUNS) tests/allocations.bats

test-slurm: $(PROGRAM)  ## a Slurm of several nodes on this machine: as root, with its daemons installed
	@PYTHON=$(PYTHON) $(BATS) tests/slurm

# dist and tests/mpi are compiled against MPICH, in a BUILD of their own.
test-mpich: $(PROGRAM)  ## the same bits with MPICH, where it is installed
	@if $(PKGCONF) --exists mpich; then \
	    $(MAKE) --no-print-directory MPI=mpich BUILD=$(BUILD)-mpich OTHER=$(abspath $(PROGRAM)) \
	        test-mpich-runs; \
	else echo "test-mpich: skipped: MPICH is not installed (scripts/install-deps.sh --mpich)"; fi

MPICH_TESTS := $(addprefix $(BUILD)/mpi-tests/,comm reduce exchange stop)
test-mpich-runs: $(PROGRAM) $(MPICH_TESTS)
	@PYTHON=$(PYTHON) MPI_TESTS=$(abspath $(BUILD)/mpi-tests) PROGRAM=$(abspath $(PROGRAM)) \
	    OTHER=$(OTHER) LAUNCHER="$$(scripts/ranks.sh $(abspath $(PROGRAM)))" $(BATS) tests/mpich

test-web: $(PROGRAM)  ## exported networks in onnxruntime and in a browser: Node.js, npm, Chromium
	@PYTHON=$(PYTHON) BUILD=$(abspath $(BUILD)) tests/web/run.sh $(WEB)

test-container:  ## the container's image and steps, from Debian's mirror: as root, with debootstrap and buildah
	@tests/container/run.sh $(CONTAINER_DIR)

test-distros:  ## README's commands on bare Debians: as root, with debootstrap; DISTROS="--whole sid"
	@tests/distros/run.sh $(DISTROS)

SANITIZE_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
test-sanitize:  ## unit tests and gradient check under ASan and UBSan
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-sanitize SANITIZE="$(SANITIZE_FLAGS)" \
	    CFLAGS="-O2 -g" test-unit test-gradients

.PHONY: run bench cost-model lint format clean help install uninstall dist readme
run: $(PROGRAM)  ## train with the quick start's settings on NP ranks
	$$(scripts/ranks.sh $(abspath $(PROGRAM))) -np $(NP) $(PROGRAM) --config configs/quickstart.ini

bench: $(PROGRAM)  ## measure: raw ceiling, 1 and 2 ranks, PyTorch; BENCH_QUICK=1 in a minute
	@scripts/bench.sh $(BUILD)/bench.csv

cost-model: $(PROGRAM) $(BUILD)/mpi-tests/measure  ## what ranks and hosts cost: told and measured
	@PYTHON=$(PYTHON) MEASURE=$(BUILD)/mpi-tests/measure scripts/cost_model.sh $(BUILD)/cost_model.csv

lint:  ## the rules of the house: rooms, guards, line lengths, shell scripts
	@scripts/lint.sh

format:  ## clang-format on all C files
	@clang-format -i $(SOURCES) $(wildcard include/*/*.h src/*/*.h tests/unit/*.[ch] tests/mpi/*.[ch] \
	    tests/faults/*.[ch] tests/allocations/*.c)

clean:  ## remove what was built
	rm -rf $(BUILD) $(BUILD)-sanitize $(BUILD)-mpich $(PROGRAM)

# What install puts where: 'MODE|FILE|DIRECTORY'. uninstall takes the same list.
INSTALLED = '755|$(PROGRAM)|$(bindir)' \
            '644|$(MANUAL)|$(mandir)/man1' \
            '644|$(COMPLETION)|$(completionsdir)' \
            $(foreach config,$(sort $(wildcard configs/*.ini)),'644|$(config)|$(owndir)/configs') \
            '755|scripts/get-mnist.sh|$(owndir)' \
            '755|scripts/run-resilient.sh|$(owndir)' \
            '755|scripts/ranks.sh|$(owndir)' \
            '755|scripts/slurm/train.sbatch|$(owndir)' \
            '644|README.md|$(docdir)' \
            '644|LICENSE|$(docdir)'

MANUAL     := $(BUILD)/dist-train.1
COMPLETION := $(BUILD)/completions/dist-train

# The program writes them from its tables: no other tool is needed.
$(MANUAL) $(COMPLETION): $(PROGRAM)
	@mkdir -p $(@D)
	@echo "  GEN   $@"
	$(QUIET)$(abspath $(PROGRAM)) --generate $(if $(filter %.1,$@),man,bash) > $@.new && mv $@.new $@

install: $(PROGRAM) $(MANUAL) $(COMPLETION)  ## program, manual page, completion, configs, scripts under DESTDIR PREFIX
	@umask 022; IFS='|'; for entry in $(INSTALLED); do \
	    set -- $$entry; \
	    echo "  INST  $(DESTDIR)$$3/$${2##*/}"; \
	    install -D -m $$1 "$$2" "$(DESTDIR)$$3/$${2##*/}" || exit; \
	done

uninstall:  ## remove what install put there, and nothing else
	@IFS='|'; for entry in $(INSTALLED); do \
	    set -- $$entry; \
	    rm -f "$(DESTDIR)$$3/$${2##*/}" || exit; \
	done
	@for directory in '$(owndir)/configs' '$(owndir)' '$(docdir)'; do \
	    [ ! -d "$(DESTDIR)$$directory" ] || \
	        rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$directory" || exit; \
	done

DIST := dist-train-$(VERSION)
dist:  ## dist-train-VERSION.tar.gz of the last commit, the same bytes whenever it is made
	@[ -e .git ] || { echo "make dist: expected a git checkout, found none" >&2; exit 1; }
	@git diff --quiet HEAD || echo "  (changes that are not committed are left out)"
	@echo "  DIST  $(DIST).tar.gz"
	$(QUIET)git -c tar.umask=0022 archive --format=tar --prefix=$(DIST)/ -o $(DIST).tar HEAD
	$(QUIET)gzip -n9f $(DIST).tar

readme: $(PROGRAM)  ## the settings in README.md, from the program's table
	@$(abspath $(PROGRAM)) --generate markdown > $(BUILD)/settings.md
	@sed -e '/<!-- settings:begin -->/r $(BUILD)/settings.md' \
	    -e '/<!-- settings:begin -->/,/<!-- settings:end -->/{/<!-- settings:/!d}' README.md > $(BUILD)/README.md
	@cp $(BUILD)/README.md README.md

help:  ## this text
	@echo "make targets:"
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-18s%s\n", $$1, $$2}'
	@echo "variables: CC CFLAGS ARCH=$(ARCH) MPI=$(MPI) BUILD=$(BUILD) PREFIX=$(PREFIX) DESTDIR NP=$(NP) V=1 WERROR=1"
	@echo "           bindir datadir mandir docdir completionsdir"

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
