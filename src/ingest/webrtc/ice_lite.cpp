#include "ingest/webrtc/ice_lite.hpp"

#include <algorithm>

#include "base/random_text.hpp"

namespace rtpx {

IceCredentials make_ice_credentials() {
  return {random_text(8), random_text(24)};
}

std::string_view local_ufrag(std::string_view username) noexcept {
  return username.substr(0, std::min(username.find(':'), username.size()));
}

void IceLite::restart(IceCredentials credentials) {
  if (credentials_.size() == 2) credentials_.erase(credentials_.begin());
  credentials_.push_back(std::move(credentials));
}

bool IceLite::knows(std::string_view ufrag) const noexcept {
  return std::ranges::any_of(credentials_, [&](const IceCredentials& one) { return one.ufrag == ufrag; });
}

std::vector<std::string> IceLite::ufrags() const {
  std::vector<std::string> out;
  for (const IceCredentials& one : credentials_) out.push_back(one.ufrag);
  return out;
}

IceLite::Outcome IceLite::on_request(Bytes datagram, const stun::Message& request, const SocketAddress& from,
                                     const std::function<bool(const SocketAddress&)>& in_use) {
  Outcome out;
  const auto reply = [&](stun::Writer writer, std::string_view password) {
    const Bytes bytes = writer.finish(password);
    out.response.assign(bytes.begin(), bytes.end());
  };
  const std::string_view name = local_ufrag(request.username);
  const auto used =
      std::ranges::find_if(credentials_, [&](const IceCredentials& one) { return one.ufrag == name; });
  if (used == credentials_.end() || !stun::has_integrity(datagram, request, used->pwd)) {
    stun::Writer refusal(stun::Type::binding_error, request.transaction);
    refusal.error(401, "Unauthenticated");
    reply(std::move(refusal), "");
    return out;
  }
  if (!request.unknown_required.empty()) {
    stun::Writer refusal(stun::Type::binding_error, request.transaction);
    refusal.error(420, "Unknown Attribute");
    refusal.unknown_attributes(request.unknown_required);
    reply(std::move(refusal), used->pwd);
    return out;
  }
  if (request.ice_controlled) {  // RFC 8445 section 7.3.1.1: the lite side never controls
    stun::Writer refusal(stun::Type::binding_error, request.transaction);
    refusal.error(487, "Role Conflict");
    reply(std::move(refusal), used->pwd);
    return out;
  }
  out.valid = true;
  stun::Writer success(stun::Type::binding_success, request.transaction);
  success.xor_mapped_address(from);
  reply(std::move(success), used->pwd);

  while (credentials_.front().ufrag != name) {
    out.retired.push_back(credentials_.front().ufrag);
    credentials_.erase(credentials_.begin());
  }
  if (std::ranges::find(addresses_, from) == addresses_.end()) {
    if (addresses_.size() == kMaxAddresses) {
      const auto idle = std::ranges::find_if_not(addresses_, in_use);
      if (idle == addresses_.end()) {
        out.valid = false;
        return out;
      }
      out.forgotten = *idle;
      addresses_.erase(idle);
    }
    addresses_.push_back(from);
  }
  return out;
}

}  // namespace rtpx
