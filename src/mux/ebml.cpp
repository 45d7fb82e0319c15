#include "mux/ebml.hpp"

namespace rtpx::ebml {

void Writer::big_endian(std::uint64_t value, unsigned width) {
  while (width-- > 0) bytes_.push_back(static_cast<std::byte>(value >> (8 * width)));
}

void Writer::id(std::uint32_t value) {
  const unsigned width = value > 0xFFFFFF ? 4 : value > 0xFFFF ? 3 : value > 0xFF ? 2 : 1;
  big_endian(value, width);
}

void Writer::data_size(std::uint64_t value, unsigned width) {
  if (width == 0) width = size_width(value);
  bytes_.resize(bytes_.size() + width);
  store_size(bytes_.data() + bytes_.size() - width, value, width);
}

void Writer::uint(std::uint32_t element, std::uint64_t value, unsigned width) {
  if (width == 0) width = value == 0 ? 1 : (static_cast<unsigned>(std::bit_width(value)) + 7) / 8;
  id(element);
  data_size(width);
  big_endian(value, width);
}

void Writer::sint(std::uint32_t element, std::int64_t value) {
  id(element);
  data_size(8);
  big_endian(static_cast<std::uint64_t>(value), 8);
}

void Writer::float64(std::uint32_t element, double value) {
  id(element);
  data_size(8);
  big_endian(std::bit_cast<std::uint64_t>(value), 8);
}

void Writer::binary(std::uint32_t element, Bytes value) {
  id(element);
  data_size(value.size());
  raw(value);
}

void Writer::void_element(std::uint64_t total) {
  id(0xEC);
  if (total < 128) {
    data_size(total - 2, 1);
    total -= 2;
  } else {
    data_size(total - 9, 8);
    total -= 9;
  }
  bytes_.resize(bytes_.size() + total);
}

}  // namespace rtpx::ebml
