#pragma once

#include <array>
#include <bit>
#include <bitset>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

// Values as bytes and back: integers with 7 bits a byte, the lowest first (signed ones with their sign in the lowest
// bit), floating-point numbers in 8 bytes, lists with their length in front. A type takes part by one function for both
// directions: a member `template <class Archive> void archive(Archive& with)`, or a function `archive(with, value)`
// beside it, that calls `with(fields…)`.

/// Writes values to the end of its bytes.
class ArchiveWriter {
 public:
  static constexpr bool kReads = false;
  template <typename... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  [[nodiscard]] std::vector<std::byte>& bytes() noexcept { return bytes_; }

 private:
  void put_number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<std::byte>(value | 0x80));
    bytes_.push_back(static_cast<std::byte>(value));
  }
  template <typename T>
  void put_all(const T& values) {
    put_number(values.size());
    for (const auto& value : values) put(value);
  }

  template <typename T>
  void put(const T& value) {
    if constexpr (requires { const_cast<T&>(value).archive(*this); })
      const_cast<T&>(value).archive(*this);
    else
      archive(*this, const_cast<T&>(value));
  }
  template <std::integral T>
  void put(const T& value) {
    const auto bits = static_cast<std::uint64_t>(value);
    if constexpr (std::signed_integral<T>)
      put_number(value < 0 ? (~bits << 1) | 1 : bits << 1);
    else
      put_number(bits);
  }
  template <typename T>
    requires std::is_enum_v<T>
  void put(const T& value) {
    put(std::to_underlying(value));
  }
  void put(const double& value) {
    bytes_.resize(bytes_.size() + sizeof value);
    store_be(bytes_.data() + bytes_.size() - sizeof value, std::bit_cast<std::uint64_t>(value));
  }
  void put(const std::string& value) {
    put_number(value.size());
    const Bytes bytes = as_bytes(value);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  template <typename T>
  void put(const std::vector<T>& value) {
    put_all(value);
  }
  void put(const std::vector<std::byte>& value) {
    put_number(value.size());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  template <typename Key, typename T>
  void put(const std::map<Key, T>& value) {
    put_all(value);
  }
  template <typename A, typename B>
  void put(const std::pair<A, B>& value) {
    put(value.first);
    put(value.second);
  }
  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <typename T>
  void put(const std::unique_ptr<T>& value) {
    put(*value);
  }
  template <typename T>
  void put(const std::shared_ptr<T>& value) {
    put(*value);
  }
  template <typename T, std::size_t kSize>
  void put(const std::array<T, kSize>& value) {
    for (const T& one : value) put(one);
  }
  template <typename T, std::size_t kSize>
  void put(const T (&value)[kSize]) {
    for (const T& one : value) put(one);
  }
  template <std::size_t kSize>
  void put(const std::bitset<kSize>& value) {
    for (std::size_t i = 0; i < kSize; ++i) put(value[i]);
  }
  template <typename Clock, typename Duration>
  void put(const std::chrono::time_point<Clock, Duration>& value) {
    put(value.time_since_epoch().count());
  }

  std::vector<std::byte> bytes_;
};

/// Reads what an ArchiveWriter wrote. Total: where the bytes make no sense the rest reads as zeros and empty lists, and
/// ok() is false. No list is longer than the bytes that are left.
class ArchiveReader {
 public:
  static constexpr bool kReads = true;
  explicit ArchiveReader(Bytes bytes) : left_(bytes) {}

  template <typename... T>
  void operator()(T&&... values) {
    (get(values), ...);
  }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return left_.empty(); }

 private:
  void fail() noexcept {
    ok_ = false;
    left_ = {};
  }
  std::uint64_t get_number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const std::uint8_t byte = u8(left_.front());
      left_ = left_.subspan(1);
      const std::uint64_t bits = byte & 0x7FU;
      if (shift == 63 && bits > 1) break;
      value |= bits << shift;
      if ((byte & 0x80) == 0) return value;
    }
    fail();
    return 0;
  }
  std::size_t get_size() {
    const std::uint64_t size = get_number();
    if (size <= left_.size()) return static_cast<std::size_t>(size);
    fail();
    return 0;
  }
  Bytes take(std::size_t size) {
    const Bytes taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }

  template <typename T>
  void get(T& value) {
    if constexpr (requires { value.archive(*this); })
      value.archive(*this);
    else
      archive(*this, value);
  }
  template <std::integral T>
  void get(T& value) {
    const std::uint64_t number = get_number();
    if constexpr (std::signed_integral<T>) {
      const auto whole = static_cast<std::int64_t>((number & 1) != 0 ? ~(number >> 1) : number >> 1);
      value = static_cast<T>(whole);
      if (value != whole) fail();
    } else {
      value = static_cast<T>(number);
      if (static_cast<std::uint64_t>(value) != number) fail();
    }
  }
  template <typename T>
    requires std::is_enum_v<T>
  void get(T& value) {
    std::underlying_type_t<T> number{};
    get(number);
    value = static_cast<T>(number);
  }
  void get(double& value) {
    if (left_.size() < sizeof value) {
      value = 0;
      return fail();
    }
    value = std::bit_cast<double>(load_be<std::uint64_t>(take(sizeof value).data()));
  }
  void get(std::string& value) { value = as_text(take(get_size())); }
  template <typename T>
  void get(std::vector<T>& value) {
    value.clear();
    for (std::size_t left = get_size(); left > 0 && ok_; --left) get(value.emplace_back());
  }
  void get(std::vector<std::byte>& value) {
    const Bytes bytes = take(get_size());
    value.assign(bytes.begin(), bytes.end());
  }
  template <typename Key, typename T>
  void get(std::map<Key, T>& value) {
    value.clear();
    for (std::size_t left = get_size(); left > 0 && ok_; --left) {
      std::pair<Key, T> one;
      get(one.first);
      get(one.second);
      value.insert_or_assign(std::move(one.first), std::move(one.second));
    }
  }
  template <typename A, typename B>
  void get(std::pair<A, B>& value) {
    get(value.first);
    get(value.second);
  }
  template <typename T>
  void get(std::optional<T>& value) {
    bool there = false;
    get(there);
    value.reset();
    if (there) get(value.emplace(T{}));  // clang takes no emplace() of a nested type with initializers
  }
  template <typename T>
  void get(std::unique_ptr<T>& value) {
    value = std::make_unique<T>();
    get(*value);
  }
  template <typename T>
  void get(std::shared_ptr<T>& value) {
    value = std::make_shared<T>();
    get(*value);
  }
  template <typename T, std::size_t kSize>
  void get(std::array<T, kSize>& value) {
    for (T& one : value) get(one);
  }
  template <typename T, std::size_t kSize>
  void get(T (&value)[kSize]) {
    for (T& one : value) get(one);
  }
  template <std::size_t kSize>
  void get(std::bitset<kSize>& value) {
    for (std::size_t i = 0; i < kSize; ++i) {
      bool set = false;
      get(set);
      value[i] = set;
    }
  }
  template <typename Clock, typename Duration>
  void get(std::chrono::time_point<Clock, Duration>& value) {
    typename Duration::rep count = 0;
    get(count);
    value = std::chrono::time_point<Clock, Duration>(Duration(count));
  }

  Bytes left_;
  bool ok_ = true;
};

}  // namespace rtpx
