// LiveKit's and Jitsi's: `clear bytes | AES-GCM ciphertext and tag | IV | 12 | key index`. The clear bytes
// are the associated data.
#include <algorithm>
#include <map>

#include "e2ee/frame_decryptor.hpp"
#include "e2ee/frame_trailer.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kStartCode = 4;
constexpr std::size_t kMostShortCodes = 5;  // NAL units before the first slice whose start codes are tried

/// A frame taken apart in one of the ways in which its sender may have put it together.
struct Layout {
  std::vector<std::byte> clear;
  Bytes sealed;  // ciphertext and tag
};

bool is_slice_nal(HintFormat codec, std::byte first) noexcept {
  if (codec == HintFormat::h265)
    return (u8(first) >> 1 & 0x3FU) <= 21 && !((u8(first) >> 1 & 0x3FU) - 10U < 6U);
  const unsigned type = u8(first) & 0x1FU;
  return type == 1 || type == 5;
}

/// Where the NAL units up to the first slice begin, behind their start codes; empty: there is no slice. All
/// start codes have 4 bytes.
std::vector<std::size_t> units_to_first_slice(HintFormat codec, Bytes frame) {
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at + kStartCode < frame.size(); ++at) {
    if (load_be<std::uint32_t>(frame.data() + at) != 1) continue;
    at += kStartCode;
    starts.push_back(at);
    if (is_slice_nal(codec, frame[at])) return starts;
    if (starts.size() > 64) break;
  }
  return {};
}

/// The bytes up to `end` with start codes of 3 bytes where `short_codes` has a bit, the first unit's lowest.
std::vector<std::byte> with_short_codes(Bytes frame, std::span<const std::size_t> starts, std::size_t end,
                                        unsigned short_codes) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t from = starts[i] - kStartCode + ((short_codes >> i & 1U) != 0 ? 1 : 0);
    const std::size_t to = i + 1 < starts.size() ? starts[i + 1] - kStartCode : end;
    out.insert(out.end(), frame.begin() + static_cast<std::ptrdiff_t>(from),
               frame.begin() + static_cast<std::ptrdiff_t>(to));
  }
  return out;
}

std::vector<std::byte> without_escapes(Bytes bytes) {
  std::vector<std::byte> out;
  out.reserve(bytes.size());
  int zeros = 0;
  for (const std::byte byte : bytes) {
    if (zeros >= 2 && byte == std::byte{3}) {
      zeros = 0;
      continue;
    }
    zeros = byte == std::byte{0} ? zeros + 1 : 0;
    out.push_back(byte);
  }
  return out;
}

class TrailerDecryptor final : public FrameDecryptor {
 public:
  TrailerDecryptor(const E2eeKeys::Material& material, E2eeFormat format)
      : material_(material), format_(format) {
    for (const auto& chain : material.chains)
      if (chain->format() == format) chains_.push_back(chain.get());
  }

  OpenedFrame open(const SealedFrame& frame) override {
    OpenedFrame out;
    out.format = format_;
    if (frame.codec == HintFormat::av1) return out;
    const Bytes whole = without_frame_metadata(frame.data);
    const bool nal_units = format_ == E2eeFormat::livekit &&
                           (frame.codec == HintFormat::h264 || frame.codec == HintFormat::h265);
    const auto trailer = nal_units ? parse_escaped_frame_trailer(whole) : parse_frame_trailer(whole);
    if (!trailer) return out;
    out.key_index = trailer->key_index;
    const bool proven = (trailer->ssrc == frame.ssrc && trailer->timestamp == frame.timestamp) ||
                        frame.known == E2eeFormat::livekit || frame.known == E2eeFormat::jitsi;
    std::vector<std::byte> unescaped;
    const std::vector<Layout> layouts =
        nal_units ? nal_layouts(frame.codec, whole, unescaped) : plain_layouts(frame.codec, whole);
    const Bytes ends = nal_units ? Bytes(unescaped) : whole;
    if (!layouts.empty()) {
      iv_ = ends.last(FrameTrailer::kSize).first(FrameTrailer::kIv);
      order_chains(trailer->key_index);
      if (try_chains(layouts, out)) return out;
    }
    if (!proven) return out;
    const bool any = std::ranges::any_of(chains_, [&](const KeyChain* chain) {
      return chain->key().index.value_or(trailer->key_index) == trailer->key_index;
    });
    out.outcome = any ? OpenedFrame::Outcome::wrong_key : OpenedFrame::Outcome::no_key;
    return out;
  }

 private:
  [[nodiscard]] std::vector<Layout> plain_layouts(HintFormat codec, Bytes whole) const {
    std::vector<std::size_t> clear;
    switch (codec) {
      case HintFormat::none:
        clear = {1};
        break;
      case HintFormat::vp8:
        clear = {(u8(whole[0]) & 1U) == 0 ? 10U : 3U};
        break;
      default:  // VP9; older clients took it for VP8, and Jitsi does with every codec
        clear = {10, 3};
        if (format_ == E2eeFormat::livekit) clear.insert(clear.begin(), 0);
    }
    std::vector<Layout> out;
    for (const std::size_t size : clear)
      if (size + FrameTrailer::kSize <= whole.size())
        out.push_back({{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)},
                       whole.subspan(size, whole.size() - size - FrameTrailer::kSize)});
    return out;
  }

  // In clear is everything up to the second byte of the first slice; what follows is escaped. Clients before
  // 2.2x authenticated start codes of 3 bytes, which packets do not carry.
  [[nodiscard]] std::vector<Layout> nal_layouts(HintFormat codec, Bytes whole,
                                                std::vector<std::byte>& unescaped) {
    const auto starts = units_to_first_slice(codec, whole);
    if (starts.empty() || starts.back() + 2 > whole.size()) return {};
    const std::size_t end = starts.back() + 2;
    unescaped = without_escapes(whole.subspan(end));
    if (unescaped.size() < FrameTrailer::kSize ||
        unescaped[unescaped.size() - 2] != std::byte{FrameTrailer::kIv})
      return {};
    const Bytes sealed = Bytes(unescaped).first(unescaped.size() - FrameTrailer::kSize);
    std::vector<Layout> out{{with_short_codes(whole, starts, end, 0), sealed}};
    if (starts.size() <= kMostShortCodes && !long_codes_fitted_)
      for (unsigned codes = (1U << starts.size()) - 1; codes > 0; --codes)
        out.push_back({with_short_codes(whole, starts, end, codes), sealed});
    return out;
  }

  /// Most promising first: that which fitted last, keys of this index, keys without one, others.
  void order_chains(std::uint8_t key_index) {
    const auto rank = [&](const KeyChain* chain) {
      if (chain == last_ && last_index_ == key_index) return 0;
      if (chain->key().index == key_index) return 1;
      return chain->key().index ? 3 : 2;
    };
    std::ranges::stable_sort(chains_, {}, rank);
    last_index_ = key_index;
  }

  // Generations: that which fitted last, later ones, and earlier ones for frames that were late and readers
  // that went back.
  bool try_chains(const std::vector<Layout>& layouts, OpenedFrame& out) {
    std::size_t most_ahead = 0, most_back = 0;
    for (const KeyChain* chain : chains_) {
      const Progress& known = progress_[chain];
      most_ahead = std::max(most_ahead, known.newest - known.current + material_.ratchet_window);
      most_back = std::max(most_back, known.current);
    }
    for (std::size_t ahead = 0; ahead <= most_ahead; ++ahead)
      for (const KeyChain* chain : chains_) {
        const Progress& known = progress_[chain];
        if (known.current + ahead > known.newest + material_.ratchet_window) continue;
        if (try_key(*chain, known.current + ahead, layouts, out)) return true;
      }
    for (std::size_t back = 1; back <= most_back; ++back)
      for (const KeyChain* chain : chains_)
        if (const std::size_t current = progress_[chain].current; back <= current)
          if (try_key(*chain, current - back, layouts, out)) return true;
    return false;
  }

  bool try_key(const KeyChain& chain, std::size_t generation, const std::vector<Layout>& layouts,
               OpenedFrame& out) {
    const Bytes key = chain.cipher_key(generation);
    if (key.empty()) return false;
    for (const std::size_t size : {std::size_t{16}, std::size_t{32}}) {
      if (material_.key_bytes && *material_.key_bytes != size) continue;
      for (const Layout& layout : layouts) {
        auto text = open_aes_gcm(key.first(size), iv_, layout.clear, layout.sealed);
        if (!text) continue;
        long_codes_fitted_ = &layout == &layouts.front();
        last_ = &chain;
        Progress& known = progress_[&chain];
        known.current = generation;
        known.newest = std::max(known.newest, generation);
        out.outcome = OpenedFrame::Outcome::decrypted;
        out.key = &chain.key();
        out.generation = generation;
        out.data = layout.clear;
        out.data.insert(out.data.end(), text->begin(), text->end());
        return true;
      }
    }
    return false;
  }

  const E2eeKeys::Material& material_;
  const E2eeFormat format_;
  std::vector<const KeyChain*> chains_;
  struct Progress {
    std::size_t current = 0, newest = 0;  // generations that fitted
  };
  std::map<const KeyChain*, Progress> progress_;
  const KeyChain* last_ = nullptr;
  std::uint8_t last_index_ = 0;
  bool long_codes_fitted_ = false;
  Bytes iv_;
};

}  // namespace

std::unique_ptr<FrameDecryptor> make_trailer_decryptor(const E2eeKeys::Material& material,
                                                       E2eeFormat format) {
  return std::make_unique<TrailerDecryptor>(material, format);
}

}  // namespace rtpx
