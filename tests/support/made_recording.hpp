#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"
#include "storage/index.hpp"
#include "support/record_files.hpp"

namespace rtpx::test {

/// A recording as the Recorder leaves it, made without the Recorder: record files, index, manifest,
/// recording.json.
struct MadeRecording {
  struct Options {
    std::size_t tracks = 2;
    std::size_t records = 300;  ///< of each track, +- a few
    std::size_t block_bytes = 8000;
    bool ended = true;
    bool index = true;
    bool rtcp = false;
  };
  std::map<std::string, RecordFile> files;                ///< by file name
  std::map<std::string, std::vector<IndexBlock>> blocks;  ///< by file name
  Manifest manifest;
  std::string manifest_text, index_text;
  std::vector<std::uint64_t> index_entry_ends;

  MadeRecording(const std::filesystem::path& folder, unsigned seed)
      : MadeRecording(folder, seed, Options()) {}
  MadeRecording(const std::filesystem::path& folder, unsigned seed, const Options& options);
};

}  // namespace rtpx::test
