#include "report/notes.hpp"

namespace rtpx {

// What is skipped and belongs to no track is a picture or a report beside the media.
bool tells_a_loss(const ConvertNote& note) noexcept {
  return note.severity == ConvertNote::Severity::loss ||
         (note.severity == ConvertNote::Severity::skipped && !note.track_id.empty());
}

const char* name_of(ConvertNote::Severity severity) noexcept {
  switch (severity) {
    case ConvertNote::Severity::info:
      return "info";
    case ConvertNote::Severity::loss:
      return "loss";
    case ConvertNote::Severity::skipped:
      return "skipped";
  }
  return "info";
}

}  // namespace rtpx
