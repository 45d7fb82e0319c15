#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "base/file_system.hpp"
#include "ingest/capture/capture.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"

namespace rtpx::capture {

/// A file that appears under its name when finish() says so, and not at all without it.
class CaptureFile {
 public:
  /// Errors: io, denied, no_space.
  [[nodiscard]] static Result<CaptureFile> create(const std::filesystem::path& file);
  CaptureFile(CaptureFile&&) = default;
  CaptureFile& operator=(CaptureFile&&) = default;
  ~CaptureFile();

  [[nodiscard]] Result<void> write(Bytes bytes);
  [[nodiscard]] Result<void> finish();

 private:
  CaptureFile() = default;
  std::filesystem::path file_, temporary_;
  std::unique_ptr<File> output_;
  std::vector<std::byte> buffer_;
};

/// Writes packets as other programs' capture files have them.
class Writer {
 public:
  virtual ~Writer() = default;
  /// `track` numbers tracks from 0. Errors: io, no_space; unsupported for a packet that the format cannot
  /// hold.
  [[nodiscard]] virtual Result<void> write(std::size_t track, bool rtcp, UtcTime time, Bytes packet) = 0;
  [[nodiscard]] Result<void> finish() { return output_.finish(); }

 protected:
  explicit Writer(CaptureFile output) : output_(std::move(output)) {}
  CaptureFile output_;
};

/// pcap with microseconds, Ethernet, IPv4: every track a UDP flow of its own between documentation addresses
/// (RFC 5737), RTCP on the RTP ports (RFC 5761).
[[nodiscard]] Result<std::unique_ptr<Writer>> make_pcap_writer(const std::filesystem::path& file);
/// rtptools' format. `start`: time of the first packet.
[[nodiscard]] Result<std::unique_ptr<Writer>> make_rtpdump_writer(const std::filesystem::path& file,
                                                                  UtcTime start);
/// Janus's format, version 2, of one track; RTCP is passed over. Errors besides: unsupported codec.
[[nodiscard]] Result<std::unique_ptr<Writer>> make_mjr_writer(const std::filesystem::path& file,
                                                              UtcTime start, const ManifestTrack& track);

}  // namespace rtpx::capture
