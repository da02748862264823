# A thin front for meson and ninja. Directories: build (release), build-asan, build-fuzz, build-cover.
#
#   make [all]        programs in build/            make lint    size caps, include edges, static checks
#   make check        dependencies, build, tests    make cover   line coverage per folder
#   make asan         tests with ASan and UBSan     make bench   benchmarks (quiet machine, please)
#   make soak         KILLS=50: agent and server killed that often, nothing may be lost
#   make fuzz         FUZZ_SECONDS=20 per target    make fmt     clang-format over all sources
#   make demo         both stories, left running to be explored; ARGS=--exit: checked and ended
#   make demo-stop    ends what make demo left      make tour    the engine by a capture and a command; ARGS=--exit
#   make install      DESTDIR=, PREFIX=/usr/local
#   make screenshots  of the console, docs/screenshots

BUILD        ?= build
PREFIX       ?= /usr/local
FUZZ_SECONDS ?= 20
# Worlds of 1,000 events each that the matcher is compared in; millions of events: PROPERTY_WORLDS=5000.
PROPERTY_WORLDS ?= 200
ARGS         ?=
KILLS        ?= 50

MESON_TEST = meson test --print-errorlogs

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@meson setup --prefix $(PREFIX) $(BUILD)

check:
	@tools/deps.sh build test
	@$(MAKE) --no-print-directory all
	@$(MESON_TEST) -C $(BUILD) $(ARGS); status=$$?; tools/totals.py $(BUILD) && exit $$status

build-asan/build.ninja:
	@meson setup --buildtype debug -Doptimization=1 -Dwerror=false -Db_lundef=false \
		-Db_sanitize=address,undefined build-asan

asan: build-asan/build.ninja
	@ninja -C build-asan
	@$(MESON_TEST) -C build-asan $(ARGS); status=$$?; tools/totals.py build-asan && exit $$status

build-fuzz/build.ninja:
	@CC=clang-14 CXX=clang++-14 meson setup --buildtype debugoptimized -Dwerror=false -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false build-fuzz

fuzz:
	@tools/deps.sh build fuzz
	@$(MAKE) --no-print-directory build-fuzz/build.ninja
	@ninja -C build-fuzz fuzzers tests/property/property-matcher tests/property/property-append
	@build-fuzz/tests/property/property-matcher $(PROPERTY_WORLDS) 1000 $$(date +%s)
	@build-fuzz/tests/property/property-append $(PROPERTY_WORLDS) 1000 $$(date +%s)
	@tools/fuzz.sh build-fuzz $(FUZZ_SECONDS) $(ARGS)

soak: all
	@tools/deps.sh build test
	@tests/delivery/run.py $(BUILD) --kills $(KILLS) --seconds 10 $(ARGS)

lint:
	@tools/deps.sh build lint
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@ninja -C $(BUILD) src/shim/whole_filter.h >/dev/null
	@tools/lint.py --build $(BUILD) $(ARGS)
	@tools/web.sh check

build-cover/build.ninja:
	@meson setup --buildtype debug -Dwerror=false -Db_coverage=true build-cover

cover:
	@tools/deps.sh build test cover
	@$(MAKE) --no-print-directory build-cover/build.ninja
	@ninja -C build-cover
	@find build-cover -name '*.gcda' -delete
	@$(MESON_TEST) -C build-cover $(ARGS)
	@tools/cover.py build-cover

bench: all
	@tools/deps.sh bench
	@meson test -C $(BUILD) --benchmark --verbose --num-processes 1 --timeout-multiplier 0 \
		$(ARGS)

fmt:
	@git ls-files -co --exclude-standard '*.c' '*.h' '*.cc' | xargs clang-format -i

install: $(BUILD)/build.ninja
	@meson configure -Dprefix=$(PREFIX) $(BUILD)
	@ninja -C $(BUILD)
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

# Every screen of the console, light, dark, Japanese and narrow: the tests take them on their way. 6 MB at most.
screenshots: all
	@tools/deps.sh build test screenshots
	@rm -rf docs/screenshots
	@node web/tests/e2e.mjs $(BUILD)/src/server/hinomi-server content --pictures docs/screenshots; status=$$?; \
		pngquant --force --ext .png --speed 1 --strip --quality 40-85 docs/screenshots/*.png && \
		du -bc docs/screenshots/*.png | awk 'END { printf "%.1f MB\n", $$1 / 1e6; exit $$1 > 6e6 }' && exit $$status

# 77: this machine lacks what containers take; it says what.
demo:
	@tools/deps.sh build demo
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@ninja -C $(BUILD) hinomi hinomi-agent hinomi-server src/shim/hinomi-shim tools/demo/cnrig
	@tools/demo/main.py $(BUILD) $(if $(filter --exit,$(ARGS)),check,start) || [ $$? -eq 77 ]

demo-stop:
	@tools/demo/main.py $(BUILD) stop

tour:
	@tools/deps.sh build
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@ninja -C $(BUILD) hinomi
	@BUILD=$(BUILD) tools/tour.sh $(ARGS)

clean:
	@rm -rf $(BUILD) build-asan build-fuzz build-cover

.PHONY: all check asan fuzz soak lint cover bench fmt install demo demo-stop tour screenshots clean
