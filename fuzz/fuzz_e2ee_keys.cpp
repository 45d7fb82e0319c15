// Keys files.
#include "e2ee/key_material.hpp"
#include "require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto keys = rtpx::E2eeKeys::parse(text);
  if (!keys) {
    require(!keys.error().message.empty() && keys.error().message.size() < 300);
    return 0;
  }
  const auto& material = (*keys)->material();
  require(!material.keys.empty() && material.keys.size() <= 1024);
  for (const auto& key : material.keys) require(key->secret.size() > 0 && key->secret.size() <= 4096);
  return 0;
}
