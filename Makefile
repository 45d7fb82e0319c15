# make demo and make test install what is missing first (as root, or through sudo).
.DEFAULT_GOAL := build

build: deps ## the command, at build/release/rtpx
	cmake --preset release && cmake --build --preset release --target rtpx_cli examples/all
demo: build ## record, convert, serve: ends with a file to play and a page to look at
	tools/demo
test: deps ## everything that CI runs
	tools/check
test-s3-ceph: deps ## the tests of S3 again, against Ceph's radosgw
	tools/install-deps ceph
	cmake --preset dev && cmake --build --preset dev --target s3_test s3_command_test
	RTPX_S3_SERVER=ceph RTPX_REQUIRE_CAPTURES=1 ctest --preset dev -R '^s3_(command_)?test$$'
soak: build ## what takes hours; results go into docs/soak.md
	tools/soak
bench: build ## ratios against peers and the floor
	cmake --build --preset release --target bench/all
	tools/bench
fuzz: deps ## each target for a minute
	tools/fuzz 60
coverage: deps ## the lines of the parsers that the fuzz corpora reach
	tools/coverage
deps:
	@tools/install-deps

.PHONY: build demo test test-s3-ceph soak bench fuzz coverage deps
