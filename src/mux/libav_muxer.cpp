#include "mux/libav_muxer.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "mux/libav_api.hpp"
#include "mux/libav_quiet.hpp"
#include "mux/opus_head.hpp"
#include "mux/parameter_sets.hpp"
#include "mux/payload.hpp"
#include "mux/presentation_end.hpp"

namespace rtpx {
namespace {

constexpr int kIoBuffer = 64 << 10;
constexpr AVRational kNanoseconds{1, 1'000'000'000};
constexpr std::int64_t kMostDecodedAheadNs = 1'000'000;  // 16 pictures, a tick of 1/90,000 s each, and more

AVCodecID libav_codec(CodecId codec) {
  switch (codec) {
    case CodecId::vp8:
      return AV_CODEC_ID_VP8;
    case CodecId::vp9:
      return AV_CODEC_ID_VP9;
    case CodecId::av1:
      return AV_CODEC_ID_AV1;
    case CodecId::h264:
      return AV_CODEC_ID_H264;
    case CodecId::h265:
      return AV_CODEC_ID_HEVC;
    case CodecId::opus:
      return AV_CODEC_ID_OPUS;
    case CodecId::pcmu:
      return AV_CODEC_ID_PCM_MULAW;
    case CodecId::pcma:
      return AV_CODEC_ID_PCM_ALAW;
    case CodecId::g722:
      return AV_CODEC_ID_ADPCM_G722;
    case CodecId::l16:
      return AV_CODEC_ID_PCM_S16BE;
    case CodecId::aac:
      return AV_CODEC_ID_AAC;
    case CodecId::flac:
      return AV_CODEC_ID_FLAC;
  }
  return AV_CODEC_ID_NONE;
}

const char* muxer_name(Format format) {
  return format == Format::ogg ? "ogg" : "mp4";
}

// How many pictures a decoder holds back, as the parameter sets say: it reads them when it meets the first
// picture.
unsigned reorder_depth(const AVCodecParameters& parameters, AVPacket& first) {
  if (parameters.codec_id != AV_CODEC_ID_H264 && parameters.codec_id != AV_CODEC_ID_HEVC) return 0;
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  AVCodecContext* context = codec != nullptr ? avcodec_alloc_context3(codec) : nullptr;
  unsigned depth = 0;
  if (context != nullptr && avcodec_parameters_to_context(context, &parameters) >= 0) {
    context->thread_count = 1;
    if (avcodec_open2(context, codec, nullptr) >= 0) {
      (void)avcodec_send_packet(context, &first);
      depth = static_cast<unsigned>(std::clamp(context->has_b_frames, 0, 16));
    }
  }
  avcodec_free_context(&context);
  return depth;
}

// 16.16 fixed point, rows are the picture's axes (ISO/IEC 14496-12 section 6.2.2). A mirror comes before the
// turn.
std::array<std::int32_t, 9> display_matrix(const OutputTrack& track) {
  constexpr std::array<int, 4> kCosine{1, 0, -1, 0}, kSine{0, 1, 0, -1};
  const auto quarter = static_cast<std::size_t>(((track.rotation % 360) + 360) % 360 / 90);
  const int mirror = track.mirrored ? -1 : 1;
  const int cosine = kCosine[quarter] << 16, sine = kSine[quarter] << 16;
  return {mirror * cosine, mirror * sine, 0, -sine, cosine, 0, 0, 0, 1 << 30};
}

bool set_extradata(AVCodecParameters& parameters, Bytes bytes) {
  if (bytes.empty()) return true;
  parameters.extradata = static_cast<std::uint8_t*>(av_mallocz(bytes.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  if (parameters.extradata == nullptr) return false;
  std::memcpy(parameters.extradata, bytes.data(), bytes.size());
  parameters.extradata_size = static_cast<int>(bytes.size());
  return true;
}

// FLAC's codec_private may be Matroska's ("fLaC", block header, STREAMINFO) or the STREAMINFO alone.
Bytes stream_info(Bytes setup) {
  if (setup.size() >= 42 && as_text(setup.first(4)) == "fLaC") return setup.subspan(8, 34);
  return setup;
}

}  // namespace

Result<std::unique_ptr<Muxer>> LibavMuxer::open(Format format, const std::filesystem::path& path,
                                                const std::vector<OutputTrack>& tracks, const MuxHints& hints,
                                                FileSystem& files) {
  auto out = PublishedFile::create(path, files);
  if (!out) return std::unexpected(out.error());
  auto muxer = std::make_unique<LibavMuxer>(format, std::move(*out));
  if (auto ready = muxer->set_up(tracks, hints); !ready) return std::unexpected(ready.error());
  return muxer;
}

LibavMuxer::LibavMuxer(Format format, std::unique_ptr<PublishedFile> out)
    : format_(format), out_(std::move(out)) {}

LibavMuxer::~LibavMuxer() {
  if (context_ != nullptr && context_->pb != nullptr) {
    av_freep(&context_->pb->buffer);
    avio_context_free(&context_->pb);
  }
  avformat_free_context(context_);
  av_packet_free(&packet_);
  for (Track& track : tracks_) av_packet_free(&track.held);
}

int LibavMuxer::on_write(void* opaque, const std::uint8_t* data, int size) {
  auto& self = *static_cast<LibavMuxer*>(opaque);
  Bytes bytes = std::as_bytes(std::span(data, static_cast<std::size_t>(size)));
  Result<void> written;
  if (self.write_at_ < self.out_->position()) {
    const auto inside = std::min<std::uint64_t>(bytes.size(), self.out_->position() - self.write_at_);
    written = self.out_->patch(self.write_at_, bytes.first(inside));
    self.write_at_ += inside;
    bytes = bytes.subspan(inside);
  }
  if (written && !bytes.empty()) {
    written = self.out_->append(bytes);
    self.write_at_ += bytes.size();
  }
  if (written) return size;
  self.file_error_ = written.error();
  return AVERROR(EIO);
}

std::int64_t LibavMuxer::on_seek(void* opaque, std::int64_t offset, int whence) {
  auto& self = *static_cast<LibavMuxer*>(opaque);
  const auto end = static_cast<std::int64_t>(self.out_->position());
  if ((whence & AVSEEK_SIZE) != 0) return end;
  if (whence == SEEK_CUR) offset += static_cast<std::int64_t>(self.write_at_);
  if (whence == SEEK_END) offset += end;
  if (offset < 0 || offset > end) return AVERROR(EINVAL);
  self.write_at_ = static_cast<std::uint64_t>(offset);
  return offset;
}

int LibavMuxer::on_read(void* opaque, std::uint8_t* data, int size) {
  auto& self = *static_cast<LibavMuxer*>(opaque);
  const auto count = self.out_->read_back(
      self.read_at_, std::as_writable_bytes(std::span(data, static_cast<std::size_t>(size))));
  if (!count) {
    self.file_error_ = count.error();
    return AVERROR(EIO);
  }
  self.read_at_ += *count;
  return *count == 0 ? AVERROR_EOF : static_cast<int>(*count);
}

// libavformat reads what it wrote, to move it behind the index.
int LibavMuxer::on_open(AVFormatContext* context, AVIOContext** io, const char*, int flags, void*) {
  auto& self = *static_cast<LibavMuxer*>(context->opaque);
  if ((flags & AVIO_FLAG_WRITE) != 0) return AVERROR(ENOSYS);
  const auto seek = [](void* opaque, std::int64_t offset, int whence) -> std::int64_t {
    auto& reader = *static_cast<LibavMuxer*>(opaque);
    if (whence == SEEK_CUR) offset += static_cast<std::int64_t>(reader.read_at_);
    if (whence == SEEK_END || (whence & AVSEEK_SIZE) != 0 || offset < 0) return AVERROR(ENOSYS);
    reader.read_at_ = static_cast<std::uint64_t>(offset);
    return offset;
  };
  self.read_at_ = 0;
  auto* buffer = static_cast<unsigned char*>(av_malloc(kIoBuffer));
  *io = buffer != nullptr ? avio_alloc_context(buffer, kIoBuffer, 0, &self, on_read, nullptr, seek) : nullptr;
  if (*io != nullptr) return 0;
  av_free(buffer);
  return AVERROR(ENOMEM);
}

Error LibavMuxer::failure(const char* doing, int code) {
  if (file_error_) return *file_error_;
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  return {code == AVERROR(ENOMEM) || code == AVERROR(EIO) ? Errc::io : Errc::malformed,
          std::string("cannot ") + doing + " " + out_->path().string() + " as " + name_of(format_) + ": " +
              text.data()};
}

Result<void> LibavMuxer::add_stream(const OutputTrack& track) {
  const CodecId codec = *codec_of(track.mime_type);
  const StreamConfig& config = track.config;
  AVStream* stream = avformat_new_stream(context_, nullptr);
  if (stream == nullptr) return std::unexpected(failure("begin", AVERROR(ENOMEM)));
  AVCodecParameters& parameters = *stream->codecpar;
  parameters.codec_id = libav_codec(codec);
  Track known{codec, track.codec_delay_ns, track.config_changes};
  Bytes setup = config.codec_private;
  std::vector<std::byte> head_bytes;

  if (is_video(codec)) {
    parameters.codec_type = AVMEDIA_TYPE_VIDEO;
    parameters.width = config.width;
    parameters.height = config.height;
    parameters.format = AV_PIX_FMT_YUV420P;
    stream->time_base = {1, 90'000};
    if (config.width <= 0 || config.height <= 0)
      return fail(Errc::invalid_argument, out_->path().string() + ": the picture size of a track of " +
                                              track.mime_type + " is not known");
    if (codec == CodecId::vp9) setup = {};  // libavformat makes the vpcC
    if (codec == CodecId::h264 && track.config_changes) parameters.codec_tag = MKTAG('a', 'v', 'c', '3');
    if (codec == CodecId::h265)
      parameters.codec_tag = track.config_changes ? MKTAG('h', 'e', 'v', '1') : MKTAG('h', 'v', 'c', '1');
  } else {
    parameters.codec_type = AVMEDIA_TYPE_AUDIO;
    parameters.sample_rate = codec == CodecId::opus ? 48'000 : static_cast<int>(config.sample_rate);
    parameters.frame_size = codec == CodecId::opus ? 960 : codec == CodecId::aac ? 1024 : 0;
    stream->time_base = {1, std::max(parameters.sample_rate, 1)};
    unsigned channels = config.channels;
    if (codec == CodecId::opus) {
      auto head = opus_head(track);
      if (!head)
        return std::unexpected(Error{head.error().code, out_->path().string() + ": " + head.error().message});
      known.delay_ns = head->delay_ns();
      parameters.initial_padding = head->pre_skip;
      head_bytes = std::move(head->bytes);
      setup = head_bytes;
      channels = static_cast<unsigned>(head_bytes[9]);
    } else if (known.delay_ns > 0) {
      parameters.initial_padding =
          static_cast<int>(known.delay_ns / 1000 * parameters.sample_rate / 1'000'000);
    }
    if (codec == CodecId::flac) setup = stream_info(setup);
    av_channel_layout_default(&parameters.ch_layout, static_cast<int>(std::max(channels, 1U)));
  }
  if (setup.empty() && codec != CodecId::vp8 && codec != CodecId::vp9)
    return fail(Errc::invalid_argument, out_->path().string() + ": the codec configuration of a track of " +
                                            track.mime_type + " is not known (no parameter sets or header)");
  if (!set_extradata(parameters, setup)) return std::unexpected(failure("begin", AVERROR(ENOMEM)));
  if (is_video(codec) && (track.rotation % 360 != 0 || track.mirrored)) {
    const auto matrix = display_matrix(track);
    if (!libav::set_display_matrix(*stream, matrix))
      return std::unexpected(failure("begin", AVERROR(ENOMEM)));
  }
  if (!track.name.empty()) av_dict_set(&stream->metadata, "handler_name", track.name.c_str(), 0);
  av_dict_set(&stream->metadata, "language", "und", 0);
  tracks_.push_back(known);
  return {};
}

Result<void> LibavMuxer::set_up(const std::vector<OutputTrack>& tracks, const MuxHints& hints) {
  quiet_libav();
  packet_ = av_packet_alloc();
  const int made = avformat_alloc_output_context2(&context_, nullptr, muxer_name(format_), nullptr);
  if (made < 0 || packet_ == nullptr)
    return std::unexpected(failure("begin", made < 0 ? made : AVERROR(ENOMEM)));
  auto* buffer = static_cast<unsigned char*>(av_malloc(kIoBuffer));
  const auto write = [](void* self, libav::WrittenByte* data, int size) {
    return on_write(self, data, size);
  };
  context_->pb =
      buffer != nullptr ? avio_alloc_context(buffer, kIoBuffer, 1, this, nullptr, write, on_seek) : nullptr;
  if (context_->pb == nullptr) {
    av_free(buffer);
    return std::unexpected(failure("begin", AVERROR(ENOMEM)));
  }
  context_->opaque = this;
  context_->io_open = [](AVFormatContext* context, AVIOContext** io, const char* url, int flags,
                         AVDictionary** options) { return on_open(context, io, url, flags, options); };
  context_->io_close2 = [](AVFormatContext*, AVIOContext* io) {
    av_freep(&io->buffer);
    avio_context_free(&io);
    return 0;
  };
  context_->url = av_strdup("");
  context_->flags |= AVFMT_FLAG_BITEXACT;
  context_->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
  if (!hints.title.empty()) av_dict_set(&context_->metadata, "title", hints.title.c_str(), 0);
  if (!hints.date_utc.empty()) av_dict_set(&context_->metadata, "creation_time", hints.date_utc.c_str(), 0);
  for (const OutputTrack& track : tracks)
    if (auto added = add_stream(track); !added) return added;

  AVDictionary* options = nullptr;
  if (format_ == Format::mp4) av_dict_set(&options, "movflags", "faststart", 0);
  if (format_ == Format::fmp4) {
    const bool several = tracks_.size() > 1;  // libavformat shifts one by itself
    for (const Track& track : tracks_)
      shift_ns_ = std::max(
          {shift_ns_, track.delay_ns, several && has_parameter_sets(track.codec) ? kMostDecodedAheadNs : 0});
    av_dict_set(&options, "movflags",
                "frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets+global_sidx+frag_discont",
                0);
    av_dict_set(&options, "frag_duration", "5000000", 0);  // keyframes may be minutes apart
  }
  const int begun = avformat_write_header(context_, &options);
  av_dict_free(&options);
  if (begun < 0) return std::unexpected(failure("begin", begun));
  return {};
}

Result<void> LibavMuxer::write(const Sample& sample) {
  if (sample.track >= tracks_.size() || sample.time_ns < 0)
    return fail(Errc::invalid_argument, out_->path().string() + ": a sample of track " +
                                            std::to_string(sample.track) + " at " +
                                            std::to_string(sample.time_ns) + " ns has no place in the file");
  Track& track = tracks_[sample.track];
  Bytes data = track.codec == CodecId::av1 ? without_temporal_delimiter(sample.data) : sample.data;
  if (data.size() > INT32_MAX / 2)
    return fail(Errc::malformed, out_->path().string() + ": a frame of over 1 GiB");
  if (sample.new_config != nullptr && !sample.new_config->codec_private.empty()) {
    if (has_parameter_sets(track.codec) && !track.sets_in_band && sample.keyframe)
      return fail(Errc::unsupported, out_->path().string() +
                                         ": the parameter sets change, and the file's header says that they "
                                         "do not");
    const auto sets = missing_parameter_sets(track.codec, sample.new_config->codec_private, data);
    if (!sets)
      return std::unexpected(Error{sets.error().code, out_->path().string() + ": " + sets.error().message});
    if (!sets->empty()) {
      joined_.assign(sets->begin(), sets->end());
      joined_.insert(joined_.end(), data.begin(), data.end());
      data = joined_;
    }
  }
  const AVRational base = context_->streams[sample.track]->time_base;
  packet_->stream_index = static_cast<int>(sample.track);
  packet_->pts = av_rescale_q(sample.time_ns - track.delay_ns + shift_ns_, kNanoseconds, base);
  packet_->duration =
      av_rescale_q(std::max<std::int64_t>(sample.duration_ns - sample.discard_ns, 0), kNanoseconds, base);
  packet_->flags = (sample.keyframe || !is_video(track.codec) ? AV_PKT_FLAG_KEY : 0) |
                   (sample.discardable ? AV_PKT_FLAG_DISPOSABLE : 0);
  packet_->data =
      reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(data.data()));  // not reference counted: copied
  packet_->size = static_cast<int>(data.size());
  if (track.samples++ == 0)
    track.decode_times = DecodeTimes(reorder_depth(*context_->streams[sample.track]->codecpar, *packet_));
  packet_->dts = track.decode_times.next(packet_->pts);
  packet_->pts = std::max(packet_->pts, packet_->dts);
  if (track.samples > 1) {
    track.step_before = track.samples > 2 ? track.step : 0;
    track.step = packet_->dts - track.last_dts;
  }
  track.last_dts = packet_->dts;
  // MP4 ends a track with its last sample's end: one of no length would not be shown.
  if (packet_->duration == 0)
    packet_->duration = last_length(track.step, track.step_before, av_rescale_q(1, {1, 1}, base));
  const int written = format_ == Format::fmp4 ? hold(track) : av_write_frame(context_, packet_);
  av_packet_unref(packet_);
  if (written < 0 || file_error_) return std::unexpected(failure("write", written));
  return {};
}

/// Where a fragment begins, libavformat lets a track go on at the end of its sample before. So that this is
/// the true time, a sample is written when the next one has told how long it lasts.
int LibavMuxer::hold(Track& track) {
  if (track.held == nullptr && (track.held = av_packet_alloc()) == nullptr) return AVERROR(ENOMEM);
  int written = 0;
  if (track.held->data != nullptr) {
    track.held->duration = packet_->dts - track.held->dts;
    written = av_write_frame(context_, track.held);
    av_packet_unref(track.held);
  }
  const int copied = av_packet_ref(track.held, packet_);
  return written < 0 ? written : copied;
}

Result<void> LibavMuxer::finish() {
  int ended = 0;
  for (const Track& track : tracks_)
    if (track.held != nullptr && ended >= 0) ended = av_write_frame(context_, track.held);
  if (ended >= 0) ended = av_write_trailer(context_);
  avio_flush(context_->pb);
  if (ended < 0 || file_error_) return std::unexpected(failure("finish", ended));
  return out_->publish();
}

}  // namespace rtpx
