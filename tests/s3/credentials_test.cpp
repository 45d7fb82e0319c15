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
                             "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                             "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"})
      set(name, nullptr);
    set("AWS_EC2_METADATA_DISABLED", "true");
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

/// Stand-ins of the services that hand out credentials; the real ones are AWS's alone.
class CredentialServices : public ::testing::Test {
 protected:
  void SetUp() override {
    RTPX_NEEDS_S3(found);
    server_ = found;
    const auto credentials = *server_->config().credentials;
    const std::string port = std::to_string(server_->spare_port());
    services_ = std::make_unique<test::Child>(
        std::vector<std::string>{test::source_dir() / "tests/s3/credential_server.py", port,
                                 credentials.access_key_id, credentials.secret_access_key});
    ASSERT_TRUE(services_->wait_for("ready"));
    endpoint_ = "http://127.0.0.1:" + port;
    keys_ = "aws_access_key_id = " + credentials.access_key_id +
            "\naws_secret_access_key = " + credentials.secret_access_key + "\n";
  }

  /// Lists with what the profile "p" of this config file gives; answers the error, or an empty text.
  std::string with_config(const std::string& text, std::map<std::string, std::string> values = {}) {
    write_file(dir_ / "config", text);
    values["AWS_CONFIG_FILE"] = dir_ / "config";
    values["AWS_ENDPOINT_URL_STS"] = endpoint_;
    const auto listed = list_with(server_, values, "p");
    return listed ? "" : listed.error().message;
  }

  S3Server* server_ = nullptr;
  std::unique_ptr<test::Child> services_;
  std::string endpoint_, keys_;
  TempDir dir_;
};

TEST_F(CredentialServices, AContainersEndpointAndAWebIdentity) {
  write_file(dir_ / "token", "container-token\n");
  const auto container = list_with(server_, {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint_ + "/container"},
                                             {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", dir_ / "token"}});
  EXPECT_TRUE(container) << container.error().message;
  write_file(dir_ / "identity", "web+token==\n");
  std::map<std::string, std::string> identity = {{"AWS_WEB_IDENTITY_TOKEN_FILE", dir_ / "identity"},
                                                 {"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"},
                                                 {"AWS_ENDPOINT_URL_STS", endpoint_}};
  const auto accepted = list_with(server_, identity);
  EXPECT_TRUE(accepted) << accepted.error().message;
  EXPECT_EQ(with_config("[profile p]\nrole_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = " +
                        std::string(dir_ / "identity") + "\n"),
            "");
  write_file(dir_ / "identity", "stolen");
  const auto refused = list_with(server_, identity);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("refused the web identity"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(refused.error().message.find("stolen"), std::string::npos) << "no token in an error";
}

const std::string kRole =
    "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nexternal_id = x\nrole_session_name = night shift\n";

TEST_F(CredentialServices, ARoleIsTakenOnWithTheKeysOfItsSource) {
  EXPECT_EQ(with_config(kRole + "source_profile = base\n[profile base]\n" + keys_), "");
  EXPECT_EQ(with_config(kRole + "source_profile = p\n" + keys_), "");
  const auto [key, secret, token] = *server_->config().credentials;
  EXPECT_EQ(with_config(kRole + "credential_source = Environment\n",
                        {{"AWS_ACCESS_KEY_ID", key}, {"AWS_SECRET_ACCESS_KEY", secret}}),
            "");
  EXPECT_EQ(
      with_config(kRole + "credential_source = Ec2InstanceMetadata\n",
                  {{"AWS_EC2_METADATA_DISABLED", "false"}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint_}}),
      "");
}

TEST_F(CredentialServices, ARoleThatCannotBeTakenOnSaysWhy) {
  const auto says = [&](const std::string& config, const std::string& what) {
    const std::string error = with_config(config);
    EXPECT_NE(error.find(what), std::string::npos) << error;
    EXPECT_EQ(error.find(server_->config().credentials->secret_access_key), std::string::npos);
  };
  says("[profile p]\nrole_arn = arn:aws:iam::1:role/other\nsource_profile = base\n[profile base]\n" + keys_,
       "Not authorized to assume the role");
  says(kRole + "source_profile = q\n[profile q]\nrole_arn = a\nsource_profile = p\n", "in a circle");
  says(kRole + "source_profile = missing\n", "no profile \"missing\"");
  says(kRole, "neither");
  says(kRole + "mfa_serial = arn:aws:iam::1:mfa/me\nsource_profile = p\n" + keys_, "MFA");
  says("[profile p]\nsso_session = work\nsso_account_id = 1\n",
       "aws configure export-credentials --profile p");
  says("[profile q]\n", "There is no profile \"p\"");
}

TEST_F(CredentialServices, AProcessPrintsCredentials) {
  const auto [key, secret, token] = *server_->config().credentials;
  write_file(dir_ / "keys.json",
             R"({"Version": 1, "AccessKeyId": ")" + key + R"(", "SecretAccessKey": ")" + secret + "\"}");
  const std::string file = dir_ / "keys.json";
  EXPECT_EQ(with_config("[profile p]\ncredential_process = cat '" + file + "'\n"), "");
  const auto says = [&](const std::string& command, const std::string& what) {
    const std::string error = with_config("[profile p]\ncredential_process = " + command + "\n");
    EXPECT_NE(error.find(what), std::string::npos) << error;
  };
  says("false", "exit status 1");
  says("echo {}", "printed no credentials");
  says("yes", "without an end");
}

TEST_F(CredentialServices, AMachinesRoleIsTheLastResort) {
  const std::map<std::string, std::string> machine = {{"AWS_EC2_METADATA_DISABLED", "false"},
                                                      {"AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint_}};
  const auto listed = list_with(server_, machine);
  EXPECT_TRUE(listed) << listed.error().message;
}

}  // namespace
}  // namespace rtpx
