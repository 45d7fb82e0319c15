// The parts of the HTTP server that decide: addresses, ranges, who may hold a connection.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/http/file_response.hpp"
#include "server/http/gate.hpp"

using namespace rtpx::http;

namespace {

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

}  // namespace

TEST(HttpAddress, OnlyLiteralsAreAddresses) {
  for (const char* text :
       {"", "127.1", "0x7f.0.0.1", "127.0.0.1.evil.com", "127.evil.com", "[::1]", "::1%lo", "1.2.3.4 "})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(ip(text).is_loopback()) << text;
  for (const char* text : {"128.0.0.1", "::2", "::", "::ffff:10.0.0.1"})
    EXPECT_FALSE(ip(text).is_loopback()) << text;
  EXPECT_EQ(ip("::ffff:10.0.0.1").text(), "10.0.0.1");
  EXPECT_EQ(ip("2001:db8::1").limit_key(), ip("2001:db8::ffff").limit_key());
  EXPECT_NE(ip("2001:db8::1").limit_key(), ip("2001:db8:0:1::1").limit_key());
  EXPECT_NE(ip("10.0.0.1").limit_key(), ip("10.0.0.2").limit_key());
}

TEST(HttpAddress, NetworksContainWhatTheirBitsSay) {
  EXPECT_TRUE(IpNetwork::parse("10.0.0.0/8")->contains(ip("10.200.3.4")));
  EXPECT_FALSE(IpNetwork::parse("10.0.0.0/8")->contains(ip("11.0.0.0")));
  EXPECT_TRUE(IpNetwork::parse("10.0.0.0/9")->contains(ip("10.127.3.4")));
  EXPECT_FALSE(IpNetwork::parse("10.0.0.0/9")->contains(ip("10.128.3.4")));
  EXPECT_TRUE(IpNetwork::parse("::1")->contains(ip("::1")));
  EXPECT_FALSE(IpNetwork::parse("::1")->contains(ip("::3")));
  EXPECT_TRUE(IpNetwork::parse("0.0.0.0/0")->contains(ip("1.2.3.4")));
  EXPECT_FALSE(IpNetwork::parse("0.0.0.0/0")->contains(ip("::1")));
  for (const char* text : {"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "ten/8", "::/129"})
    EXPECT_FALSE(IpNetwork::parse(text)) << text;
}

TEST(HttpAddress, AHostIsALiteralOrAName) {
  EXPECT_EQ(Authority::parse("LocalHost:80")->host, "localhost");
  EXPECT_EQ(Authority::parse("localhost.")->host, "localhost");
  EXPECT_EQ(Authority::parse("[::1]:8080")->port, 8080);
  EXPECT_TRUE(Authority::parse("[::1]")->ip->is_loopback());
  EXPECT_FALSE(Authority::parse("127.evil.com")->ip);
  for (const char* text : {"", "[::1].evil.com", "[127.0.0.1]", "[::1", "a b", "a@b", "a/b", "a:b", "a:80:80",
                           "a..b", "::1", "a:99999"})
    EXPECT_FALSE(Authority::parse(text)) << text;
}

TEST(HttpRange, AsRfc9110Says) {
  ByteRange range;
  const auto check = [&](const char* header) { return parse_range(header, 1000, range); };
  ASSERT_EQ(check("bytes=0-0"), RangeCheck::one);
  EXPECT_EQ(range.length, 1U);
  ASSERT_EQ(check("bytes=990-"), RangeCheck::one);
  EXPECT_EQ(range.first, 990U);
  EXPECT_EQ(range.length, 10U);
  ASSERT_EQ(check("bytes=-5000"), RangeCheck::one);
  EXPECT_EQ(range.length, 1000U);
  ASSERT_EQ(check("bytes=500-5000"), RangeCheck::one);
  EXPECT_EQ(range.length, 500U);
  for (const char* header : {"bytes=1000-", "bytes=-0"})
    EXPECT_EQ(check(header), RangeCheck::unsatisfiable) << header;
  for (const char* header : {"", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=0-1,5-6", "bytes=+1-2",
                             "items=0-1", "bytes=99999999999999999999-"})
    EXPECT_EQ(check(header), RangeCheck::none) << header;
}

TEST(HttpFile, AValidatorDecidesWhatIsSent) {
  const auto path = std::filesystem::temp_directory_path() / ("rtpx-http-" + std::to_string(::getpid()));
  std::ofstream(path) << "0123456789";
  Request request;
  request.method = "GET";
  const Response whole = file_response(request, path, "text/plain");
  EXPECT_EQ(whole.status, 200);
  const std::string tag(header_of(whole.headers, "ETag"));
  request.headers = {{"If-None-Match", "\"x\", W/" + tag}};
  EXPECT_EQ(file_response(request, path, "text/plain").status, 304);
  request.headers = {{"Range", "bytes=2-3"}, {"If-Range", tag}};
  EXPECT_EQ(file_response(request, path, "text/plain").status, 206);
  std::ofstream(path, std::ios::app) << "x";
  EXPECT_EQ(file_response(request, path, "text/plain").status, 200);  // of another file the range would be
  request.headers = {{"Range", "bytes=11-"}};
  EXPECT_EQ(file_response(request, path, "text/plain").status, 416);
  request.headers = {};
  const auto link = path.string() + ".link";
  std::filesystem::create_symlink(path, link);
  EXPECT_EQ(file_response(request, link, "text/plain").status, 404);
  EXPECT_EQ(file_response(request, std::filesystem::temp_directory_path(), "text/plain").status, 404);
  std::filesystem::remove(path);
  std::filesystem::remove(link);
}

TEST(HttpGate, TheLongestGuestOfAnAddressMakesRoom) {
  Gate gate({.connections = 100, .guests = 50, .guests_per_address = 3});
  for (Gate::Id id = 1; id <= 3; ++id) EXPECT_FALSE(gate.arrive(id, ip("10.0.0.1"), false).evicted);
  EXPECT_EQ(gate.arrive(4, ip("10.0.0.1"), false).evicted, 1U);
  gate.trust(2);  // no guest any longer: it stays
  EXPECT_FALSE(gate.arrive(5, ip("10.0.0.1"), false).evicted);
  EXPECT_EQ(gate.arrive(6, ip("10.0.0.1"), false).evicted, 3U);
  gate.guest(2);  // again, after all others
  EXPECT_EQ(gate.arrive(7, ip("10.0.0.1"), false).evicted, 4U);
  EXPECT_FALSE(gate.arrive(8, ip("10.0.0.2"), false).evicted);
  EXPECT_EQ(gate.connections(), 5U);
}

TEST(HttpGate, WhenAllPlacesAreTakenTheAddressWithMostGuestsLosesOne) {
  Gate gate({.connections = 6, .guests = 5, .guests_per_address = 4});
  for (Gate::Id id = 1; id <= 3; ++id) gate.arrive(id, ip("10.0.0.1"), false);
  gate.arrive(4, ip("10.0.0.2"), false);
  gate.arrive(5, ip("10.0.0.3"), false);
  EXPECT_EQ(gate.arrive(6, ip("10.0.0.4"), false).evicted, 1U);
  for (const Gate::Id id : {2U, 3U, 4U, 5U, 6U}) gate.trust(id);
  EXPECT_FALSE(gate.arrive(7, ip("10.0.0.4"), false).evicted);
  gate.trust(7);
  EXPECT_FALSE(gate.arrive(8, ip("10.0.0.4"), false).admitted);
  gate.leave(7);
  EXPECT_TRUE(gate.arrive(9, ip("10.0.0.4"), false).admitted);
}

TEST(HttpGate, ManySendersMayBeBehindOneProxy) {
  Gate gate({.connections = 100, .guests = 50, .guests_per_address = 2});
  for (Gate::Id id = 1; id <= 10; ++id) EXPECT_FALSE(gate.arrive(id, ip("10.0.0.1"), true).evicted);
  EXPECT_EQ(gate.guests(), 10U);
}
