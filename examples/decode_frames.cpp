// Feeds a decoder: decodes a recording's first picture track from a time on and says how bright each picture
// is. FFmpeg's libavcodec decodes here; any decoder that takes a codec's own frames does.
//
// usage: decode_frames RECORDING [SECONDS [PICTURES]]
extern "C" {
#include <libavcodec/avcodec.h>
}

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "rtpx/reader.hpp"

namespace {

AVCodecID codec_of(std::string_view mime_type) {
  if (mime_type == "video/VP8") return AV_CODEC_ID_VP8;
  if (mime_type == "video/VP9") return AV_CODEC_ID_VP9;
  if (mime_type == "video/AV1") return AV_CODEC_ID_AV1;
  if (mime_type == "video/H264") return AV_CODEC_ID_H264;
  if (mime_type == "video/H265") return AV_CODEC_ID_HEVC;
  return AV_CODEC_ID_NONE;
}

/// A decoder for frames like this one; it is given the codec's configuration (avcC, hvcC, av1C) as extradata.
AVCodecContext* open_decoder(const rtpx::MediaFrame& frame) {
  const AVCodecID id = codec_of(frame.mime_type);
  const AVCodec* codec =
      id == AV_CODEC_ID_AV1 ? avcodec_find_decoder_by_name("libdav1d") : avcodec_find_decoder(id);
  if (codec == nullptr) return nullptr;
  AVCodecContext* decoder = avcodec_alloc_context3(codec);
  const bool has_private = id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_HEVC || id == AV_CODEC_ID_AV1;
  if (has_private && !frame.codec_private.empty()) {
    decoder->extradata_size = static_cast<int>(frame.codec_private.size());
    decoder->extradata =
        static_cast<std::uint8_t*>(av_mallocz(frame.codec_private.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    std::memcpy(decoder->extradata, frame.codec_private.data(), frame.codec_private.size());
  }
  decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
  if (avcodec_open2(decoder, codec, nullptr) < 0) avcodec_free_context(&decoder);
  return decoder;
}

void tell(const AVFrame& picture) {
  double sum = 0;
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) sum += picture.data[0][y * picture.linesize[0] + x];
  std::printf("%12.3f ms %dx%d brightness %.1f\n", static_cast<double>(picture.pts) / 1e6, picture.width,
              picture.height, sum / picture.width / picture.height);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: decode_frames RECORDING [SECONDS [PICTURES]]\n");
    return 2;
  }
  const auto from_ns = static_cast<std::int64_t>((argc > 2 ? std::atof(argv[2]) : 0) * 1e9);
  int left = argc > 3 ? std::atoi(argv[3]) : 10;
  const auto reader = rtpx::Reader::open(argv[1]);
  if (!reader) {
    std::fprintf(stderr, "decode_frames: %s\n", reader.error().message.c_str());
    return 3;
  }
  for (const rtpx::ReaderTrack& track : reader->tracks()) {
    if (track.kind != rtpx::MediaKind::video || track.layers.empty()) continue;
    auto frames = reader->frames(track.id, {}, from_ns);  // begins at the keyframe before that time
    AVCodecContext* decoder = nullptr;
    AVPacket* packet = av_packet_alloc();
    AVFrame* picture = av_frame_alloc();
    std::string decoding;
    rtpx::MediaFrame frame;
    while (frames && left > 0) {
      const auto next = frames->next(frame);
      if (!next || *next != rtpx::Next::frame) break;
      if (decoding != frame.mime_type) {  // the first frame, or another codec in mid-call
        avcodec_free_context(&decoder);
        decoder = open_decoder(frame);
        decoding = frame.mime_type;
        if (decoder == nullptr) break;
      }
      // The decoder may read a little beyond the data: it gets a copy with padding.
      if (av_new_packet(packet, static_cast<int>(frame.data.size())) < 0) break;
      std::memcpy(packet->data, frame.data.data(), frame.data.size());
      packet->pts = frame.time_ns;
      (void)avcodec_send_packet(decoder, packet);
      av_packet_unref(packet);
      while (avcodec_receive_frame(decoder, picture) == 0)
        if (picture->pts >= from_ns && left-- > 0)
          tell(*picture);  // what comes before was only needed to decode
    }
    avcodec_free_context(&decoder);
    av_packet_free(&packet);
    av_frame_free(&picture);
    return 0;
  }
  std::fprintf(stderr, "decode_frames: there are no pictures\n");
  return 3;
}
