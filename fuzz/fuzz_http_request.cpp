// The path of a request through the server's front: bytes in pieces of all sizes, the head's checks, the
// route that is found. The first byte says how the bytes are cut.
#include <algorithm>

#include "require.hpp"
#include "server/front/routes.hpp"
#include "server/http/file_response.hpp"
#include "server/http/request_parser.hpp"

using namespace rtpx;
using State = http::RequestParser::State;

namespace {

constexpr std::size_t kMaxBody = 4096;

void check(const http::Request& request) {
  require(request.headers.size() <= http::kMaxHeaders && request.body.size() <= kMaxBody);
  require(request.host || request.http_1_0);
  for (const std::string& component : request.target.path)
    require(!component.empty() && component != "." && component != ".." &&
            component.find('/') == component.npos && component.find('\0') == component.npos);
  std::vector<std::string> captured;
  const auto routes = server::routes_of(request.target.path, captured);
  require(routes.empty() ||
          std::ranges::count(routes.front()->pattern, '{') == static_cast<std::ptrdiff_t>(captured.size()));
  // Only one spelling leads to a route that is not public.
  std::string path;
  for (const std::string& component : request.target.path) path += "/" + http::percent_encoded(component);
  const auto again = http::Target::parse(path.empty() ? "/" : path);
  require(again && again->path == request.target.path);
  http::ByteRange range;
  if (http::parse_range(request.header("Range"), 1000, range) == http::RangeCheck::one)
    require(range.length > 0 && range.first + range.length <= 1000);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] == 0 ? size : data[0];
  std::string_view left(reinterpret_cast<const char*>(data) + 1, size - 1);
  http::RequestParser parser;
  while (!left.empty() && parser.state() != State::refused) {
    parser.put(left.substr(0, step));
    left.remove_prefix(std::min(step, left.size()));
    for (bool more = true; more;) {
      more = false;
      if (parser.state() == State::body) {
        (void)parser.expects_continue();
        parser.read_body(kMaxBody);
      }
      if (parser.state() == State::done) {
        check(parser.request());
        parser.next();
        more = parser.state() != State::head;
      }
    }
  }
  if (parser.state() == State::refused)
    require(parser.refusal().status >= 400 && !parser.refusal().detail.empty());
  return 0;
}
