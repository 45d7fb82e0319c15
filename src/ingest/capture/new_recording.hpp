#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "rtpx/recorder.hpp"
#include "storage/recording_file.hpp"

namespace rtpx::capture {

/// A recording made from something that exists already. It is recorded into a folder beside its own, which
/// becomes it in finish(); without that nothing stays.
class NewRecording {
 public:
  /// Checks that `folder` is not there or is empty. Errors: already_exists.
  [[nodiscard]] static Result<void> check(const std::filesystem::path& folder);

  /// `options.folder` is the folder that the recording shall have. Errors: as Recorder::start,
  /// already_exists.
  [[nodiscard]] static Result<std::unique_ptr<NewRecording>> start(Recorder::Options options);
  ~NewRecording();
  NewRecording(const NewRecording&) = delete;
  NewRecording& operator=(const NewRecording&) = delete;

  [[nodiscard]] Recorder& recorder() { return *recorder_; }

  /// Records one packet by `record`, a function that answers an Outcome: flushes now and then, and once more
  /// when the recorder has no room. A file can wait where a network could not.
  template <typename Record>
  [[nodiscard]] Result<Outcome> take(std::size_t bytes, Record&& record) {
    unflushed_ += bytes;
    Outcome outcome = record();
    if (unflushed_ <= kFlushBytes && outcome != Outcome::queue_full) return outcome;
    if (auto flushed = recorder_->flush(); !flushed) return std::unexpected(flushed.error());
    unflushed_ = 0;
    return outcome == Outcome::queue_full ? record() : outcome;
  }

  /// What of the original its packets do not tell, put in before the folder appears. Either may be unset.
  struct Corrections {
    std::function<void(Manifest&)> manifest;
    std::function<void(RecordingInfo&)> info;
  };
  /// Ends all tracks and publishes the folder. `ended` is when the original ended. Errors: io, no_space.
  [[nodiscard]] Result<void> finish(std::optional<UtcTime> ended, const Corrections& corrections = {});

 private:
  static constexpr std::size_t kFlushBytes = 32U << 20;  // well below the recorder's memory

  NewRecording(std::filesystem::path folder, std::filesystem::path work, std::vector<Recipient> recipients)
      : folder_(std::move(folder)), work_(std::move(work)), recipients_(std::move(recipients)) {}
  [[nodiscard]] Result<void> correct_manifest(Manifest manifest, std::optional<UtcTime> ended, const Corrections& corrections) const;

  std::filesystem::path folder_, work_;
  const std::vector<Recipient> recipients_;  // for whom it is sealed; none: it is not
  std::unique_ptr<Recorder> recorder_;
  std::size_t unflushed_ = 0;
  bool finished_ = false;
};

}  // namespace rtpx::capture
