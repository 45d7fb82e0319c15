#include "media/video_reader.hpp"

#include "media/libav_quiet.hpp"
#include "media/libav_versions.hpp"

namespace rtpx {

Result<std::unique_ptr<VideoReader>> VideoReader::open(const std::filesystem::path& file, int threads) {
  quiet_libav();
  auto reader = std::make_unique<VideoReader>();
  reader->file_ = file;
  AVFormatContext* input = nullptr;
  // "file:" keeps a name such as "concat:x" from being taken for a protocol.
  if (const int opened = avformat_open_input(&input, ("file:" + file.string()).c_str(), nullptr, nullptr);
      opened < 0)
    return std::unexpected(libav::error("open " + file.string(), opened));
  reader->input_.reset(input);
  if (const int found = avformat_find_stream_info(input, nullptr); found < 0)
    return std::unexpected(libav::error("read " + file.string(), found));
  for (unsigned i = 0; i < input->nb_streams && reader->stream_ < 0; ++i)
    if (input->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO) reader->stream_ = static_cast<int>(i);
  if (reader->stream_ < 0) return fail(Errc::malformed, file.string() + " has no video");
  for (unsigned i = 0; i < input->nb_streams; ++i)
    if (static_cast<int>(i) != reader->stream_) input->streams[i]->discard = AVDISCARD_ALL;

  auto decoder = libav::open_decoder(*reader->stream().codecpar, threads);
  if (!decoder)
    return std::unexpected(Error{decoder.error().code, file.string() + ": " + decoder.error().message});
  reader->decoder_ = std::move(*decoder);
  reader->orientation_ = orientation_of(libav::display_matrix(reader->stream()));
  return reader;
}

std::int64_t VideoReader::duration_ns() const noexcept {
  return input_->duration == AV_NOPTS_VALUE ? 0 : input_->duration * 1'000;
}

std::int64_t VideoReader::time_ns(const AVFrame& picture) const noexcept {
  const std::int64_t time = picture.best_effort_timestamp;
  return time == AV_NOPTS_VALUE ? 0 : av_rescale_q(time, stream().time_base, libav::kNanoseconds);
}

std::optional<std::int64_t> VideoReader::keyframe_before(std::int64_t time_ns) const noexcept {
  const std::int64_t target = av_rescale_q(time_ns, libav::kNanoseconds, stream().time_base);
  const AVIndexEntry* entry =
      avformat_index_get_entry_from_timestamp(&stream(), target, AVSEEK_FLAG_BACKWARD);
  if (entry == nullptr) return std::nullopt;
  return av_rescale_q(entry->timestamp, stream().time_base, libav::kNanoseconds);
}

// Gives the decoder one packet; false when there is no more.
Result<bool> VideoReader::feed() {
  for (;;) {
    const int got = av_read_frame(input_.get(), packet_.get());
    if (got == AVERROR(EIO)) return std::unexpected(libav::error("read " + file_.string(), got));
    if (got < 0) return false;
    const bool wanted =
        packet_->stream_index == stream_ && (!only_keyframes_ || (packet_->flags & AV_PKT_FLAG_KEY) != 0);
    if (wanted)
      (void)avcodec_send_packet(decoder_.get(), packet_.get());  // undecodable: no picture comes of it
    av_packet_unref(packet_.get());
    if (!wanted) continue;
    if (only_keyframes_ && decoder_->has_b_frames > 0) {  // it would wait for the next picture
      (void)avcodec_send_packet(decoder_.get(), nullptr);
    }
    return true;
  }
}

Result<const AVFrame*> VideoReader::next() {
  for (;;) {
    const int got = avcodec_receive_frame(decoder_.get(), frame_.get());
    if (got == 0) return frame_.get();
    if (got == AVERROR_EOF && drained_) return nullptr;
    if (got == AVERROR_EOF) avcodec_flush_buffers(decoder_.get());
    if (drained_) return nullptr;
    const auto more = feed();
    if (!more) return std::unexpected(more.error());
    if (!*more) {
      drained_ = true;
      (void)avcodec_send_packet(decoder_.get(), nullptr);
    }
  }
}

Result<void> VideoReader::seek(std::int64_t time_ns) {
  const std::int64_t target = av_rescale_q(time_ns, libav::kNanoseconds, stream().time_base);
  int sought = av_seek_frame(input_.get(), stream_, target, AVSEEK_FLAG_BACKWARD);
  if (sought < 0) sought = av_seek_frame(input_.get(), stream_, 0, 0);
  if (sought < 0) return std::unexpected(libav::error("seek in " + file_.string(), sought));
  avcodec_flush_buffers(decoder_.get());
  drained_ = false;
  return {};
}

}  // namespace rtpx
