#include "sealed/format.hpp"

#include <algorithm>
#include <cstring>

#include "base/crc32c.hpp"

namespace rtpx::sealed {
namespace {

constexpr std::uint32_t kBlockMagic = 0x52585342;  // "RXSB"
constexpr std::uint32_t kEndFlag = 1;
constexpr std::size_t kAssociatedFrom = 8, kAssociatedTo = 56;  // of a block header

bool begins_with(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && as_text(bytes.first(magic.size())) == magic;
}

bool is_known(Cipher cipher) {
  return cipher == Cipher::xchacha20_poly1305 || cipher == Cipher::aes_256_gcm;
}

std::optional<KeyPlace> parse_place(Bytes bytes) {
  const std::byte* at = bytes.data();
  if (load_be<std::uint32_t>(at + 132) != 1 || load_be<std::uint32_t>(at + 128) != crc32c(bytes.first(128)))
    return std::nullopt;
  KeyPlace place;
  std::copy_n(at, place.recipient.size(), place.recipient.begin());
  std::copy_n(at + 32, place.box.size(), place.box.begin());
  return place;
}

}  // namespace

Result<std::size_t> file_header_bytes(Bytes fixed) {
  if (fixed.size() < FileHeader::kFixedBytes || !begins_with(fixed, kFileMagic))
    return fail(Errc::malformed, "it does not begin as sealed files do");
  const std::byte* at = fixed.data();
  if (load_be<std::uint32_t>(at + 36) != crc32c(fixed.first(36))) return fail(Errc::malformed, "its header is damaged");
  if (const auto major = load_be<std::uint16_t>(at + 8); major != kMajor)
    return fail(Errc::unsupported, "it is sealed in format version " + std::to_string(major) + ", this rtpx reads " +
                                       std::to_string(kMajor) + ".x");
  if (const auto cipher = load_be<std::uint16_t>(at + 12); !is_known(Cipher{cipher}))
    return fail(Errc::unsupported, "it is sealed with cipher " + std::to_string(cipher) + ", which this rtpx has not");
  const auto places = load_be<std::uint16_t>(at + 14);
  if (places == 0 || places > FileHeader::kMostPlaces) return fail(Errc::malformed, "its header is damaged");
  return FileHeader::kFixedBytes + places * FileHeader::kPlaceBytes;
}

Result<FileHeader> parse_file_header(Bytes bytes) {
  const auto size = file_header_bytes(bytes);
  if (!size) return std::unexpected(size.error());
  if (bytes.size() < *size) return fail(Errc::malformed, "it ends within its header");
  FileHeader header;
  std::copy_n(bytes.begin() + 16, header.id.size(), header.id.begin());
  header.cipher = Cipher{load_be<std::uint16_t>(bytes.data() + 12)};
  for (std::size_t at = FileHeader::kFixedBytes; at < *size; at += FileHeader::kPlaceBytes)
    header.places.push_back(parse_place(bytes.subspan(at, FileHeader::kPlaceBytes)));
  return header;
}

void serialize(const std::optional<KeyPlace>& place, std::byte* to) {
  std::fill_n(to, FileHeader::kPlaceBytes, std::byte{0});
  if (!place) return;
  std::ranges::copy(place->recipient, to);
  std::ranges::copy(place->box, to + 32);
  store_be(to + 128, crc32c(Bytes(to, 128)));
  store_be(to + 132, std::uint32_t{1});
}

std::vector<std::byte> serialize(const FileHeader& header) {
  std::vector<std::byte> out(header.bytes());
  std::ranges::copy(as_bytes(kFileMagic), out.begin());
  store_be(out.data() + 8, kMajor);
  store_be(out.data() + 10, kMinor);
  store_be(out.data() + 12, static_cast<std::uint16_t>(header.cipher));
  store_be(out.data() + 14, static_cast<std::uint16_t>(header.places.size()));
  std::ranges::copy(header.id, out.begin() + 16);
  store_be(out.data() + 36, crc32c(Bytes(out).first(36)));
  std::byte* at = out.data() + FileHeader::kFixedBytes;
  for (const auto& place : header.places) {
    serialize(place, at);
    at += FileHeader::kPlaceBytes;
  }
  return out;
}

std::optional<BlockHeader> parse_block_header(Bytes bytes) noexcept {
  if (bytes.size() < BlockHeader::kBytes) return std::nullopt;
  const std::byte* at = bytes.data();
  if (load_be<std::uint32_t>(at) != kBlockMagic ||
      load_be<std::uint32_t>(at + 4) != crc32c(bytes.subspan(8, BlockHeader::kBytes - 8)))
    return std::nullopt;
  BlockHeader out;
  out.file = load_be<std::uint64_t>(at + 8);
  out.number = load_be<std::uint64_t>(at + 16);
  out.offset = load_be<std::uint64_t>(at + 24);
  out.seal = load_be<std::uint64_t>(at + 32);
  out.time_ms = load_be<std::int64_t>(at + 40);
  out.length = load_be<std::uint32_t>(at + 48);
  const auto flags = load_be<std::uint32_t>(at + 52);
  out.end = flags == kEndFlag;
  out.crc = load_be<std::uint32_t>(at + 56);
  std::copy_n(at + 60, out.tag.size(), out.tag.begin());
  if (flags > kEndFlag || out.length > BlockHeader::kMostContent || out.end != (out.length == 0) ||
      out.offset > INT64_MAX)
    return std::nullopt;
  return out;
}

void serialize(const BlockHeader& header, std::byte* to) noexcept {
  store_be(to, kBlockMagic);
  store_be(to + 8, header.file);
  store_be(to + 16, header.number);
  store_be(to + 24, header.offset);
  store_be(to + 32, header.seal);
  store_be(to + 40, header.time_ms);
  store_be(to + 48, header.length);
  store_be(to + 52, header.end ? kEndFlag : 0U);
  store_be(to + 56, header.crc);
  std::ranges::copy(header.tag, to + 60);
  store_be(to + 4, crc32c(Bytes(to + 8, BlockHeader::kBytes - 8)));
}

std::uint64_t mark_of(const FileId& id) noexcept {
  return load_be<std::uint64_t>(id.data());
}

Associated associated_data(const FileId& id, const BlockHeader& header) noexcept {
  std::byte bytes[BlockHeader::kBytes];
  serialize(header, bytes);
  Associated out;
  std::ranges::copy(id, out.begin());
  std::copy_n(bytes + kAssociatedFrom, kAssociatedTo - kAssociatedFrom, out.begin() + kFileIdBytes);
  return out;
}

}  // namespace rtpx::sealed
