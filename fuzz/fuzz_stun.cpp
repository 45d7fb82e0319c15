// STUN messages as the endpoint takes them, and ICE-lite's answers, which must be STUN themselves.
#include "ingest/webrtc/ice_lite.hpp"
#include "ingest/webrtc/stun.hpp"
#include "require.hpp"

using namespace rtpx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto message = stun::parse(bytes);
  if (!message) return 0;
  require(stun::looks_like_stun(bytes) &&
          message->integrity_offset + 24 <= size + (message->integrity_offset == 0 ? 24 : 0));
  require(message->unknown_required.size() <= 8);
  (void)stun::has_integrity(bytes, *message, "VOkJxbRl1RmTxUk/WvJxBt");
  IceLite ice({"evtj", "VOkJxbRl1RmTxUk/WvJxBt"});
  const auto outcome = ice.on_request(bytes, *message, *SocketAddress::parse("192.0.2.1", 1000),
                                      [](const SocketAddress&) { return false; });
  const auto response = stun::parse(outcome.response);
  require(response && response->fingerprint && response->transaction == message->transaction);
  require(outcome.valid == (ice.addresses().size() == 1));
  return 0;
}
