#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <variant>

#include "rtpx/recorder.hpp"
#include "rtpx/s3.hpp"
#include "support/child.hpp"

namespace rtpx::test {

/// A Recorder of eight tracks, fed at 50,000 packets a second, whose finished parts are stored while it
/// records.
class UploadingRecorder {
 public:
  using Outcome = std::variant<event::UploadComplete, event::UploadFailed>;

  UploadingRecorder(const std::filesystem::path& base, const S3UploadConfig& config,
                    std::size_t camera_packet = 250);

  void record_for(std::chrono::milliseconds time);
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::filesystem::path folder() const { return recorder_->folder(); }
  /// Ends all tracks; answers the recording's folder.
  std::filesystem::path end();
  /// Of the first upload that ends; a failure where none does.
  [[nodiscard]] Outcome outcome() {
    auto ended = ended_.get_future();
    return ended.wait_for(std::chrono::minutes(5)) == std::future_status::ready ? ended.get() : event::UploadFailed{};
  }

 private:
  std::size_t camera_packet_;
  std::promise<Outcome> ended_;
  std::atomic<bool> answered_ = false;
  std::vector<std::string> ids_;
  std::vector<Recorder::Track> tracks_;
  std::uint64_t sent_ = 0, refused_ = 0;
  std::unique_ptr<Recorder> recorder_;
};

/// A TLS server at `port` of loopback that nobody's authority vouches for; its certificate is
/// `folder/cert.pem`.
[[nodiscard]] std::unique_ptr<Child> tls_server(const std::filesystem::path& folder, int port);

}  // namespace rtpx::test
