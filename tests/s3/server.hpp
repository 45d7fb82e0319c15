#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "rtpx/s3.hpp"
#include "support/captures.hpp"
#include "support/child.hpp"

namespace rtpx::test {

/// A second S3 service, in memory, that can do what AWS and newer servers do; see stub_server.
class StubServer {
 public:
  explicit StubServer(int port);
  [[nodiscard]] S3Config config() const;
  /// Tells it; see stub_server.
  void tell(const std::string& command);
  [[nodiscard]] std::string make_bucket();
  /// Payload checksums that came without the name of their algorithm.
  [[nodiscard]] int sums_without_names();

 private:
  TempDir folder_;
  int port_, buckets_ = 0;
  std::unique_ptr<Child> child_;
};

/// One S3 server for all tests of the process, and a relay before it that can misbehave. OpenStack Swift, or
/// with RTPX_S3_SERVER=ceph Ceph's radosgw, or with RTPX_S3_SERVER=stub one like that above.
class S3Server {
 public:
  /// Null where the server is not installed.
  static S3Server* get();

  [[nodiscard]] S3Config config() const;        ///< straight to the server
  [[nodiscard]] S3Config relay_config() const;  ///< through the relay
  /// `command` with the AWS variables that lead through the relay.
  [[nodiscard]] std::vector<std::string> with_environment(std::vector<std::string> command) const;
  /// Tells the relay; see fault_proxy.py.
  void relay(const std::string& command);
  /// What went through the relay since the last call.
  struct Traffic {
    int requests;
    std::uint64_t body_bytes;
  };
  Traffic traffic();
  /// Bytes of answers that went through the relay since the last call.
  [[nodiscard]] std::uint64_t received();
  /// Requests through the relay, since it was last told "pass", whose first lines contain `text`.
  [[nodiscard]] int seen(const std::string& text);
  /// Kills the server as by a power cut, and starts it again with what it had stored.
  void down();
  void up();
  /// A new empty bucket.
  [[nodiscard]] std::string make_bucket();
  [[nodiscard]] bool checks_regions() const { return kind_ != Kind::ceph; }
  /// Another service, which has nothing of what this one has.
  [[nodiscard]] StubServer& other();
  /// A port of this process that nothing uses.
  [[nodiscard]] int spare_port() const { return port_ + 6; }

 private:
  enum class Kind : std::uint8_t { swift, ceph, stub };
  explicit S3Server(Kind kind);
  [[nodiscard]] S3Config config_for(int port) const;
  Kind kind_;
  TempDir folder_;
  int port_ = 0;
  std::unique_ptr<Child> server_, relay_;
  std::unique_ptr<StubServer> other_;
  int buckets_ = 0;
};

/// Uploads to `bucket` under `base_path`, in parts as small as S3 allows.
[[nodiscard]] S3UploadConfig upload_config(const S3Config& service, const std::string& bucket,
                                           const std::string& base_path);

/// Runs only where the real server is installed; in CI its absence is a failure.
#define RTPX_NEEDS_S3(variable)                                                                 \
  ::rtpx::test::S3Server* variable = ::rtpx::test::S3Server::get();                             \
  if (variable == nullptr) {                                                                    \
    if (std::getenv("RTPX_REQUIRE_CAPTURES")) FAIL() << "the S3 server is not installed";       \
    GTEST_SKIP() << "install swift-proxy swift-account swift-container swift-object memcached"; \
  }

}  // namespace rtpx::test
