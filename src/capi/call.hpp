#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtpx/result.hpp"
#include "rtpx/rtpx.h"
#include "rtpx/track.hpp"

struct rtpx_error {
  rtpx::Error error;
};

/// What all functions of the C interface do alike.
namespace rtpx::capi {

void set_error(rtpx_error** where, Error error) noexcept;
void set_error(rtpx_error** where, Errc code, const char* message) noexcept;

/// Runs `work`, which may throw: then the answer is `failed` and the error says so.
template <typename Answer, typename Work>
Answer guarded(rtpx_error** error, Answer failed, Work&& work) noexcept {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    set_error(error, Errc::internal, "There is not enough memory.");
  } catch (const std::exception& thrown) {
    set_error(error, Errc::internal, thrown.what());
  } catch (...) {
    set_error(error, Errc::internal, "Something unknown was thrown.");
  }
  return failed;
}

/// The caller's structure as far as it goes, and `defaults` beyond.
template <typename Struct>
[[nodiscard]] Struct versioned(const Struct* from, Struct defaults) noexcept {
  if (from == nullptr) return defaults;
  std::memcpy(&defaults, from, std::clamp(from->size, sizeof from->size, sizeof defaults));
  return defaults;
}

/// What a structure's _init function does: the defaults as far as the caller's header goes, zeros beyond.
template <typename Struct>
void set_defaults(Struct* to, std::size_t size, const Struct& defaults) noexcept {
  std::memset(to, 0, size);
  std::memcpy(to, &defaults, std::min(size, sizeof defaults));
  to->size = size;
}

/// Fills the caller's structure as far as it goes.
template <typename Struct>
void give(Struct from, Struct* to) noexcept {
  from.size = to->size;
  std::memcpy(to, &from, std::min(to->size, sizeof from));
}

/// An element of an array whose elements have the size that the first one states.
template <typename Struct>
[[nodiscard]] Struct element(const Struct* first, std::size_t index, const Struct& defaults) noexcept {
  const auto* at = reinterpret_cast<const char*>(first) + index * std::max(first->size, sizeof first->size);
  Struct out = defaults;
  std::memcpy(&out, at, std::clamp(first->size, sizeof first->size, sizeof out));
  return out;
}

/// For the caller to free with rtpx_free(). Throws std::bad_alloc.
[[nodiscard]] char* copy_text(std::string_view text);

[[nodiscard]] inline std::string text_or_empty(const char* text) { return text != nullptr ? text : ""; }
[[nodiscard]] std::vector<std::string> texts(const char* const* texts, std::size_t count);

[[nodiscard]] Codec codec_of(const rtpx_codec& codec);

}  // namespace rtpx::capi
