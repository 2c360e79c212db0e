# From a fresh Debian to a running Brindle: `make run`. Behind each target is Meson, which packagers
# use directly: meson setup, compile, test, install.
BUILD = build
PREFIX = /usr/local

all: deps
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) --prefix=$(PREFIX)
	@ninja -C $(BUILD) brindle

run: all
	$(BUILD)/brindle demo

test:
	@tools/deps.sh build test
	@tools/test.sh

bench: all
	@tools/bench.sh $(BUILD)

fuzz:
	@tools/deps.sh build test
	@tools/fuzz.sh

soak:
	@tools/deps.sh build test
	@tools/soak.sh $(TIMES)

sim:
	@tools/deps.sh build test
	@BUILD=build-test tools/sim.sh $(SEEDS)

install: all
	meson install -C $(BUILD) --no-rebuild

deps:
	@tools/deps.sh build

clean:
	rm -rf build build-*

.PHONY: all run test bench fuzz soak sim install deps clean
