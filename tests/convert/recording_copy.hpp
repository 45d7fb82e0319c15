#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/record_format.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

/// Says when a packet arrives instead; nullopt: it is lost.
using Arrival = std::function<std::optional<double>(double ms)>;
/// May change a record: its header, then the packet. False: it is lost.
using Change = std::function<bool(std::string& record)>;

/// A copy of the recording that a test may change.
class RecordingCopy {
 public:
  explicit RecordingCopy(const std::filesystem::path& recording) {
    for (const auto& entry : std::filesystem::directory_iterator(recording))
      if (entry.is_regular_file())
        write_file(folder_ / entry.path().filename().string(), read_file(entry.path()));
  }
  void change(const std::string& file, const Change& change) const {
    const std::string bytes = read_file(folder_ / file);
    std::vector<std::pair<std::int64_t, std::string>> records;
    for (std::size_t at = 0; at + RecordHeader::kBytes <= bytes.size();) {
      const std::size_t size = RecordHeader::kBytes + load_record_header(as_bytes(bytes).data() + at).size;
      std::string record = bytes.substr(at, size);
      at += size;
      if (change(record))
        records.push_back({load_record_header(as_bytes(record).data()).receive_time_ms, record});
    }
    std::ranges::stable_sort(records, {}, [](const auto& r) { return r.first; });
    std::string out;
    for (const auto& [ms, record] : records) out += record;
    write_file(folder_ / file, out);
  }
  void move_arrivals(const std::string& file, const Arrival& arrival) const {
    change(file, [&](std::string& record) {
      const auto ms =
          arrival(static_cast<double>(load_record_header(as_bytes(record).data()).receive_time_ms));
      if (ms) store_be(reinterpret_cast<std::byte*>(record.data()) + 1, static_cast<std::int64_t>(*ms));
      return ms.has_value();
    });
  }
  void remove(const std::string& file) const { std::filesystem::remove(folder_ / file); }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TempDir folder_;
};

}  // namespace rtpx::test
