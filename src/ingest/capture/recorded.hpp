#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "storage/location.hpp"
#include "storage/record_reader.hpp"

namespace rtpx::capture {

/// One packet as it was recorded.
struct RecordedPacket {
  std::size_t track = 0;  ///< position in the list given to open()
  bool rtcp = false;
  std::uint8_t rid_index = 0;
  UtcTime time{};
  Bytes packet;  ///< valid until the next call
};

/// The packets of several tracks, RTP and RTCP, in the order in which they arrived.
class Recorded {
 public:
  /// Opens the files of `tracks` (ids of `manifest`), which `folder` holds; their RTCP where `rtcp` and there
  /// is any; through `source`, as RecordReader::open() does. Errors: not_found, io, unsupported (remote recordings).
  [[nodiscard]] static Result<Recorded> open(const Manifest& manifest, const std::filesystem::path& folder,
                                             const std::vector<std::string>& tracks, bool rtcp,
                                             Outside outside = Outside::refused,
                                             std::shared_ptr<FileSystem> source = nullptr);

  /// nullopt at the end. Errors: io.
  [[nodiscard]] Result<std::optional<RecordedPacket>> next();
  /// Bytes so far that could not be read as records.
  [[nodiscard]] std::uint64_t damaged_bytes() const;

 private:
  struct Input {
    std::size_t track = 0;
    bool rtcp = false;
    std::unique_ptr<RecordReader> reader;
    std::int64_t zero_ms = 0;  ///< receive time at `zero`
    UtcTime zero{};
    std::optional<Record> head;
    UtcTime head_time{};
  };
  [[nodiscard]] static Result<void> advance(Input& input);

  std::vector<Input> inputs_;
  Input* given_ = nullptr;  ///< whose packet the caller holds
};

}  // namespace rtpx::capture
