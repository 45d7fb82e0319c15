#include "s3/swift.hpp"

#include <unistd.h>

#include <cstdlib>

#include "s3/client.hpp"

namespace rtpx::test {
namespace {

constexpr const char* kScripts = RTPX_SOURCE_DIR "/tests/s3/";

S3Config config_for(int port) {
  S3Config config;
  config.endpoint = "http://127.0.0.1:" + std::to_string(port);
  config.credentials = S3Credentials{"t:t", "SKTEST", ""};
  config.region = "us-east-1";
  config.low_speed_time = std::chrono::seconds(2);
  return config;
}

}  // namespace

SwiftServer* SwiftServer::get() {
  static const std::unique_ptr<SwiftServer> server = [] {
    const bool installed = std::system("command -v swift-proxy-server memcached >/dev/null 2>&1") == 0;
    return std::unique_ptr<SwiftServer>(installed ? new SwiftServer : nullptr);
  }();
  return server.get();
}

SwiftServer::SwiftServer() : port_(20000 + ::getpid() % 4000 * 8) {
  server_ = std::make_unique<Child>(std::vector<std::string>{std::string(kScripts) + "swift_server",
                                                             folder_ / "swift", std::to_string(port_)});
  if (!server_->wait_for("ready")) std::abort();
  relay_ = std::make_unique<Child>(std::vector<std::string>{
      "python3", std::string(kScripts) + "fault_proxy.py", std::to_string(port_ + 5), std::to_string(port_)});
  if (!relay_->wait_for("ready")) std::abort();
}

S3Config SwiftServer::config() const {
  return config_for(port_);
}
S3Config SwiftServer::relay_config() const {
  return config_for(port_ + 5);
}

void SwiftServer::relay(const std::string& command) {
  relay_->send(command);
  relay_->wait_for("ok");
}

std::string SwiftServer::make_bucket() {
  const std::string name = "rtpx-" + std::to_string(::getpid()) + "-" + std::to_string(++buckets_);
  s3::Client client(config());
  s3::RetryBudget budget(std::chrono::seconds(10));
  s3::Md5 md5{};
  // Creating a bucket is a PUT of its own URL: an object with an empty key.
  if (auto made = client.put({name, ""}, std::string(), md5, {budget, {}}); !made) {
    ADD_FAILURE() << made.error().message;
  }
  return name;
}

}  // namespace rtpx::test
