#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mux/muxer.hpp"
#include "mux/published_file.hpp"

namespace rtpx {

/// What both MP4 writers begin with.
class Mp4Muxer : public Muxer {
 public:
  /// A `Writer` of a file that it creates. Errors: those of the file, and of Mp4Track::make().
  template <typename Writer>
  [[nodiscard]] static Result<std::unique_ptr<Muxer>> open(const std::filesystem::path& path,
                                                           const std::vector<OutputTrack>& tracks,
                                                           const MuxHints& hints, FileSystem& files) {
    auto out = PublishedFile::create(path, files);
    if (!out) return std::unexpected(out.error());
    std::unique_ptr<Mp4Muxer> writer = std::make_unique<Writer>(std::move(*out), hints);
    if (auto ready = writer->set_up(tracks); !ready) return std::unexpected(ready.error());
    return writer;
  }

 protected:
  Mp4Muxer(std::unique_ptr<PublishedFile> out, const MuxHints& hints) : out_(std::move(out)), hints_(hints) {}
  /// Takes the tracks and writes what stands before the first sample.
  virtual Result<void> set_up(const std::vector<OutputTrack>& tracks) = 0;
  /// The error with the file's name in front.
  [[nodiscard]] Unexpected<Error> failure(const Error& error) const {
    return fail(error.code, out_->path().string() + ": " + error.message);
  }
  /// Of a sample of a track that there is not, or from before the file begins.
  [[nodiscard]] Unexpected<Error> no_place(const Sample& sample) const {
    return failure({Errc::invalid_argument, "a sample of track " + std::to_string(sample.track) + " at " +
                                                std::to_string(sample.time_ns) +
                                                " ns has no place in the file"});
  }

  std::unique_ptr<PublishedFile> out_;
  MuxHints hints_;
};

}  // namespace rtpx
