#include "capi/call.hpp"

#include <cstdlib>

#include "rtpx/version.hpp"

namespace rtpx::capi {
namespace {

// Where not even an error can be allocated.
rtpx_error* out_of_memory() noexcept {
  static rtpx_error error{{Errc::internal, "no memory"}};
  return &error;
}

}  // namespace

void set_error(rtpx_error** where, Error error) noexcept {
  if (where == nullptr || *where != nullptr) return;
  *where = new (std::nothrow) rtpx_error{std::move(error)};
  if (*where == nullptr) *where = out_of_memory();
}

void set_error(rtpx_error** where, Errc code, const char* message) noexcept {
  try {
    set_error(where, Error{code, message});
  } catch (const std::bad_alloc&) {
    if (where != nullptr && *where == nullptr) *where = out_of_memory();
  }
}

char* copy_text(std::string_view text) {
  auto* out = static_cast<char*>(std::malloc(text.size() + 1));
  if (out == nullptr) throw std::bad_alloc();
  std::memcpy(out, text.data(), text.size());
  out[text.size()] = '\0';
  return out;
}

std::vector<std::string> texts(const char* const* texts, std::size_t count) {
  std::vector<std::string> out;
  for (std::size_t i = 0; texts != nullptr && i < count; ++i) out.push_back(text_or_empty(texts[i]));
  return out;
}

Codec codec_of(const rtpx_codec& codec) {
  Codec out;
  out.payload_type = codec.payload_type;
  out.mime_type = text_or_empty(codec.mime_type);
  out.clock_rate = codec.clock_rate;
  if (codec.channels != 0) out.channels = codec.channels;
  if (codec.sdp_fmtp_line != nullptr) out.sdp_fmtp_line = codec.sdp_fmtp_line;
  out.rtcp_fbs = texts(codec.rtcp_fbs, codec.rtcp_fb_count);
  return out;
}

}  // namespace rtpx::capi

using namespace rtpx;

int rtpx_api_version(void) { return RTPX_API_VERSION; }
const char* rtpx_version(void) { return version(); }

int rtpx_error_code(const rtpx_error* error) {
  return error != nullptr ? static_cast<int>(error->error.code) + 1 : 0;
}
const char* rtpx_error_name(const rtpx_error* error) { return error != nullptr ? to_string(error->error.code) : ""; }
const char* rtpx_error_message(const rtpx_error* error) {
  return error != nullptr ? error->error.message.c_str() : "";
}
void rtpx_error_free(rtpx_error* error) {
  if (error != capi::out_of_memory()) delete error;
}

void rtpx_free(void* text) { std::free(text); }
