#include "server/work/child_identity.hpp"

#include "sealed/crypto.hpp"

namespace rtpx::server {
namespace {

constexpr std::size_t kMostIdentityBytes = 512;

}  // namespace

ChildIdentity::ChildIdentity(const Identities& identities) {
  text_.reserve(identities.size() * kMostIdentityBytes);  // no copy is left elsewhere
  for (const auto& identity : identities) {
    std::string one = identity->text().value_or("");
    text_ += one;
    sealed::wipe(std::as_writable_bytes(std::span(one)));
  }
}

ChildIdentity::~ChildIdentity() {
  sealed::wipe(std::as_writable_bytes(std::span(text_)));
}

void ChildIdentity::add_to(std::vector<std::string>& command) const {
  if (!text_.empty()) command.insert(command.end(), {"--identity", kSecretPath});
}

}  // namespace rtpx::server
