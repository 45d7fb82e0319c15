#include "codec/av1_dependency_descriptor.hpp"

#include <bit>
#include <utility>

namespace rtpx {
namespace {

constexpr std::size_t kMaxTemplates = 64;
constexpr unsigned kMaxLayer = 7;

// ns(n), AV1 bitstream specification section 4.10.7.
unsigned non_symmetric(BitReader& in, unsigned n) {
  if (n <= 1) return 0;
  const auto w = static_cast<unsigned>(std::bit_width(n));
  const unsigned m = (1U << w) - n;
  const auto v = static_cast<unsigned>(in.bits(w - 1));
  return v < m ? v : (v << 1) - m + (in.bit() ? 1 : 0);
}

}  // namespace

// template_dependency_structure(), appendix A.8.2
bool DependencyDescriptorReader::read_structure(BitReader& in) {
  templates_.clear();
  resolutions_.clear();
  template_id_offset_ = static_cast<unsigned>(in.bits(6));
  decode_targets_ = static_cast<unsigned>(in.bits(5)) + 1;
  unsigned spatial = 0, temporal = 0, next_layer = 0;
  do {
    if (templates_.size() == kMaxTemplates) return false;
    templates_.push_back({static_cast<std::uint8_t>(spatial), static_cast<std::uint8_t>(temporal), {}});
    next_layer = static_cast<unsigned>(in.bits(2));
    if (next_layer == 1) ++temporal;
    if (next_layer == 2) {
      temporal = 0;
      ++spatial;
    }
    if (temporal > kMaxLayer || spatial > kMaxLayer) return false;
  } while (next_layer != 3 && in.ok());
  in.skip(2 * templates_.size() * decode_targets_);  // template_dti
  for (Template& t : templates_)
    while (in.bit()) t.differences.push_back(static_cast<std::uint16_t>(in.bits(4) + 1));
  chains_ = non_symmetric(in, decode_targets_ + 1);
  if (chains_ > 0) {
    for (unsigned i = 0; i < decode_targets_; ++i) non_symmetric(in, chains_);  // decode_target_protected_by
    in.skip(4 * templates_.size() * chains_);                                   // template_chain_fdiff
  }
  if (in.bit())
    for (unsigned layer = 0; layer <= spatial; ++layer) {
      const int width = static_cast<int>(in.bits(16)) + 1, height = static_cast<int>(in.bits(16)) + 1;
      resolutions_.push_back({width, height});
    }
  return in.ok();
}

std::optional<DependencyDescriptorReader::Resolution> DependencyDescriptorReader::resolution(
    std::uint8_t spatial_layer) const {
  if (spatial_layer >= resolutions_.size()) return std::nullopt;
  return resolutions_[spatial_layer];
}

std::optional<DependencyDescriptor> DependencyDescriptorReader::read(Bytes extension) {
  BitReader in(extension);
  DependencyDescriptor out;
  out.starts_frame = in.bit();
  out.ends_frame = in.bit();
  const auto template_id = static_cast<unsigned>(in.bits(6));
  out.frame_number = static_cast<std::uint16_t>(in.bits(16));
  bool custom_dtis = false, custom_differences = false;
  if (extension.size() > 3) {
    out.has_structure = in.bit();
    const bool active_targets = in.bit();
    custom_dtis = in.bit();
    custom_differences = in.bit();
    in.skip(1);  // custom_chains_flag: chains come last and are not read
    if (out.has_structure && !read_structure(in)) {
      templates_.clear();
      return std::nullopt;
    }
    if (active_targets) in.skip(decode_targets_);
  }
  const unsigned index = (template_id + 64 - template_id_offset_) % 64;
  if (!in.ok() || index >= templates_.size()) return std::nullopt;
  out.spatial_layer = templates_[index].spatial_layer;
  out.temporal_layer = templates_[index].temporal_layer;
  if (custom_dtis) in.skip(std::size_t{2} * decode_targets_);
  if (custom_differences) {
    while (const auto size = static_cast<unsigned>(in.bits(2)))
      out.differences.push_back(static_cast<std::uint16_t>(in.bits(4 * size) + 1));
  } else {
    out.differences = templates_[index].differences;
  }
  if (!in.ok()) return std::nullopt;
  return out;
}

}  // namespace rtpx
