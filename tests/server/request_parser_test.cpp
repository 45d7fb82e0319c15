// What is read as a request, and what two readers could take in two ways and is refused (RFC 9112).
#include "server/http/request_parser.hpp"

#include <gtest/gtest.h>

using namespace rtpx::http;
using State = RequestParser::State;

namespace {

constexpr std::size_t kMaxBody = 1000;

/// Puts all of it; a body is read.
State read(RequestParser& parser, const std::string& bytes, std::size_t at_once = std::string::npos) {
  for (std::size_t from = 0; from < bytes.size(); from += std::min(at_once, bytes.size())) {
    parser.put(std::string_view(bytes).substr(from, at_once));
    if (parser.state() == State::body) parser.read_body(kMaxBody);
    if (parser.state() == State::done || parser.state() == State::refused) break;
  }
  return parser.state();
}

int refusal_of(const std::string& bytes) {
  RequestParser parser;
  if (read(parser, bytes) == State::done) return 200;
  return parser.state() == State::refused ? parser.refusal().status : 0;
}

std::string post(const std::string& headers, const std::string& body = {}) {
  return "POST /whip HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body;
}

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

}  // namespace

TEST(RequestParser, ReadsARequestByteByByteAndTheNextOneAfterIt) {
  const std::string first = post("Content-Length: 5\r\nX-A:  b \r\n", "hello");
  for (const std::size_t at_once : {1U, 7U, 1000U}) {
    RequestParser parser;
    ASSERT_EQ(read(parser, first, at_once), State::done) << at_once;
    EXPECT_EQ(parser.request().method, "POST");
    EXPECT_EQ(parser.request().target.path, std::vector<std::string>{"whip"});
    EXPECT_EQ(parser.request().header("x-a"), "b");
    EXPECT_EQ(parser.request().body, "hello");
    EXPECT_TRUE(parser.request().keep_alive);
    parser.next();
    EXPECT_TRUE(parser.idle());
  }
  RequestParser parser;
  parser.put(get("/a") + get("/b?c=d%20e"));
  ASSERT_EQ(parser.state(), State::done);
  ASSERT_EQ(parser.next(), State::done);
  EXPECT_EQ(parser.request().target.path, std::vector<std::string>{"b"});
  EXPECT_EQ(parser.request().target.parameter("c"), "d e");
}

TEST(RequestParser, ReadsAChunkedBody) {
  const std::string bytes =
      post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") + get("/next");
  for (const std::size_t at_once : {1U, 1000U}) {
    RequestParser parser;
    ASSERT_EQ(read(parser, bytes, at_once), State::done) << at_once;
    EXPECT_EQ(parser.request().body, "abcde");
    if (at_once == 1000) {
      EXPECT_EQ(parser.next(), State::done);
    }
  }
}

TEST(RequestParser, RefusesWhatTwoReadersCouldTakeInTwoWays) {
  const std::string chunks = "3\r\nabc\r\n0\r\n\r\n";
  const std::pair<std::string, int> kCases[] = {
      {post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
      {post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400},
      {post("Content-Length: 3, 3\r\n", "abc"), 400},
      {post("Content-Length: +3\r\n", "abc"), 400},
      {post("Content-Length: 0x3\r\n", "abc"), 400},
      {post("Content-Length: -3\r\n", "abc"), 400},
      {post("Content-Length: 3 \r\n", "abc"), 200},
      {post("Content-Length: 99999999999999999999999\r\n", "abc"), 400},
      {post("Content-Length : 3\r\n", "abc"), 400},
      {post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", chunks), 400},
      {post("Transfer-Encoding: gzip, chunked\r\n", chunks), 501},
      {post("Transfer-Encoding: chunked, chunked\r\n", chunks), 501},
      {post("Transfer-Encoding: gzip\r\n", chunks), 501},
      {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks), 400},
      {post("Transfer-Encoding: \x0b"
            "chunked\r\n",
            chunks),
       400},
      {post("Transfer-Encoding: chunked\r\n", "+3\r\nabc\r\n0\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\n", "3\nabc\n0\n\n"), 400},
      {post("Transfer-Encoding: chunked\r\n", "ffffffffffffffffff\r\n"), 400},
      {post("X-A: b\r\n c\r\n"), 400},
      {post("X-A: b\r\n\tc\r\n"), 400},
      {post("X A: b\r\n"), 400},
      {post(": b\r\n"), 400},
      {post(std::string("X-A: b\0c\r\n", 10)), 400},
      {post("X-A: b\rc\r\n"), 400},
      {post("Content-Encoding: gzip\r\nContent-Length: 3\r\n", "abc"), 415},
      {post("Expect: 200-ok\r\nContent-Length: 3\r\n", "abc"), 417},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: \r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 505},
      {"GET /\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.0\r\n\r\n", 200},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 501},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
      {"GET http://a/b HTTP/1.1\r\nHost: c\r\n\r\n", 200},
      {"GET http://a@c/b HTTP/1.1\r\nHost: c\r\n\r\n", 400},
  };
  for (const auto& [bytes, status] : kCases) EXPECT_EQ(refusal_of(bytes), status) << bytes;
}

TEST(RequestParser, AChunkedBodyMayComeInAnyPieces) {
  const std::string bytes = post("Transfer-Encoding: chunked\r\n", "0\r\nA: b\r\nC: d\r\n\r\n");
  for (std::size_t at_once = 1; at_once <= bytes.size(); ++at_once) {
    RequestParser parser;
    EXPECT_EQ(read(parser, bytes, at_once), State::done) << at_once;
    EXPECT_TRUE(parser.request().body.empty());
  }
  RequestParser parser;
  parser.put(post("Transfer-Encoding: chunked\r\n", "0\r\n"));
  ASSERT_EQ(parser.read_body(kMaxBody), State::body);
  EXPECT_EQ(parser.put("x"), State::body);
  EXPECT_EQ(parser.put(std::string(1, '\0')), State::refused);
}

TEST(RequestParser, EachThingHasOnePath) {
  for (const char* target :
       {"//api",    "/api/",    "/api//x",  "/./api",   "/../api", "/api/..", "/%2e%2e/api",
        "/%2E/api", "/api%2fx", "/api%2Fx", "/api%5cx", "/api\\x", "/api%00", "/api%0a",
        "/api%7f",  "/%zz",     "/api%",    "/api%2",   "api",     "x:/api",  "/api/?a=%z"})
    EXPECT_EQ(refusal_of(get(target)), 404) << target;
  RequestParser parser;
  ASSERT_EQ(read(parser, get("/%61pi/x%20y?z")), State::done);
  EXPECT_EQ(parser.request().target.path, (std::vector<std::string>{"api", "x y"}));
}

TEST(RequestParser, TheTargetsHostGoesBeforeTheHeader) {
  RequestParser parser;
  ASSERT_EQ(read(parser, "GET http://Evil.com:80/api HTTP/1.1\r\nHost: localhost\r\n\r\n"), State::done);
  EXPECT_EQ(parser.request().host->host, "evil.com");
  EXPECT_EQ(parser.request().target.path, std::vector<std::string>{"api"});
}

TEST(RequestParser, IsBoundedInEachDimension) {
  EXPECT_EQ(refusal_of("GET /" + std::string(2 * kMaxHead, 'a')), 414);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nX: " + std::string(2 * kMaxHead, 'a')), 431);
  std::string many;
  for (std::size_t i = 0; i < kMaxHeaders; ++i) many += "A: b\r\n";
  EXPECT_EQ(refusal_of(post(many)), 431);
  EXPECT_EQ(refusal_of(post(many.substr(6))), 200);
  EXPECT_EQ(refusal_of(post("Content-Length: 1001\r\n", std::string(1001, 'a'))), 413);
  EXPECT_EQ(refusal_of(post("Content-Length: 1000\r\n", std::string(1000, 'a'))), 200);
  // A chunked body of one-byte chunks with extensions: what counts is what comes over the wire.
  std::string chunks;
  for (int i = 0; i < 100; ++i) chunks += "1;" + std::string(20, 'x') + "\r\na\r\n";
  EXPECT_EQ(refusal_of(post("Transfer-Encoding: chunked\r\n", chunks)), 413);
  EXPECT_EQ(refusal_of(post("Transfer-Encoding: chunked\r\n", "1;" + std::string(2 * kMaxHead, 'x'))), 413);
  std::string trailers = "0\r\n";
  for (int i = 0; i < 1000; ++i) trailers += "A: b\r\n";
  EXPECT_NE(refusal_of(post("Transfer-Encoding: chunked\r\n", trailers + "\r\n")), 200);
}
