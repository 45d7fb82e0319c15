#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "rtpx/s3.hpp"
#include "s3/child.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

/// One OpenStack Swift for all tests of the process, and a relay before it that can misbehave.
class SwiftServer {
 public:
  /// Null where Swift is not installed.
  static SwiftServer* get();

  [[nodiscard]] S3Config config() const;        ///< straight to the server
  [[nodiscard]] S3Config relay_config() const;  ///< through the relay
  /// Tells the relay; see fault_proxy.py.
  void relay(const std::string& command);
  /// A new empty bucket.
  [[nodiscard]] std::string make_bucket();
  [[nodiscard]] int port() const { return port_; }

 private:
  SwiftServer();
  TempDir folder_;
  int port_ = 0;
  std::unique_ptr<Child> server_, relay_;
  int buckets_ = 0;
};

/// Runs only where the real server is installed; in CI its absence is a failure.
#define RTPX_NEEDS_SWIFT(variable)                                                              \
  ::rtpx::test::SwiftServer* variable = ::rtpx::test::SwiftServer::get();                       \
  if (variable == nullptr) {                                                                    \
    if (std::getenv("RTPX_REQUIRE_CAPTURES")) FAIL() << "OpenStack Swift is not installed";     \
    GTEST_SKIP() << "install swift-proxy swift-account swift-container swift-object memcached"; \
  }

}  // namespace rtpx::test
