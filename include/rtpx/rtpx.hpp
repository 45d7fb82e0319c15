#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtpx/expected.hpp"
#include "rtpx/rtpx.h"

/// librtpx.so.1 for C++20: rtpx.h with owners and results, in a header alone. Nothing of C++ crosses the library's border,
/// so any compiler and standard library will do, and a program goes on working with later versions. What the functions
/// do, rtpx.h says. (recorder.hpp and its like are the interface of the static libraries.)
namespace rtpx::api {

/// A failure: RTPX_ERROR_…, its name for programs ("not_found") and a sentence for people.
struct Error {
  int code = RTPX_ERROR_INTERNAL;
  std::string name, message;
};
template <typename T>
using Result = Expected<T, Error>;

namespace detail {

/// The last argument of a call that can fail.
class ErrorSlot {
 public:
  ErrorSlot() = default;
  ErrorSlot(const ErrorSlot&) = delete;
  ErrorSlot& operator=(const ErrorSlot&) = delete;
  ~ErrorSlot() { rtpx_error_free(error_); }
  operator rtpx_error**() noexcept { return &error_; }
  [[nodiscard]] Unexpected<Error> failure() const {
    if (error_ == nullptr) return Unexpected<Error>(Error{RTPX_ERROR_INTERNAL, "internal", "There is not enough memory."});
    return Unexpected<Error>(Error{rtpx_error_code(error_), rtpx_error_name(error_), rtpx_error_message(error_)});
  }

 private:
  rtpx_error* error_ = nullptr;
};

[[nodiscard]] inline Result<std::string> text(char* from, const ErrorSlot& error) {
  if (from == nullptr) return error.failure();
  std::string out(from);
  rtpx_free(from);
  return out;
}

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

}  // namespace detail

/// A live track. May outlive its recorder: then every packet is RTPX_ENDED.
class Track {
 public:
  /// Takes a copy of one RTP packet and answers RTPX_ACCEPTED or why not. Never waits.
  int record(std::span<const std::byte> packet, unsigned rid_index = 0,
             std::int64_t arrival_ns = RTPX_ARRIVES_NOW) noexcept {
    const rtpx_packet_info info{sizeof info, arrival_ns, nullptr};
    return rtpx_track_record(track_.get(), rid_index, packet.data(), packet.size(), &info);
  }
  int record_rtcp(std::span<const std::byte> packet, std::int64_t arrival_ns = RTPX_ARRIVES_NOW) noexcept {
    const rtpx_packet_info info{sizeof info, arrival_ns, nullptr};
    return rtpx_track_record_rtcp(track_.get(), packet.data(), packet.size(), &info);
  }

 private:
  friend class Recorder;
  explicit Track(rtpx_track* track) : track_(track) {}
  std::unique_ptr<rtpx_track, detail::FreeWith<rtpx_track_free>> track_;
};

/// Records tracks. Its end ends them and waits until they are on disk.
class Recorder {
 public:
  /// With the defaults that rtpx.h tells. What its members point to must live until start() returns.
  struct Options : rtpx_recorder_options {
    Options() : rtpx_recorder_options() { rtpx_recorder_options_init(this, sizeof(rtpx_recorder_options)); }
  };

  [[nodiscard]] static Result<Recorder> start(const Options& options = {}) {
    detail::ErrorSlot error;
    if (rtpx_recorder* made = rtpx_recorder_start(&options, error)) return Recorder(made);
    return error.failure();
  }

  /// Tracks as a JSON array; answers their manifest as JSON.
  [[nodiscard]] Result<std::string> add_tracks(const std::string& json) {
    detail::ErrorSlot error;
    return detail::text(rtpx_recorder_add_tracks_json(recorder_.get(), json.c_str(), error), error);
  }
  [[nodiscard]] Result<std::string> add_tracks(std::span<const rtpx_track_info> tracks) {
    detail::ErrorSlot error;
    return detail::text(rtpx_recorder_add_tracks(recorder_.get(), tracks.data(), tracks.size(), error), error);
  }
  [[nodiscard]] Result<Track> track(const std::string& id) {
    detail::ErrorSlot error;
    if (rtpx_track* found = rtpx_recorder_track(recorder_.get(), id.c_str(), error)) return Track(found);
    return error.failure();
  }

  struct Ended {
    std::string manifest;          ///< of the ended tracks, as JSON
    std::uint64_t upload_ref = 0;  ///< 0: none began
  };
  [[nodiscard]] Result<Ended> end_tracks(std::span<const std::string> ids, const std::string& reason = "ended") {
    detail::ErrorSlot error;
    std::vector<const char*> names;
    for (const std::string& id : ids) names.push_back(id.c_str());
    Ended out;
    auto manifest = detail::text(rtpx_recorder_end_tracks(recorder_.get(), names.data(), names.size(), reason.c_str(),
                                                          &out.upload_ref, error),
                                 error);
    return std::move(manifest).transform([&](std::string&& json) {
      out.manifest = std::move(json);
      return std::move(out);
    });
  }
  [[nodiscard]] Result<void> flush() {
    detail::ErrorSlot error;
    if (rtpx_recorder_flush(recorder_.get(), error) == 0) return {};
    return error.failure();
  }

  [[nodiscard]] std::string folder() const { return own(rtpx_recorder_folder(recorder_.get())); }
  [[nodiscard]] std::string manifest() const { return own(rtpx_recorder_manifest(recorder_.get())); }
  [[nodiscard]] rtpx_recorder_stats stats() const {
    rtpx_recorder_stats out{};
    out.size = sizeof out;
    rtpx_recorder_get_stats(recorder_.get(), &out);
    return out;
  }

  /// Without on_event: the next event as JSON, empty when none waits; and a descriptor to poll.
  [[nodiscard]] std::string next_event() {
    const std::unique_ptr<rtpx_event, detail::FreeWith<rtpx_event_free>> event(rtpx_recorder_next_event(recorder_.get()));
    return event ? rtpx_event_json(event.get()) : "";
  }
  [[nodiscard]] int event_fd() const noexcept { return rtpx_recorder_event_fd(recorder_.get()); }

 private:
  explicit Recorder(rtpx_recorder* recorder) : recorder_(recorder) {}
  [[nodiscard]] static std::string own(char* text) { return detail::text(text, {}).value_or(std::string()); }
  std::unique_ptr<rtpx_recorder, detail::FreeWith<rtpx_recorder_free>> recorder_;
};

/// With the defaults that rtpx.h tells. What its members point to must live until convert() returns.
struct ConvertOptions : rtpx_convert_options {
  ConvertOptions() : rtpx_convert_options() { rtpx_convert_options_init(this, sizeof(rtpx_convert_options)); }
};
/// Told of progress on the calling thread; true cancels. Must not throw. Takes the place of ConvertOptions::progress.
using Progress = std::function<bool(double fraction, double seconds_left, std::string_view what)>;

/// Answers JSON, as rtpx_convert() does.
[[nodiscard]] inline Result<std::string> convert(const std::string& recording, ConvertOptions options = {},
                                                 const Progress& progress = {}) {
  if (progress) {
    options.progress_user = const_cast<Progress*>(&progress);
    options.progress = [](void* user, double fraction, double seconds_left, const char* what) {
      return (*static_cast<const Progress*>(user))(fraction, seconds_left, what) ? 1 : 0;
    };
  }
  detail::ErrorSlot error;
  return detail::text(rtpx_convert(recording.c_str(), &options, error), error);
}
[[nodiscard]] inline Result<std::string> inspect(const std::string& recording) {
  detail::ErrorSlot error;
  return detail::text(rtpx_inspect(recording.c_str(), nullptr, error), error);
}
[[nodiscard]] inline Result<std::string> read_manifest(const std::string& path) {
  detail::ErrorSlot error;
  return detail::text(rtpx_read_manifest(path.c_str(), error), error);
}

/// The secret key that opens what was sealed for its recipient.
class Identity {
 public:
  [[nodiscard]] static Result<Identity> generate() {
    detail::ErrorSlot error;
    return made(rtpx_identity_generate(error), error);
  }
  /// From an identity file; an empty passphrase is none.
  [[nodiscard]] static Result<Identity> load(const std::string& file, const std::string& passphrase = {}) {
    detail::ErrorSlot error;
    return made(rtpx_identity_load(file.c_str(), given(passphrase), error), error);
  }
  [[nodiscard]] static Result<Identity> parse(const std::string& text, const std::string& passphrase = {}) {
    detail::ErrorSlot error;
    return made(rtpx_identity_parse(text.c_str(), given(passphrase), error), error);
  }
  [[nodiscard]] std::string recipient() const {
    return detail::text(rtpx_identity_recipient(identity_.get()), {}).value_or(std::string());
  }
  [[nodiscard]] Result<std::string> text(const std::string& passphrase = {}) const {
    detail::ErrorSlot error;
    return detail::text(rtpx_identity_text(identity_.get(), given(passphrase), error), error);
  }
  /// For rtpx_keys::identities.
  [[nodiscard]] const rtpx_identity* get() const noexcept { return identity_.get(); }

 private:
  explicit Identity(rtpx_identity* identity) : identity_(identity) {}
  [[nodiscard]] static const char* given(const std::string& passphrase) {
    return passphrase.empty() ? nullptr : passphrase.c_str();
  }
  [[nodiscard]] static Result<Identity> made(rtpx_identity* identity, const detail::ErrorSlot& error) {
    if (identity != nullptr) return Identity(identity);
    return error.failure();
  }
  std::unique_ptr<rtpx_identity, detail::FreeWith<rtpx_identity_free>> identity_;
};

/// Decoded pictures: of a converted file, or of a recording's track (Reader::pictures()).
class Pictures {
 public:
  [[nodiscard]] static Result<Pictures> open(const std::string& file) {
    detail::ErrorSlot error;
    if (rtpx_pictures* opened = rtpx_pictures_open(file.c_str(), error)) return Pictures(opened);
    return error.failure();
  }
  /// The next one, whose bytes stay until the next call; nullptr at the end.
  [[nodiscard]] Result<const rtpx_picture*> next() {
    detail::ErrorSlot error;
    const int got = rtpx_pictures_next(pictures_.get(), &picture_, error);
    if (got < 0) return error.failure();
    return got == 1 ? &picture_ : nullptr;
  }
  [[nodiscard]] Result<void> seek(std::int64_t time_ns) {
    detail::ErrorSlot error;
    if (rtpx_pictures_seek(pictures_.get(), time_ns, error) == 0) return {};
    return error.failure();
  }

 private:
  friend class Reader;
  explicit Pictures(rtpx_pictures* pictures) : pictures_(pictures) {}
  std::unique_ptr<rtpx_pictures, detail::FreeWith<rtpx_pictures_free>> pictures_;
  rtpx_picture picture_{sizeof(rtpx_picture), 0, nullptr, 0, 0, 0};
};

/// Frames of one track, in decoding order.
class Frames {
 public:
  /// RTPX_NEXT_FRAME, RTPX_NEXT_NOT_YET, RTPX_NEXT_END; then frame() is the last one, until the next call.
  [[nodiscard]] Result<int> next() {
    detail::ErrorSlot error;
    const int got = rtpx_frames_next(frames_.get(), &frame_, error);
    if (got < 0) return error.failure();
    return got;
  }
  [[nodiscard]] const rtpx_frame& frame() const noexcept { return frame_; }
  [[nodiscard]] std::span<const std::byte> data() const noexcept {
    return {static_cast<const std::byte*>(frame_.data), frame_.data_size};
  }
  /// Answers the time of the frame that comes next.
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns) {
    detail::ErrorSlot error;
    std::int64_t at = 0;
    if (rtpx_frames_seek(frames_.get(), time_ns, &at, error) == 0) return at;
    return error.failure();
  }

 private:
  friend class Reader;
  explicit Frames(rtpx_frames* frames) : frames_(frames) { frame_.size = sizeof frame_; }
  std::unique_ptr<rtpx_frames, detail::FreeWith<rtpx_frames_free>> frames_;
  rtpx_frame frame_{};
};

/// A recording that is open: looked through once, read from any time. An empty `rid` is the largest layer at each moment.
class Reader {
 public:
  /// With the defaults that rtpx.h tells. What its members point to must live until open() returns; `progress`, its user and
  /// `stop`, which refresh() and wait() use as well, as long as the Reader.
  struct Options : rtpx_reader_options {
    Options() : rtpx_reader_options() { rtpx_reader_options_init(this, sizeof(rtpx_reader_options)); }
  };

  [[nodiscard]] static Result<Reader> open(const std::string& recording, const Options& options = {}) {
    detail::ErrorSlot error;
    if (rtpx_reader* opened = rtpx_reader_open(recording.c_str(), &options, error)) return Reader(opened);
    return error.failure();
  }
  /// As JSON.
  [[nodiscard]] Result<std::string> tracks() const {
    detail::ErrorSlot error;
    return detail::text(rtpx_reader_tracks(reader_.get(), error), error);
  }
  [[nodiscard]] Result<Frames> frames(const std::string& track, const std::string& rid = {},
                                      std::int64_t from_ns = INT64_MIN) const {
    detail::ErrorSlot error;
    if (rtpx_frames* opened = rtpx_reader_frames(reader_.get(), track.c_str(), given(rid), from_ns, error))
      return Frames(opened);
    return error.failure();
  }
  [[nodiscard]] Result<Pictures> pictures(const std::string& track, const std::string& rid = {},
                                          std::int64_t from_ns = INT64_MIN) const {
    detail::ErrorSlot error;
    if (rtpx_pictures* opened = rtpx_reader_pictures(reader_.get(), track.c_str(), given(rid), from_ns, error))
      return Pictures(opened);
    return error.failure();
  }
  /// False: there is none at or before that time.
  [[nodiscard]] Result<bool> keyframe_before(const std::string& track, const std::string& rid, std::int64_t time_ns,
                                             std::int64_t& keyframe_ns) const {
    detail::ErrorSlot error;
    return yes(rtpx_reader_keyframe_before(reader_.get(), track.c_str(), given(rid), time_ns, &keyframe_ns, error), error);
  }
  /// True: more has been recorded since.
  [[nodiscard]] Result<bool> refresh() {
    detail::ErrorSlot error;
    return yes(rtpx_reader_refresh(reader_.get(), error), error);
  }
  [[nodiscard]] Result<bool> wait(std::uint32_t most_ms) {
    detail::ErrorSlot error;
    return yes(rtpx_reader_wait(reader_.get(), most_ms, error), error);
  }

 private:
  explicit Reader(rtpx_reader* reader) : reader_(reader) {}
  [[nodiscard]] static const char* given(const std::string& rid) { return rid.empty() ? nullptr : rid.c_str(); }
  [[nodiscard]] static Result<bool> yes(int answer, const detail::ErrorSlot& error) {
    if (answer < 0) return error.failure();
    return answer == 1;
  }
  std::unique_ptr<rtpx_reader, detail::FreeWith<rtpx_reader_free>> reader_;
};

/// With the defaults that rtpx.h tells. What its members point to must live until compose() returns.
struct ComposeOptions : rtpx_compose_options {
  ComposeOptions() : rtpx_compose_options() { rtpx_compose_options_init(this, sizeof(rtpx_compose_options)); }
};
/// Answers JSON, as rtpx_compose() does.
[[nodiscard]] inline Result<std::string> compose(std::span<const std::string> recordings, const ComposeOptions& options) {
  detail::ErrorSlot error;
  std::vector<const char*> names;
  for (const std::string& recording : recordings) names.push_back(recording.c_str());
  return detail::text(rtpx_compose(names.data(), names.size(), &options, error), error);
}

}  // namespace rtpx::api
