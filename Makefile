# Shorthands for ./rtpx-dev, which needs no make.
.DEFAULT_GOAL := build

build demo test soak senders bench fuzz coverage deps dist deb deb-test test-s3-ceph:
	@./rtpx-dev $@
test-debian13: ## build and tests on a fresh Debian 13
	@./rtpx-dev debian trixie test

.PHONY: build demo test soak senders bench fuzz coverage deps dist deb deb-test test-s3-ceph test-debian13
