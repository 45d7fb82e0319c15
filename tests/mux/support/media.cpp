#include "mux/support/media.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/md5.h>
#include <libavutil/opt.h>
}
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#include "media/libav_versions.hpp"
#include "support/captures.hpp"

// x265 3.5 does not free all that it allocates when an encoder is closed; Fontconfig keeps what it has read
// to the end.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libx265\nleak:libfontconfig";
}

namespace rtpx::test {
namespace {

struct Free {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
};
using Context = std::unique_ptr<AVCodecContext, Free>;
using FramePtr = std::unique_ptr<AVFrame, Free>;
using PacketPtr = std::unique_ptr<AVPacket, Free>;

constexpr AVRational kNanoseconds{1, 1'000'000'000};

std::string md5(const std::uint8_t* data, std::size_t size) {
  std::array<std::uint8_t, 16> digest;
  av_md5_sum(digest.data(), data, static_cast<int>(size));
  std::string text;
  for (const auto octet : digest) {
    std::array<char, 3> two;
    std::snprintf(two.data(), two.size(), "%02x", octet);
    text += two.data();
  }
  return text;
}

std::string hash_of(const AVFrame& frame) {
  std::vector<std::uint8_t> flat;
  if (frame.width > 0) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    flat.resize(static_cast<std::size_t>(av_image_get_buffer_size(format, frame.width, frame.height, 1)));
    av_image_copy_to_buffer(flat.data(), static_cast<int>(flat.size()), frame.data, frame.linesize, format,
                            frame.width, frame.height, 1);
  } else {
    const auto format = static_cast<AVSampleFormat>(frame.format);
    const int planes = av_sample_fmt_is_planar(format) ? frame.ch_layout.nb_channels : 1;
    const int step = av_get_bytes_per_sample(format) * (planes == 1 ? frame.ch_layout.nb_channels : 1);
    for (int plane = 0; plane < planes; ++plane)
      flat.insert(flat.end(), frame.extended_data[plane],
                  frame.extended_data[plane] + frame.nb_samples * step);
  }
  return md5(flat.data(), flat.size());
}

// A moving gradient with a block of texture: something to predict, something to code.
void paint(AVFrame& frame, const VideoSource& source, int number) {
  const bool black = number < source.black_frames;
  const int signal = number % source.fps - static_cast<int>(kSignal * source.fps);
  const bool white = source.flashes && signal >= 0 && signal < 2;
  for (int plane = 0; plane < 3; ++plane) {
    const int shift = plane == 0 ? 0 : 1;
    for (int y = 0; y < source.height >> shift; ++y)
      for (int x = 0; x < source.width >> shift; ++x) {
        int value = plane == 0 ? (x * 2 + y + number * 4 + source.seed * 40) & 0xFF
                               : 64 + ((x + number + source.seed * 30) & 0x7F);
        if (plane == 0 && ((x / 8 + y / 8 + number) % 5) == 0) value = (value + 97 * ((x ^ y) & 3)) & 0xFF;
        if (source.flashes && plane == 0) value /= 3;
        if (white) value = plane == 0 ? 235 : 128;
        if (black) value = plane == 0 ? 16 : 128;
        frame.data[plane][y * frame.linesize[plane] + x] = static_cast<std::uint8_t>(value);
      }
  }
}

void collect(AVCodecContext& encoder, AVFrame* frame, std::vector<PacketPtr>& packets) {
  avcodec_send_frame(&encoder, frame);
  PacketPtr packet(av_packet_alloc());
  while (avcodec_receive_packet(&encoder, packet.get()) == 0) {
    packets.push_back(std::move(packet));
    packet.reset(av_packet_alloc());
  }
}

const char* mime_of(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_VP8:
      return "video/VP8";
    case AV_CODEC_ID_VP9:
      return "video/VP9";
    case AV_CODEC_ID_AV1:
      return "video/AV1";
    case AV_CODEC_ID_H264:
      return "video/H264";
    case AV_CODEC_ID_HEVC:
      return "video/H265";
    case AV_CODEC_ID_OPUS:
      return "audio/opus";
    case AV_CODEC_ID_PCM_MULAW:
      return "audio/PCMU";
    case AV_CODEC_ID_PCM_ALAW:
      return "audio/PCMA";
    case AV_CODEC_ID_ADPCM_G722:
      return "audio/G722";
    case AV_CODEC_ID_PCM_S16LE:
      return "audio/L16";
    case AV_CODEC_ID_AAC:
      return "audio/AAC";
    case AV_CODEC_ID_FLAC:
      return "audio/FLAC";
    default:
      return "";
  }
}

// libavformat's own Matroska writer turns an encoder's packets into the form that containers hold.
EncodedStream through_libavformat(AVCodecContext& encoder, const std::vector<PacketPtr>& packets) {
  const TempDir folder;
  const std::string name = (folder / "as_container.mkv").string();
  AVFormatContext* out = nullptr;
  avformat_alloc_output_context2(&out, nullptr, "matroska", name.c_str());
  AVStream* stream = avformat_new_stream(out, nullptr);
  avcodec_parameters_from_context(stream->codecpar, &encoder);
  avio_open(&out->pb, name.c_str(), AVIO_FLAG_WRITE);
  if (avformat_write_header(out, nullptr) < 0) return {};
  for (const PacketPtr& packet : packets) {
    PacketPtr copy(av_packet_clone(packet.get()));
    av_packet_rescale_ts(copy.get(), encoder.time_base, stream->time_base);
    av_write_frame(out, copy.get());
  }
  av_write_trailer(out);
  avio_closep(&out->pb);
  avformat_free_context(out);

  EncodedStream result;
  AVFormatContext* in = nullptr;
  avformat_open_input(&in, name.c_str(), nullptr, nullptr);
  const AVCodecParameters& parameters = *in->streams[0]->codecpar;
  StreamConfig& config = result.track.config;
  config.codec_private.resize(static_cast<std::size_t>(parameters.extradata_size));
  if (parameters.extradata_size > 0)
    std::memcpy(config.codec_private.data(), parameters.extradata, config.codec_private.size());
  PacketPtr packet(av_packet_alloc());
  while (av_read_frame(in, packet.get()) == 0) {
    EncodedPacket one;
    const auto* bytes = reinterpret_cast<const std::byte*>(packet->data);
    one.data.assign(bytes, bytes + packet->size);
    one.keyframe = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    result.packets.push_back(std::move(one));
    av_packet_unref(packet.get());
  }
  avformat_close_input(&in);
  return result;
}

struct Decoder {
  Context context;
  FramePtr frame{av_frame_alloc()};
  DecodedStream* stream = nullptr;

  void feed(const AVPacket* packet) {
    if (avcodec_send_packet(context.get(), packet) < 0) ++stream->decode_errors;
    int got = 0;
    while ((got = avcodec_receive_frame(context.get(), frame.get())) == 0) {
      if (frame->decode_error_flags != 0) ++stream->decode_errors;
      stream->hashes.push_back(hash_of(*frame));
      if (frame->width > 0) stream->picture_sizes.emplace_back(frame->width, frame->height);
      stream->samples += frame->nb_samples;
    }
    if (got != AVERROR(EAGAIN) && got != AVERROR_EOF) ++stream->decode_errors;
  }
};

Context open_decoder(const AVCodecParameters& parameters) {
  const AVCodec* codec = parameters.codec_id == AV_CODEC_ID_AV1 ? avcodec_find_decoder_by_name("libdav1d")
                                                                : avcodec_find_decoder(parameters.codec_id);
  Context context(avcodec_alloc_context3(codec));
  avcodec_parameters_to_context(context.get(), &parameters);
  context->thread_count = 1;
  context->err_recognition = AV_EF_EXPLODE;
  if (avcodec_open2(context.get(), codec, nullptr) < 0) return nullptr;
  return context;
}

Context open_encoder(const std::string& name, const std::vector<std::pair<std::string, std::string>>& options,
                     const auto& set_up) {
  av_log_set_level(AV_LOG_ERROR);
  const AVCodec* codec = avcodec_find_encoder_by_name(name.c_str());
  if (codec == nullptr) return nullptr;
  Context context(avcodec_alloc_context3(codec));
  set_up(*context, *codec);
  AVDictionary* dictionary = nullptr;
  for (const auto& [key, value] : options) av_dict_set(&dictionary, key.c_str(), value.c_str(), 0);
  const int opened = avcodec_open2(context.get(), codec, &dictionary);
  av_dict_free(&dictionary);
  if (opened < 0) return nullptr;
  return context;
}

// What a decoder makes of the very packets that the encoder gave.
std::vector<std::string> decode_packets(AVCodecContext& encoder, const std::vector<PacketPtr>& packets) {
  AVCodecParameters* parameters = avcodec_parameters_alloc();
  avcodec_parameters_from_context(parameters, &encoder);
  DecodedStream decoded;
  Decoder decoder{open_decoder(*parameters)};
  decoder.stream = &decoded;
  avcodec_parameters_free(&parameters);
  for (const PacketPtr& packet : packets) decoder.feed(packet.get());
  decoder.feed(nullptr);
  return decoded.hashes;
}

}  // namespace

EncodedStream encode_video(const VideoSource& source) {
  auto options = source.options;
  if (source.encoder == "libvpx" || source.encoder == "libvpx-vp9")
    options.insert(options.begin(), {{"deadline", "realtime"}, {"cpu-used", "8"}, {"lag-in-frames", "0"}});
  if (source.encoder == "libx264" || source.encoder == "libx265")
    options.insert(options.begin(), {{"preset", "ultrafast"}, {"tune", "zerolatency"}});
  if (source.encoder == "libx265") options.push_back({"x265-params", "log-level=error:repeat-headers=0"});
  if (source.encoder == "libaom-av1")
    options.insert(options.begin(), {{"cpu-used", "8"}, {"usage", "realtime"}, {"lag-in-frames", "0"}});
  const Context encoder = open_encoder(source.encoder, options, [&](AVCodecContext& c, const AVCodec&) {
    c.width = source.width;
    c.height = source.height;
    c.pix_fmt = AV_PIX_FMT_YUV420P;
    c.time_base = {1, source.fps};
    c.framerate = {source.fps, 1};
    c.gop_size = source.gop;
    c.max_b_frames = 0;
    c.bit_rate = 500'000;
    c.thread_count = 1;
    c.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  });
  if (!encoder) return {};
  std::vector<PacketPtr> packets;
  const FramePtr frame(av_frame_alloc());
  frame->format = AV_PIX_FMT_YUV420P;
  frame->width = source.width;
  frame->height = source.height;
  av_frame_get_buffer(frame.get(), 0);
  for (int number = 0; number < source.frames; ++number) {
    av_frame_make_writable(frame.get());
    paint(*frame, source, number);
    frame->pts = number;
    collect(*encoder, frame.get(), packets);
  }
  collect(*encoder, nullptr, packets);

  EncodedStream stream = through_libavformat(*encoder, packets);
  stream.track.kind = MediaKind::video;
  stream.track.mime_type = mime_of(encoder->codec_id);
  stream.track.config.width = source.width;
  stream.track.config.height = source.height;
  for (std::size_t i = 0; i < stream.packets.size(); ++i) {
    stream.packets[i].time_ns = av_rescale_q(packets[i]->pts, encoder->time_base, kNanoseconds);
    stream.packets[i].duration_ns = 1'000'000'000 / source.fps;
  }
  if (encoder->codec_id == AV_CODEC_ID_VP8 || encoder->codec_id == AV_CODEC_ID_VP9)
    stream.track.config.codec_private.clear();
  stream.hashes = decode_packets(*encoder, packets);
  return stream;
}

double sound(const AudioSource& source, double time) {
  const double since = time - std::floor(time) - kSignal;
  if (source.beeps && (since < 0 || since >= 0.1))
    return 0.005 * std::sin(2 * M_PI * source.frequency * time);
  if (!source.voice) return 0.4 * std::sin(2 * M_PI * source.frequency * time);
  const double pitch = 2 * M_PI * (140 * time + 6 * std::sin(2 * M_PI * 1.3 * time));
  double value = 0;
  for (int overtone = 1; overtone < 20; ++overtone)
    value += std::sin(pitch * overtone) / (overtone + 3 * std::fabs(std::sin(3 * time + overtone)));
  return 0.2 * value * std::max(0.0, std::sin(2 * M_PI * 3.1 * time));
}

EncodedStream encode_audio(const AudioSource& source) {
  const Context encoder =
      open_encoder(source.encoder, source.options, [&](AVCodecContext& c, const AVCodec& codec) {
        c.sample_rate = source.sample_rate;
        av_channel_layout_default(&c.ch_layout, source.channels);
        c.sample_fmt = libav::sample_formats_of(codec).front();
        c.time_base = {1, source.sample_rate};
        c.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
      });
  if (!encoder) return {};
  const int frame_size = encoder->frame_size > 0 ? encoder->frame_size : source.sample_rate / 50;
  std::vector<PacketPtr> packets;
  const FramePtr frame(av_frame_alloc());
  frame->format = encoder->sample_fmt;
  frame->sample_rate = source.sample_rate;
  frame->nb_samples = frame_size;
  av_channel_layout_copy(&frame->ch_layout, &encoder->ch_layout);
  av_frame_get_buffer(frame.get(), 0);
  const auto total = static_cast<std::int64_t>(source.seconds * source.sample_rate);
  for (std::int64_t at = 0; at < total; at += frame_size) {
    av_frame_make_writable(frame.get());
    frame->pts = at;
    const bool planar = av_sample_fmt_is_planar(encoder->sample_fmt) != 0;
    for (int i = 0; i < frame_size; ++i)
      for (int channel = 0; channel < source.channels; ++channel) {
        const double value = sound(source, static_cast<double>(at + i) / source.sample_rate);
        std::uint8_t* plane = frame->extended_data[planar ? channel : 0];
        const int place = planar ? i : i * source.channels + channel;
        if (encoder->sample_fmt == AV_SAMPLE_FMT_FLT || encoder->sample_fmt == AV_SAMPLE_FMT_FLTP)
          reinterpret_cast<float*>(plane)[place] = static_cast<float>(value);
        else
          reinterpret_cast<std::int16_t*>(plane)[place] = static_cast<std::int16_t>(value * 32767);
      }
    collect(*encoder, frame.get(), packets);
  }
  collect(*encoder, nullptr, packets);

  EncodedStream stream;
  for (const PacketPtr& packet : packets) {
    EncodedPacket one;
    const auto* bytes = reinterpret_cast<const std::byte*>(packet->data);
    one.data.assign(bytes, bytes + packet->size);
    one.time_ns =
        static_cast<std::int64_t>(stream.packets.size()) * frame_size * 1'000'000'000LL / source.sample_rate;
    one.duration_ns = frame_size * 1'000'000'000LL / source.sample_rate;
    one.keyframe = true;
    if (!one.data.empty()) stream.packets.push_back(std::move(one));
  }
  StreamConfig& config = stream.track.config;
  config.codec_private.resize(static_cast<std::size_t>(encoder->extradata_size));
  if (encoder->extradata_size > 0)
    std::memcpy(config.codec_private.data(), encoder->extradata, config.codec_private.size());
  stream.track.kind = MediaKind::audio;
  stream.track.mime_type = mime_of(encoder->codec_id);
  config.sample_rate = static_cast<std::uint32_t>(source.sample_rate);
  config.channels = static_cast<std::uint16_t>(source.channels);
  if (encoder->codec_id != AV_CODEC_ID_OPUS && encoder->initial_padding > 0)
    stream.track.codec_delay_ns = encoder->initial_padding * 1'000'000'000LL / source.sample_rate;
  stream.hashes = decode_packets(*encoder, packets);
  return stream;
}

DecodedFile decode_file(const std::filesystem::path& file) {
  av_log_set_level(AV_LOG_ERROR);
  DecodedFile result;
  AVFormatContext* in = nullptr;
  if (const int opened = avformat_open_input(&in, file.c_str(), nullptr, nullptr); opened < 0) {
    std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
    av_strerror(opened, text.data(), text.size());
    result.error = text.data();
    return result;
  }
  avformat_find_stream_info(in, nullptr);
  result.format = in->iformat->name;
  result.duration_ns = in->duration == AV_NOPTS_VALUE ? 0 : in->duration * 1000;
  result.streams.resize(in->nb_streams);
  std::vector<Decoder> decoders;
  for (unsigned i = 0; i < in->nb_streams; ++i) {
    DecodedStream& stream = result.streams[i];
    const AVCodecParameters& parameters = *in->streams[i]->codecpar;
    stream.codec = avcodec_get_name(parameters.codec_id);
    stream.width = parameters.width;
    stream.height = parameters.height;
    stream.sample_rate = parameters.sample_rate;
    stream.channels = parameters.ch_layout.nb_channels;
    const auto* extradata = reinterpret_cast<const std::byte*>(parameters.extradata);
    stream.extradata.assign(extradata, extradata + parameters.extradata_size);
    if (const auto* matrix = libav::display_matrix(*in->streams[i])) {
      stream.display_matrix = true;
      stream.rotation = av_display_rotation_get(matrix);
    }
    decoders.push_back({open_decoder(parameters)});
    decoders.back().stream = &stream;
  }
  const PacketPtr packet(av_packet_alloc());
  while (av_read_frame(in, packet.get()) == 0) {
    Decoder& decoder = decoders[static_cast<std::size_t>(packet->stream_index)];
    decoder.stream->times_ns.push_back(
        av_rescale_q(packet->pts, in->streams[packet->stream_index]->time_base, kNanoseconds));
    decoder.stream->durations_ns.push_back(
        av_rescale_q(packet->duration, in->streams[packet->stream_index]->time_base, kNanoseconds));
    decoder.stream->sizes.push_back(static_cast<std::size_t>(packet->size));
    decoder.stream->keyframes.push_back((packet->flags & AV_PKT_FLAG_KEY) != 0);
    if (decoder.context) decoder.feed(packet.get());
    av_packet_unref(packet.get());
  }
  for (Decoder& decoder : decoders)
    if (decoder.context) decoder.feed(nullptr);
  avformat_close_input(&in);
  return result;
}

Result<void> mux(Format format, const std::filesystem::path& file, const std::vector<EncodedStream>& streams,
                 MuxHints hints) {
  std::vector<OutputTrack> tracks;
  for (const EncodedStream& stream : streams) {
    tracks.push_back(stream.track);
    if (stream.packets.empty()) continue;
    hints.duration_ns =
        std::max(hints.duration_ns, stream.packets.back().time_ns + stream.packets.back().duration_ns);
    if (hints.cue_points == 0 && stream.track.kind == MediaKind::video)
      for (const EncodedPacket& packet : stream.packets) hints.cue_points += packet.keyframe ? 1 : 0;
  }
  auto muxer = open_muxer(format, file, tracks, hints);
  if (!muxer) return std::unexpected(muxer.error());
  std::vector<std::size_t> next(streams.size(), 0);
  for (;;) {
    std::size_t earliest = streams.size();
    for (std::size_t i = 0; i < streams.size(); ++i)
      if (next[i] < streams[i].packets.size() &&
          (earliest == streams.size() ||
           streams[i].packets[next[i]].time_ns < streams[earliest].packets[next[earliest]].time_ns))
        earliest = i;
    if (earliest == streams.size()) break;
    const EncodedPacket& packet = streams[earliest].packets[next[earliest]++];
    Sample sample;
    sample.track = earliest;
    sample.time_ns = packet.time_ns;
    sample.duration_ns = packet.duration_ns;
    sample.keyframe = packet.keyframe;
    sample.data = packet.data;
    if (auto written = (*muxer)->write(sample); !written) return written;
  }
  return (*muxer)->finish();
}

CommandOutput run(const std::string& command) {
  CommandOutput output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return output;
  std::array<char, 4096> chunk;
  for (std::size_t count; (count = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    output.text.append(chunk.data(), count);
  const int status = ::pclose(pipe);
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

}  // namespace rtpx::test
