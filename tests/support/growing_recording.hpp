#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "base/file_system.hpp"
#include "storage/record_format.hpp"
#include "storage/recording_lock.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

/// A copy of a recording that is written bit by bit, all its files at the pace at which their packets came, and owned by
/// somebody meanwhile.
class GrowingRecording {
 public:
  explicit GrowingRecording(const std::filesystem::path& whole) {
    for (const auto& entry : std::filesystem::directory_iterator(whole)) {
      const std::string name = entry.path().filename();
      if (entry.path().extension() == ".rtpx" || entry.path().extension() == ".rtcpx")
        files_[name].bytes = read_file(entry.path());
      else if (name == "manifest.json")
        write_file(folder_ / name, read_file(entry.path()));
    }
    for (const auto& [name, file] : files_)
      for (std::size_t at = 0; at + RecordHeader::kBytes <= file.bytes.size();) {
        const RecordHeader header = header_at(file.bytes, at);
        first_ms_ = std::min(first_ms_, header.receive_time_ms);
        last_ms_ = std::max(last_ms_, header.receive_time_ms);
        at += RecordHeader::kBytes + header.size;
      }
    auto lock = RecordingLock::take(real_file_system(), folder_.path(), "a test");
    EXPECT_TRUE(lock);
    if (lock) lock_.emplace(std::move(*lock));
    grow(0);
  }
  /// To that share of its time, and a part of the next record.
  void grow(double share) {
    const auto until_ms = first_ms_ + static_cast<std::int64_t>(static_cast<double>(last_ms_ - first_ms_) * share);
    for (auto& [name, file] : files_) {
      std::size_t end = file.whole;
      while (end + RecordHeader::kBytes <= file.bytes.size()) {
        const RecordHeader header = header_at(file.bytes, end);
        if (header.receive_time_ms > until_ms) break;
        end += RecordHeader::kBytes + header.size;
      }
      file.whole = std::min(end, file.bytes.size());
      const std::size_t size = share >= 1 ? file.bytes.size() : std::min(file.whole + 9, file.bytes.size());
      std::ofstream out(folder_ / name, std::ios::binary | std::ios::app);
      out.write(file.bytes.data() + file.written, static_cast<std::streamsize>(size - file.written));
      file.written = size;
    }
  }
  void end() { lock_->release(); }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  [[nodiscard]] std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [name, file] : files_) sum += file.written;
    return sum;
  }

 private:
  struct Growth {
    std::string bytes;
    std::size_t whole = 0, written = 0;
  };
  static RecordHeader header_at(const std::string& bytes, std::size_t at) {
    return load_record_header(as_bytes(bytes).data() + at);
  }
  TempDir folder_;
  std::map<std::string, Growth> files_;
  std::int64_t first_ms_ = INT64_MAX, last_ms_ = INT64_MIN;
  std::optional<RecordingLock> lock_;
};

/// What this process has read from files by now.
[[nodiscard]] inline std::uint64_t bytes_read() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::uint64_t value = 0;
  while (io >> name >> value)
    if (name == "rchar:") return value;
  return 0;
}

}  // namespace rtpx::test
