// The table of routes, its description in web/openapi.json, and credentials.
#include "server/front/routes.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "s3/digest.hpp"
#include "server/front/credentials.hpp"
#include "server/live/public_address.hpp"
#include "support/places.hpp"

using namespace rtpx;
using namespace rtpx::server;
using namespace std::chrono_literals;

TEST(Routes, AreTheOnesThatOpenapiDescribes) {
  std::ifstream file(test::source_dir() / "web/openapi.json");
  const auto openapi = nlohmann::json::parse(file);
  std::set<std::string> described, served;
  for (const auto& [path, methods] : openapi["paths"].items())
    for (const auto& [method, operation] : methods.items()) {
      if (method == "parameters") continue;
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      const bool is_public = operation.contains("security") && operation["security"].empty();
      described.insert(upper + " " + path + (is_public ? " public" : ""));
    }
  std::set<std::string> page;
  for (const Route& route : page_routes()) page.insert(std::string(route.pattern));
  for (const Route& route : routes())
    if (!page.contains(std::string(route.pattern)))
      served.insert(std::string(route.method) + " " + std::string(route.pattern) +
                    (route.need == Need::nothing ? " public" : ""));
  EXPECT_EQ(described, served);
}

TEST(Routes, APatternWithoutAPlaceholderGoesFirst) {
  std::vector<std::string> captured;
  EXPECT_EQ(routes_of({"api", "recordings", "x"}, captured).size(), 3U);
  EXPECT_EQ(captured, std::vector<std::string>{"x"});
  captured.clear();
  EXPECT_EQ(routes_of({}, captured).front()->pattern, "/");
  EXPECT_TRUE(routes_of({"api"}, captured).empty());
  EXPECT_TRUE(routes_of({"api", "recordings", "x", "y"}, captured).empty());
}

class CredentialsTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("rtpx-credentials-" + std::to_string(::getpid()));
  const std::filesystem::path key_ = folder_ / "key";
};

TEST_F(CredentialsTest, TokensOfAFileHaveTheirScopes) {
  const auto line = [](const std::string& scopes, const std::string& token) {
    return scopes + " " + s3::hex(s3::sha256(token)) + " name # why\n";
  };
  write("tokens", "# all of them\n\n" + line("record", "r") + line("view,record", "v") + line("admin", "a"));
  Credentials credentials;
  ASSERT_TRUE(credentials.load({"", "", folder_ / "tokens", key_}));
  EXPECT_TRUE(credentials.required());
  EXPECT_FALSE(credentials.scopes_of_token(""));
  EXPECT_FALSE(credentials.scopes_of_token(s3::hex(s3::sha256("r"))));
  EXPECT_TRUE(credentials.scopes_of_token("r")->record);
  EXPECT_FALSE(credentials.scopes_of_token("r")->view);
  EXPECT_TRUE(credentials.scopes_of_token("v")->view);
  EXPECT_FALSE(credentials.scopes_of_token("v")->admin);
  EXPECT_TRUE(credentials.scopes_of_token("a")->view);
  for (const char* bad : {"", "all 00", "view", "view zz", "view 1234"}) {
    write("tokens", bad);
    EXPECT_FALSE(credentials.load({"", "", folder_ / "tokens", key_})) << bad;
    EXPECT_TRUE(credentials.scopes_of_token("r")) << "what was read before stays";
  }
}

TEST_F(CredentialsTest, ASessionEndsByItselfAndWithItsToken) {
  Credentials credentials;
  ASSERT_TRUE(credentials.load({"sesame", "", "", key_}));
  EXPECT_FALSE(credentials.open_session("wrong", 1h));
  const std::string session = *credentials.open_session("sesame", 1h);
  EXPECT_EQ(session.find("sesame"), session.npos);
  EXPECT_TRUE(credentials.scopes_of_session(session));
  EXPECT_FALSE(credentials.scopes_of_session("9" + session));
  EXPECT_FALSE(credentials.scopes_of_session(session.substr(0, session.size() - 1)));
  EXPECT_FALSE(credentials.scopes_of_session(""));
  EXPECT_FALSE(credentials.scopes_of_session(*credentials.open_session("sesame", -1s)));
  EXPECT_FALSE(credentials.scopes_of_token(session)) << "a session is no token";
  Credentials restarted;
  ASSERT_TRUE(restarted.load({"sesame", "", "", key_}));
  EXPECT_TRUE(restarted.scopes_of_session(session));
  ASSERT_TRUE(restarted.load({"another", "", "", key_}));
  EXPECT_FALSE(restarted.scopes_of_session(session));
  EXPECT_EQ(std::filesystem::status(key_).permissions(), std::filesystem::perms(0600));
}

TEST_F(CredentialsTest, ALinkIsForOneRecordingUntilItsEnd) {
  Credentials credentials;
  ASSERT_TRUE(credentials.load({"sesame", "", "", key_}));
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string link = credentials.sign_link("20261128-100000", now + 1h);
  EXPECT_TRUE(credentials.link_is_good("20261128-100000", link));
  EXPECT_FALSE(credentials.link_is_good("20261128-100001", link));
  EXPECT_FALSE(credentials.link_is_good("20261128-100000", "9" + link));
  EXPECT_FALSE(credentials.link_is_good("20261128-100000", ""));
  EXPECT_FALSE(
      credentials.link_is_good("20261128-100000", credentials.sign_link("20261128-100000", now - 1s)));
  EXPECT_FALSE(credentials.scopes_of_session(link));
}

TEST(PublicAddress, IsNeitherThisMachineNorItsNeighboursNorAWayToThem) {
  for (const char* outside : {"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "192.167.0.1", "100.63.0.1",
                              "2606:4700::1111", "64:ff9b::808:808", "223.255.255.255"})
    EXPECT_TRUE(is_public(*http::IpAddress::parse(outside))) << outside;
  for (const char* inside :
       {"127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1",
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "fe80::1", "fc00::1", "fd12::1", "fec0::1", "ff02::1",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001::1", "2001:db8::1", "100::1"})
    EXPECT_FALSE(is_public(*http::IpAddress::parse(inside))) << inside;
}
