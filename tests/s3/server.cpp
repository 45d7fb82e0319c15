#include "s3/server.hpp"

#include <unistd.h>

#include "s3/client.hpp"
#include "support/places.hpp"

namespace rtpx::test {
namespace {

const std::string kScripts = test::source_dir() / "tests/s3/";
constexpr int kRelay = 5;  // the servers use the ports before it
constexpr int kOther = 7;

std::unique_ptr<Child> start(std::vector<std::string> command) {
  command.front() = kScripts + command.front();
  auto child = std::make_unique<Child>(command);
  if (!child->wait_for("ready")) {
    std::fprintf(stderr, "%s does not start\n", command.front().c_str());
    std::abort();
  }
  return child;
}

}  // namespace

namespace {

S3Config config_at(int port, S3Credentials credentials) {
  S3Config config;
  config.endpoint = "http://127.0.0.1:" + std::to_string(port);
  config.credentials = std::move(credentials);
  config.region = "us-east-1";
  config.low_speed_time = std::chrono::seconds(2);
  return config;
}

const S3Credentials kStubCredentials{"STUBKEY", "SKSTUB/abc+def", ""};

/// Creating a bucket is a PUT of its own URL: an object with an empty key.
std::string create_bucket(const S3Config& config, int number) {
  const std::string name = "rtpx-" + std::to_string(::getpid()) + "-" + std::to_string(number);
  s3::Client client(config);
  s3::RetryBudget budget(std::chrono::seconds(60));
  if (auto made = client.put({name, ""}, std::string(), {budget, {}}); !made)
    ADD_FAILURE() << made.error().message;
  return name;
}

}  // namespace

StubServer::StubServer(int port)
    : port_(port), child_(start({"stub_server", folder_.path(), std::to_string(port)})) {}

S3Config StubServer::config() const {
  return config_at(port_, kStubCredentials);
}

void StubServer::tell(const std::string& command) {
  child_->send(command);
  child_->wait_for("ok");
}

int StubServer::sums_without_names() {
  child_->send("unnamed");
  int count = -1;
  (void)std::sscanf(child_->read_line().c_str(), "unnamed %d", &count);
  return count;
}

std::string StubServer::make_bucket() {
  return create_bucket(config(), ++buckets_);
}

S3Server* S3Server::get() {
  static const std::unique_ptr<S3Server> server = [] {
    const char* wanted = std::getenv("RTPX_S3_SERVER");
    const std::string name = wanted != nullptr ? wanted : "swift";
    const Kind kind = name == "ceph" ? Kind::ceph : name == "stub" ? Kind::stub : Kind::swift;
    const bool there =
        kind == Kind::ceph
            ? installed("radosgw") && installed("ceph-mon") && installed("ceph-osd")
            : kind == Kind::stub || (installed("swift-proxy-server") && installed("memcached"));
    return std::unique_ptr<S3Server>(there ? new S3Server(kind) : nullptr);
  }();
  return server.get();
}

S3Server::S3Server(Kind kind) : kind_(kind), port_(20000 + ::getpid() % 1500 * 8) {
  static constexpr const char* kNames[] = {"swift_server", "ceph_server", "stub_server"};
  server_ = start({kNames[static_cast<int>(kind)], folder_ / "server", std::to_string(port_)});
  relay_ = start({"fault_proxy.py", std::to_string(port_ + kRelay), std::to_string(port_)});
}

StubServer& S3Server::other() {
  if (!other_) other_ = std::make_unique<StubServer>(port_ + kOther);
  return *other_;
}

S3Config S3Server::config_for(int port) const {
  if (kind_ == Kind::stub) return config_at(port, kStubCredentials);
  return config_at(port, kind_ == Kind::ceph ? S3Credentials{"AKTEST", "SKTEST/abc+def", ""}
                                             : S3Credentials{"t:t", "SKTEST", ""});
}

S3UploadConfig upload_config(const S3Config& service, const std::string& bucket,
                             const std::string& base_path) {
  S3UploadConfig config;
  config.bucket_name = bucket;
  config.base_path = base_path;
  config.overrides = service;
  config.overrides.part_bytes = 5U << 20;
  return config;
}

S3Config S3Server::config() const {
  return config_for(port_);
}
S3Config S3Server::relay_config() const {
  return config_for(port_ + kRelay);
}

std::vector<std::string> S3Server::with_environment(std::vector<std::string> command) const {
  const S3Config config = relay_config();
  std::vector<std::string> out = {"env", "AWS_ENDPOINT_URL_S3=" + config.endpoint,
                                  "AWS_ACCESS_KEY_ID=" + config.credentials->access_key_id,
                                  "AWS_SECRET_ACCESS_KEY=" + config.credentials->secret_access_key};
  out.insert(out.end(), command.begin(), command.end());
  return out;
}

void S3Server::relay(const std::string& command) {
  relay_->send(command);
  relay_->wait_for("ok");
}

S3Server::Traffic S3Server::traffic() {
  relay_->send("count");
  Traffic out{};
  if (std::sscanf(relay_->read_line().c_str(), "count %d %lu", &out.requests, &out.body_bytes) != 2)
    ADD_FAILURE() << "the relay counts nothing";
  return out;
}

std::uint64_t S3Server::received() {
  relay_->send("received");
  unsigned long bytes = 0;
  if (std::sscanf(relay_->read_line().c_str(), "received %lu", &bytes) != 1) ADD_FAILURE() << "the relay counts nothing";
  return bytes;
}

int S3Server::seen(const std::string& text) {
  relay_->send("seen " + text);
  int count = -1;
  (void)std::sscanf(relay_->read_line().c_str(), "seen %d", &count);
  return count;
}

void S3Server::down() {
  server_->send("down");
  server_->wait_for("ok");
}

void S3Server::up() {
  server_->send("up");
  server_->wait_for("ok");
}

std::string S3Server::make_bucket() {
  S3Config patient = config();
  // After a kill, radosgw waits for the dead one's answers.
  patient.low_speed_time = std::chrono::seconds(30);
  return create_bucket(patient, ++buckets_);
}

}  // namespace rtpx::test
