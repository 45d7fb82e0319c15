#include "mux/annexb_writer.hpp"

#include <array>

#include "mux/parameter_sets.hpp"

namespace rtpx {

Result<std::unique_ptr<Muxer>> AnnexBWriter::open(const std::filesystem::path& path, const OutputTrack& track,
                                                  FileSystem& files) {
  auto out = PublishedFile::create(path, files);
  if (!out) return std::unexpected(out.error());
  return std::make_unique<AnnexBWriter>(std::move(*out), track);
}

AnnexBWriter::AnnexBWriter(std::unique_ptr<PublishedFile> out, const OutputTrack& track)
    : out_(std::move(out)), codec_(*codec_of(track.mime_type)), config_(track.config.codec_private) {}

Result<void> AnnexBWriter::write_nals(Bytes length_prefixed) {
  static constexpr std::array kStartCode{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
  ByteReader in(length_prefixed);
  while (!in.empty()) {
    const Bytes nal = in.take(in.u32());
    if (!in.ok())
      return fail(Errc::malformed, out_->path().string() +
                                       ": a NAL unit runs over the end of its access unit of " +
                                       std::to_string(length_prefixed.size()) + " bytes");
    if (auto written = out_->append(kStartCode); !written) return written;
    if (auto written = out_->append(nal); !written) return written;
  }
  return {};
}

Result<void> AnnexBWriter::write(const Sample& sample) {
  if (sample.new_config != nullptr) config_ = sample.new_config->codec_private;
  if (!config_.empty()) {
    const auto sets = missing_parameter_sets(codec_, config_, sample.data);
    if (!sets)
      return std::unexpected(Error{sets.error().code, out_->path().string() + ": " + sets.error().message});
    if (auto written = write_nals(*sets); !written) return written;
    config_.clear();
  }
  return write_nals(sample.data);
}

}  // namespace rtpx
