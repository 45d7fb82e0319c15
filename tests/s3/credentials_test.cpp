// Where credentials come from, shown by what the real server accepts.
#include <gtest/gtest.h>

#include "s3/server.hpp"
#include "support/child.hpp"
#include "support/places.hpp"

namespace rtpx {
namespace {

using test::S3Server;
using test::TempDir;
using test::write_file;

/// Sets environment variables, and gives them back their values.
class Environment {
 public:
  explicit Environment(const std::map<std::string, std::string>& values) {
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
                             "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
                             "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"})
      set(name, nullptr);
    set("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    set("AWS_CONFIG_FILE", "/nonexistent");
    for (const auto& [name, value] : values) set(name, value.c_str());
  }
  ~Environment() {
    for (const auto& [name, value] : before_) put(name, value ? value->c_str() : nullptr);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const std::string& name, const char* value) {
    const char* old = std::getenv(name.c_str());
    before_.try_emplace(name, old != nullptr ? std::optional<std::string>(old) : std::nullopt);
    put(name, value);
  }
  static void put(const std::string& name, const char* value) {
    if (value != nullptr)
      ::setenv(name.c_str(), value, 1);
    else
      ::unsetenv(name.c_str());
  }
  std::map<std::string, std::optional<std::string>> before_;
};

Result<std::vector<S3Object>> list_with(S3Server* server, const std::map<std::string, std::string>& values,
                                        const std::string& profile = "") {
  const Environment environment(values);
  S3TransferOptions options;
  options.config = server->config();
  options.config.credentials.reset();
  options.config.profile = profile;
  options.retry_for = std::chrono::seconds(5);
  return list_objects({server->make_bucket(), ""}, options);
}

TEST(S3Credentials, WithoutAnyTheErrorSaysWhereTheyWereLookedFor) {
  const Environment environment({});
  S3TransferOptions options;
  options.config.endpoint = "http://127.0.0.1:1";
  const auto listed = list_objects({"bucket", ""}, options);
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, Errc::denied);
  EXPECT_NE(listed.error().message.find("AWS_ACCESS_KEY_ID"), std::string::npos);
  EXPECT_NE(listed.error().message.find("/nonexistent"), std::string::npos);
}

TEST(S3Credentials, ComeFromTheEnvironmentAndFromAProfileOfTheSharedFile) {
  RTPX_NEEDS_S3(server);
  const auto [key, secret, token] = *server->config().credentials;
  EXPECT_TRUE(list_with(server, {{"AWS_ACCESS_KEY_ID", key}, {"AWS_SECRET_ACCESS_KEY", secret}}));
  EXPECT_EQ(list_with(server, {{"AWS_ACCESS_KEY_ID", key}, {"AWS_SECRET_ACCESS_KEY", "x"}}).error().code,
            Errc::denied);

  TempDir dir;
  write_file(dir / "credentials",
             "[default]\naws_access_key_id = nobody\naws_secret_access_key = x\n\n[work]\n"
             "aws_access_key_id = " +
                 key + "\naws_secret_access_key=" + secret + "\n");
  const std::string file = dir / "credentials";
  EXPECT_FALSE(list_with(server, {{"AWS_SHARED_CREDENTIALS_FILE", file}}));
  EXPECT_TRUE(list_with(server, {{"AWS_SHARED_CREDENTIALS_FILE", file}, {"AWS_PROFILE", "work"}}));
  EXPECT_TRUE(list_with(server, {{"AWS_SHARED_CREDENTIALS_FILE", file}}, "work"));
}

TEST(S3Credentials, ComeFromAContainersEndpointAndFromAWebIdentity) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  const auto credentials = *server->config().credentials;
  const std::string port = std::to_string(server->spare_port());
  test::Child source({test::source_dir() / "tests/s3/credential_server.py", port, credentials.access_key_id,
                      credentials.secret_access_key});
  ASSERT_TRUE(source.wait_for("ready"));
  const std::string endpoint = "http://127.0.0.1:" + port;
  write_file(dir / "token", "container-token\n");
  const auto container = list_with(server, {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint + "/container"},
                                            {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", dir / "token"}});
  EXPECT_TRUE(container) << container.error().message;
  write_file(dir / "identity", "web+token==\n");
  std::map<std::string, std::string> identity = {{"AWS_WEB_IDENTITY_TOKEN_FILE", dir / "identity"},
                                                 {"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"},
                                                 {"AWS_ENDPOINT_URL_STS", endpoint}};
  const auto accepted = list_with(server, identity);
  EXPECT_TRUE(accepted) << accepted.error().message;
  write_file(dir / "identity", "stolen");
  const auto refused = list_with(server, identity);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("refused the web identity"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(refused.error().message.find("stolen"), std::string::npos) << "no token in an error";
}

}  // namespace
}  // namespace rtpx
