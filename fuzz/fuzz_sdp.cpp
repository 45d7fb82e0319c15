// Session descriptions: parsed, and what the helpers make of them.
#include "ingest/sdp/sdp.hpp"
#include "require.hpp"

using namespace rtpx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto session = sdp::parse(text);
  if (!session) {
    require(session.error().code == Errc::malformed && !session.error().message.empty());
    return 0;
  }
  require(session->media.size() <= sdp::kMaxMedia);
  std::size_t lines = session->attributes.size();
  for (const auto& media : session->media) {
    lines += media.attributes.size() + 1;
    for (const std::uint8_t type : media.payload_types) require(type <= 127);
    for (const Codec& codec : sdp::codecs(media))
      require(!codec.mime_type.empty() && codec.payload_type <= 127);
    for (const auto& [uri, id] : sdp::header_extensions(media)) require(!uri.empty() && id != 0);
    for (const auto& fmtp : media.fmtps) (void)sdp::fmtp_value(fmtp.parameters, "apt");
  }
  require(2 * lines <= size + 1);
  return 0;
}
