#include "s3/recording_uploads.hpp"

#include <thread>

#include "recorder/support.hpp"

namespace rtpx::test {

using namespace std::chrono_literals;
using namespace std::string_literals;

UploadingRecorder::UploadingRecorder(const std::filesystem::path& base, const S3UploadConfig& config,
                                     std::size_t camera_packet)
    : camera_packet_(camera_packet) {
  Recorder::Options options;
  options.base_dir = base;
  options.sync_interval = 100ms;
  options.uploader = make_s3_uploader(config).value();
  options.upload_while_recording = true;
  options.event_sink = [this](const Event& event) {
    const auto answer = [&](const auto& ended) {
      if (!answered_.exchange(true)) ended_.set_value(ended);
    };
    if (const auto* complete = std::get_if<event::UploadComplete>(&event)) answer(*complete);
    if (const auto* failed = std::get_if<event::UploadFailed>(&event)) answer(*failed);
  };
  recorder_ = Recorder::start(std::move(options)).value();
  ids_ = {"camera"};
  for (int i = 1; i < 8; ++i) ids_.push_back("microphone" + std::to_string(i));
  std::vector<MediaStreamTrack> tracks;
  for (const std::string& id : ids_) tracks.push_back(video(id));
  (void)recorder_->add_tracks(tracks).value();
  for (const std::string& id : ids_) tracks_.push_back(recorder_->track(id).value());
}

void UploadingRecorder::record_for(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  for (auto now = std::chrono::steady_clock::now(); now < end; now += 2ms) {
    for (int i = 0; i < 100; ++i, ++sent_) {
      const bool camera = i % 2 == 0;
      Recorder::Track& track = tracks_[camera ? 0 : 1 + sent_ / 2 % 7];
      const auto packet = rtp(static_cast<std::uint32_t>(sent_), camera ? camera_packet_ : 40);
      if (track.record(0, packet) != rtpx::Outcome::accepted) ++refused_;
    }
    std::this_thread::sleep_until(now + 2ms);
  }
}

std::filesystem::path UploadingRecorder::end() {
  (void)recorder_->end_tracks(ids_).value();
  return recorder_->folder();
}

std::unique_ptr<Child> tls_server(const std::filesystem::path& folder, int port) {
  const std::string key = folder / "key.pem", cert = folder / "cert.pem";
  (void)run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                     "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert});
  std::vector<std::string> command = {"sh", "-c", "exec \"$@\" 2>/dev/null", "sh"};
  for (const std::string& word : {"openssl"s, "s_server"s, "-www"s, "-accept"s,
                                  "127.0.0.1:" + std::to_string(port), "-cert"s, cert, "-key"s, key})
    command.push_back(word);
  auto server = std::make_unique<Child>(command);
  server->wait_for("ACCEPT");
  return server;
}

}  // namespace rtpx::test
