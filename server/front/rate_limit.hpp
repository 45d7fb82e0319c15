#pragma once

#include <chrono>
#include <map>
#include <mutex>

#include "server/http/address.hpp"

namespace rtpx::server {

/// So many at once, and then so many a second, for each address (of IPv6: /64). Thread-safe; remembers a
/// bounded number of addresses.
class RateLimit {
 public:
  RateLimit(double a_second, double burst) : rate_(a_second), burst_(burst) {}

  /// True: one more may pass, and is counted.
  [[nodiscard]] bool take(const http::IpAddress& address) { return change(address, 1); }
  /// True: one more might pass.
  [[nodiscard]] bool would_pass(const http::IpAddress& address) { return change(address, 0); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Bucket {
    double left = 0;
    Clock::time_point at;
  };
  bool change(const http::IpAddress& address, double taken);
  void forget_the_full(Clock::time_point now);

  const double rate_, burst_;
  std::mutex mutex_;
  std::map<http::IpAddress, Bucket> buckets_;
};

}  // namespace rtpx::server
