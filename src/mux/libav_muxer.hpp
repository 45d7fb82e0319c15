#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mux/codec_id.hpp"
#include "mux/decode_times.hpp"
#include "mux/muxer.hpp"
#include "mux/published_file.hpp"

struct AVFormatContext;
struct AVIOContext;
struct AVPacket;

namespace rtpx {

/// MP4 and Ogg by libavformat, over an PublishedFile. A plain MP4 keeps its index in memory, about 100 bytes
/// a sample, and is rewritten once to bring it to the front; fragmented MP4 and Ogg need constant memory.
class LibavMuxer final : public Muxer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Muxer>> open(Format format, const std::filesystem::path& path,
                                                           const std::vector<OutputTrack>& tracks,
                                                           const MuxHints& hints, FileSystem& files);
  LibavMuxer(Format format, std::unique_ptr<PublishedFile> out);
  ~LibavMuxer() override;
  Result<void> write(const Sample& sample) override;
  Result<void> finish() override;

 private:
  struct Track {
    CodecId codec = CodecId::vp8;
    std::int64_t delay_ns = 0;
    bool sets_in_band = false;  // avc3, hev1
    DecodeTimes decode_times;
    std::uint64_t samples = 0;
    std::int64_t last_dts = 0, step = 1, step_before = 0;  // in the stream's time base
    AVPacket* held = nullptr;                              // of a fragmented file
  };

  static int on_write(void* self, const std::uint8_t* data, int size);
  static std::int64_t on_seek(void* self, std::int64_t offset, int whence);
  static int on_read(void* self, std::uint8_t* data, int size);
  static int on_open(AVFormatContext* context, AVIOContext** io, const char* url, int flags, void* options);

  Result<void> set_up(const std::vector<OutputTrack>& tracks, const MuxHints& hints);
  Result<void> add_stream(const OutputTrack& track);
  int hold(Track& track);
  [[nodiscard]] Error failure(const char* doing, int code);

  Format format_;
  std::int64_t shift_ns_ = 0;  // of all tracks: fragments have no times before 0
  std::unique_ptr<PublishedFile> out_;
  AVFormatContext* context_ = nullptr;
  AVPacket* packet_ = nullptr;
  std::vector<Track> tracks_;
  std::uint64_t write_at_ = 0, read_at_ = 0;
  std::optional<Error> file_error_;
  std::vector<std::byte> joined_;
};

}  // namespace rtpx
