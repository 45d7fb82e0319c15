#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compose/film_pictures.hpp"
#include "mux/muxer.hpp"
#include "mux/published_file.hpp"

namespace rtpx::film {

/// What was made of a slice, known at its end.
struct SliceOutcome {
  FilmPictures::Stats stats;
  std::optional<double> measured_loudness;  ///< of a slice that is the sound
  std::vector<ConvertNote> notes;
};

/// Samples of one track of a film, with the times that they have in it: what one process hands to another that joins
/// them. Big-endian:
///   "rtpxfilm", u32 length, JSON {"film", "number", "of"}
///   for each sample: u8 1, u64 time, u64 duration, u64 discard (ns), u8 keyframe, u32 length, data
///   u8 2, u32 length, JSON of the outcome, u32 CRC-32C of all before
class SliceWriter {
 public:
  /// `film`: the same for all slices of one film, and for those of no other. Errors: as of PublishedFile.
  [[nodiscard]] static Result<std::unique_ptr<SliceWriter>> create(const std::filesystem::path& path,
                                                                   const std::string& film, int number, int of);
  [[nodiscard]] Result<void> add(const Sample& sample);
  /// The file appears under its name.
  [[nodiscard]] Result<void> finish(const SliceOutcome& outcome);

 private:
  explicit SliceWriter(std::unique_ptr<PublishedFile> file) : file_(std::move(file)) {}
  [[nodiscard]] Result<void> append(Bytes bytes);
  [[nodiscard]] Result<void> append_text(const std::string& text);

  std::unique_ptr<PublishedFile> file_;
  std::uint32_t crc_ = 0;
};

/// Reads what SliceWriter wrote. Total.
class SliceReader {
 public:
  /// Errors: not_found, io; malformed: another film's, another number's, or no slice at all.
  [[nodiscard]] static Result<std::unique_ptr<SliceReader>> open(const std::filesystem::path& path,
                                                                 const std::string& film, int number, int of);
  /// The next sample, of track 0; nullptr: all have been read, and none is missing. Valid until the next call.
  /// Errors: io, malformed, truncated.
  [[nodiscard]] Result<const Sample*> next();
  /// Once next() has answered nullptr.
  [[nodiscard]] const SliceOutcome& outcome() const noexcept { return outcome_; }

 private:
  SliceReader(std::unique_ptr<File> file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  /// So many bytes, which `crc_` counts.
  [[nodiscard]] Result<Bytes> take(std::size_t count);
  [[nodiscard]] Result<std::string> take_text();
  [[nodiscard]] Unexpected<Error> malformed(const char* why) const;

  std::unique_ptr<File> file_;
  const std::filesystem::path path_;
  std::vector<std::byte> buffer_;
  std::size_t used_ = 0;     // of the buffer
  std::uint64_t read_ = 0;   // of the file, into the buffer
  std::uint32_t crc_ = 0;
  bool ended_ = false;
  Sample sample_;
  SliceOutcome outcome_;
};

}  // namespace rtpx::film
