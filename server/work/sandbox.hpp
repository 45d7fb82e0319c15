#pragma once

#include <linux/filter.h>

#include <vector>

namespace rtpx::server {

/// What keeps a child that parses hostile media from the network and from other processes: a filter of system
/// calls (seccomp). No socket can be made, no process be signalled or looked into, no other kernel door be
/// opened. Empty where the kernel or the machine has no such filter: then the child runs without.
[[nodiscard]] const std::vector<sock_filter>& no_network_filter();

/// Puts the calling process, for good, under a filter. Async-signal-safe: for a child before its exec. False
/// when the kernel refuses.
[[nodiscard]] bool enter(const std::vector<sock_filter>& filter) noexcept;

}  // namespace rtpx::server
