#include "server/api/relay.hpp"

#include <stdexcept>

#include "server/fleet/node_client.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;

constexpr const char* kPassedOn[] = {"content-type",  "content-disposition", "content-security-policy", "cache-control", "etag",
                                     "accept-ranges", "content-range",       "retry-after"};

NodeClient::Question question_of(const Request& request, const std::string& url, const std::string& own_name, const std::string& pass) {
  NodeClient::Question out{url, {authorization_of({own_name, pass})}, request.method == "HEAD"};
  for (const char* name : {"Range", "If-Range", "If-None-Match"})
    if (const std::string_view value = request.header(name); !value.empty())
      out.headers.push_back(std::string(name) + ": " + std::string(value));
  return out;
}

Response passed_on(const std::shared_ptr<NodeClient::Answer>& answer, const std::string& node) {
  Response out;
  out.status = static_cast<int>(answer->status());
  for (const char* name : kPassedOn)
    if (const std::string value = answer->header(name); !value.empty()) out.with(name, value);
  if (http::is_bodiless(out.status)) return out;
  out.body = http::Generator([answer, node](std::string& piece) {
    const auto more = answer->read(piece);
    if (!more) throw std::runtime_error("node " + node + ": " + more.error().message);
    return *more;
  });
  return out;
}

}  // namespace

Result<Response> relay(App& app, const Request& request, const std::string& node, Patience patience) {
  FleetNode& fleet = *app.fleet();
  const auto heard = fleet.heard_of(node);
  if (!heard) return fail(Errc::network, "Nothing was heard of node " + node + ".");
  if (heard->away)
    return fail(Errc::network, "Node " + node + " has not been heard of for " + std::to_string(heard->ago.count()) + " s.");
  if (heard->address.empty())
    return fail(Errc::network, "Other nodes do not reach node " + node + ": it was started without --node-url.");
  const std::string target = request.target.text();
  for (const bool again : {false, true}) {
    const auto pass = fleet.pass_to(node, target, again);
    auto question = question_of(request, heard->address + target, app.options().node_name, pass.value_or(""));
    if (patience == Patience::while_it_is_heard)
      question.patient = [&fleet, node] {
        const auto now = fleet.heard_of(node);
        return now && !now->away;
      };
    const auto answer = app.nodes().ask(question);
    if (!answer) return fail(Errc::network, "Node " + node + " does not answer: " + answer.error().message + ".");
    const long status = (*answer)->status();
    if (status == 401 && !again) continue;  // it may have a new key
    if (status == 401)
      return fail(Errc::network, "Node " + node + " does not let this node in" +
                                     (pass ? "." : ", whose key is not to be had from the store."));
    if (status == 421)
      return fail(Errc::network, "The --node-url of node " + node + " leads to another node.");
    return passed_on(*answer, node);
  }
  return fail(Errc::internal, "unreachable");
}

}  // namespace rtpx::server
