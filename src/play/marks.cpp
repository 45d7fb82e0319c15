#include "play/marks.hpp"

#include <algorithm>

#include "base/webvtt.hpp"
#include "play/printed.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kMarkShownNs = 5'000'000'000;  // or until the next one

const Rendition* followed(const Program& program) {
  const auto found = std::ranges::find(program.renditions, program.first_shown, &Rendition::id);
  return found == program.renditions.end() ? nullptr : &*found;
}

}  // namespace

bool shows_marks(const Program& program, const std::vector<PlayedMark>& marks) {
  if (followed(program) == nullptr) return false;
  return program.growing || std::ranges::any_of(marks, [&](const PlayedMark& mark) {
           return mark.time_ns >= program.start_ns && mark.time_ns < program.end_ns;
         });
}

std::string marks_folder(std::size_t program) {
  return program == 0 ? "marks" : "marks-" + std::to_string(program + 1);
}

std::string marks_playlist(const Program& program, const PlayAddresses& addresses) {
  const Rendition* rendition = followed(program);
  MediaPlaylistText text(program, addresses);
  if (rendition == nullptr) return text.end();
  for (std::size_t number = 0; number < rendition->list.segments.size(); ++number) {
    PlayedSegment segment = rendition->list.segments[number];
    segment.kind = PlayedSegment::Kind::media;  // a picture may be missing, marks are not
    text.segment(segment, "", std::to_string(number) + ".vtt");
  }
  return text.end();
}

std::optional<std::string> marks_segment(const Program& program, const std::vector<PlayedMark>& marks,
                                         std::size_t number) {
  const Rendition* rendition = followed(program);
  if (rendition == nullptr || number >= rendition->list.segments.size()) return std::nullopt;
  const PlayedSegment& segment = rendition->list.segments[number];
  std::string out = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n";
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const std::int64_t start = marks[i].time_ns;
    std::int64_t end = start + kMarkShownNs;
    if (i + 1 < marks.size()) end = std::min(end, std::max(marks[i + 1].time_ns, start + 1'000'000));
    // One that goes on into the next segment stands in both (section 3.1.4).
    if (start >= segment.end_ns || end <= segment.start_ns || start < program.start_ns) continue;
    out += webvtt_cue(start - program.start_ns, end - program.start_ns, webvtt_text(marks[i].text));
  }
  return out;
}

}  // namespace rtpx
