#pragma once

#include <memory>
#include <vector>

#include "rtpx/e2ee.hpp"
#include "rtpx/rtpx.h"
#include "rtpx/sealed.hpp"

struct rtpx_identity {
  std::shared_ptr<const rtpx::Identity> identity;
};
struct rtpx_e2ee_keys {
  std::shared_ptr<const rtpx::E2eeKeys> keys;
};

namespace rtpx::capi {

[[nodiscard]] Identities identities_of(const rtpx_keys& keys);
[[nodiscard]] std::shared_ptr<const E2eeKeys> e2ee_keys_of(const rtpx_keys& keys) noexcept;
/// Errors: invalid_argument: one is no public key.
[[nodiscard]] Result<std::vector<Recipient>> recipients_of_texts(const char* const* texts, std::size_t count);

}  // namespace rtpx::capi
